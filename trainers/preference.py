"""TRL's DPO trainer with a confidence for each pair, on ids that are given and never re-split.
Imported only when something is trained."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from datasets import Dataset
from trl.trainer.dpo_config import DPOConfig
from trl.trainer.dpo_trainer import DataCollatorForPreference, DPOTrainer

from trainers.callbacks import Offline
from trainers.training import single_device


@dataclass
class PairCollator(DataCollatorForPreference):
    """TRL's batch, chosen above rejected, and each pair's ``weight``: Float[pairs] in [0, 1]."""

    def torch_call(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        batch: dict[str, Any] = super().torch_call(examples)
        batch["weight"] = torch.tensor([example["weight"] for example in examples])
        return batch


class WeightedDPOTrainer(Offline, DPOTrainer):
    """DPO in which a pair of confidence C costs C·L(chosen, rejected) + (1−C)·L(rejected, chosen).

    C = 1 everywhere is DPO (Rafailov et al. 2023, arXiv:2305.18290); the mixture is CREAM's
    (Wang et al. 2024, arXiv:2410.12735). The reference is the policy as it was given.
    """

    def _prepare_dataset(self, dataset: Dataset, *_: Any) -> Dataset:
        # TRL would render and tokenize again; `trainers.DPO` has done so as the engine does.
        return dataset

    def compute_ref_log_probs(
        self, model: Any, inputs: Mapping[str, Any]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """TRL's, which hands all that it does not know to the model."""
        known = {name: value for name, value in inputs.items() if name != "weight"}
        chosen, rejected = super().compute_ref_log_probs(model, known)  # type: ignore[no-untyped-call]
        return chosen, rejected

    def compute_loss(
        self,
        model: Any,
        inputs: Mapping[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """The mean loss of the batch's pairs."""
        outputs = model(
            input_ids=inputs["input_ids"],
            attention_mask=inputs["attention_mask"],
            labels=inputs["input_ids"].masked_fill(inputs["completion_mask"] == 0, -100),
            use_cache=False,
            fused_lm_head=True,
        )
        chosen, rejected = outputs.log_probs.sum(dim=1).chunk(2)
        chosen_rewards = self.beta * (chosen - inputs["ref_chosen_logps"])
        rejected_rewards = self.beta * (rejected - inputs["ref_rejected_logps"])
        loss = mixture(chosen_rewards - rejected_rewards, inputs["weight"]).mean()
        self._report(chosen_rewards, rejected_rewards, chosen, rejected)
        return (loss, outputs) if return_outputs else loss

    def _report(
        self,
        chosen_rewards: torch.Tensor,
        rejected_rewards: torch.Tensor,
        chosen: torch.Tensor,
        rejected: torch.Tensor,
    ) -> None:
        figures = {
            "rewards/chosen": chosen_rewards,
            "rewards/rejected": rejected_rewards,
            "rewards/accuracies": (chosen_rewards > rejected_rewards).float(),
            "rewards/margins": chosen_rewards - rejected_rewards,
            "logps/chosen": chosen,
            "logps/rejected": rejected,
        }
        metrics = self._metrics["train"]
        for name, figure in figures.items():
            metrics[name].append(figure.detach().mean().item())


def mixture(margin: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """C·L(w, l) + (1−C)·L(l, w) of each pair; both Float[pairs], ``margin`` = r(w) − r(l)."""
    return -weight * F.logsigmoid(margin) - (1 - weight) * F.logsigmoid(-margin)


def preference_trainer(
    encoded: Sequence[dict[str, Any]], *, arguments: Mapping[str, Any], beta: float, **parts: Any
) -> WeightedDPOTrainer:
    """A trainer on pairs of ids. Reference log-probs are computed once, before the first step:
    the policy is its own reference then, so no second model is held in memory."""
    config = DPOConfig(
        **arguments,
        beta=beta,
        loss_type=["sigmoid"],
        max_length=None,
        precompute_ref_log_probs=True,
        # All columns are read, and TRL does not know of "weight".
        remove_unused_columns=False,
    )
    padding = parts["processing_class"].pad_token_id
    return WeightedDPOTrainer(
        args=single_device(config),
        train_dataset=Dataset.from_list(list(encoded)),
        # Padding is masked, so any id will do where a tokenizer has none.
        data_collator=PairCollator(pad_token_id=0 if padding is None else padding),
        **parts,
    )
