"""TRL's DPO trainer with a weight and a target for each pair and a weight for each token, on given
token ids. Imported only when something is trained."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from datasets import Dataset
from torch.nn.utils.rnn import pad_sequence
from trl.trainer.dpo_config import DPOConfig
from trl.trainer.dpo_trainer import DataCollatorForPreference, DPOTrainer

from trainers.dpo.losses import Anchor, Loss, anchored, mixture
from trainers.training.loop import PairTrainer, padding_of, single_device, with_confidences
from trainers.training.reference_logprobs import CELLS, Reference, batches
from trainers.training.shared_batches import spread


@dataclass
class PairCollator(DataCollatorForPreference):
    """TRL's batch, chosen above rejected, with our columns: ``weight`` and ``target``,
    Float[pairs], and ``token_weights``, Float[2 · pairs, tokens], 0 on prompts and padding."""

    def torch_call(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        batch = with_confidences(super().torch_call(examples), examples)
        weights = [
            torch.tensor([0.0] * len(example["prompt_ids"]) + example["token_weights"][side])
            for side in ("chosen", "rejected")
            for example in examples
        ]
        batch["token_weights"] = pad_sequence(weights, batch_first=True)
        return batch


class PreferenceTrainer(PairTrainer, DPOTrainer):
    """The losses of `trainers.DPO`. The reference is the policy before training."""

    def __init__(
        self,
        *,
        loss: Loss,
        nll: float,
        anchor: Anchor,
        reference: Reference | None,
        **parts: Any,
    ) -> None:
        # Before TRL's __init__, which already calls `_precompute_ref_logps`.
        self._relative, self._per_token = loss != "simpo", loss != "dpo"
        self._reference = reference
        self._nll = nll
        self._anchor: Anchor = anchor
        super().__init__(**parts)

    def _precompute_ref_logps(self, dataset: Dataset, name: str, batch_size: int) -> Dataset:
        # TRL keeps them only in this process, and pads without sorting by length.
        if not self._relative:
            return dataset
        names = ("prompt_ids", "chosen_ids", "rejected_ids", "token_weights")
        examples = dataset.select_columns(names).to_list()
        if self._reference is None:
            log_probs_by_side = self._reference_log_probs(dataset)
        else:
            log_probs_by_side = self._reference.figures(
                examples, lambda: self._reference_log_probs(dataset)
            )
        for column, figures in log_probs_by_side.items():
            dataset = dataset.add_column(column, figures)
        return dataset

    def _reference_log_probs(self, dataset: Dataset) -> dict[str, list[float]]:
        """The weighted log-probs of both sides, in order. Called before the first step only: a LoRA
        adapter adds nothing then, so no second model is needed."""
        examples = list(dataset)
        log_probs_by_side: dict[str, list[float]] = {
            side: [0.0] * len(examples) for side in ("ref_chosen_logps", "ref_rejected_logps")
        }
        # A sharded policy is not on a device before the first step; TRL then has a second model.
        model = self.model if self.ref_model is None else self.ref_model

        def sums_of(batch: Sequence[int]) -> torch.Tensor:
            inputs = self._prepare_inputs(self.data_collator([examples[at] for at in batch]))
            with torch.no_grad(), self.accelerator.autocast():
                log_probs = self._forward(model, inputs).log_probs
            sums: torch.Tensor = (log_probs * inputs["token_weights"][:, 1:]).sum(dim=1)
            return sums.cpu()

        groups = batches(dataset["length"], rows=2, cells=CELLS[self.accelerator.device.type])
        for batch, sums in zip(groups, spread(groups, sums_of), strict=True):
            for figures, sides in zip(log_probs_by_side.values(), sums.chunk(2), strict=True):
                for at, figure in zip(batch, sides.tolist(), strict=True):
                    figures[at] = figure
        return log_probs_by_side

    def mean_loss(self, model: Any, inputs: Mapping[str, Any]) -> tuple[torch.Tensor, Any]:
        """The mean loss of the batch's pairs."""
        outputs = self._forward(model, inputs)
        weights = inputs["token_weights"][:, 1:]
        sums = (outputs.log_probs * weights).sum(dim=1)
        chosen, rejected = sums.chunk(2)
        if self._relative:
            chosen_ratios = chosen - inputs["ref_chosen_logps"]
            rejected_ratios = rejected - inputs["ref_rejected_logps"]
        else:
            chosen_ratios, rejected_ratios = chosen, rejected
        tokens = weights.sum(dim=1) if self._per_token else torch.ones_like(sums)
        rewards = self.beta * torch.cat([chosen_ratios, rejected_ratios]) / tokens
        chosen_rewards, rejected_rewards = rewards.chunk(2)
        loss = mixture(chosen_rewards - rejected_rewards - inputs["target"], inputs["weight"])
        if self._nll:
            chosen_log_probs, _ = outputs.log_probs.sum(dim=1).chunk(2)
            lengths, _ = inputs["completion_mask"].sum(dim=1).chunk(2)
            loss = loss + self._nll * anchored(
                chosen_log_probs, chosen_ratios, lengths, inputs["weight"], self._anchor
            )
        logps = {"logps/chosen": chosen, "logps/rejected": rejected}
        lengths = inputs["completion_mask"].sum(dim=1)
        self.report(chosen_rewards, rejected_rewards, lengths, **logps)
        return loss.mean(), outputs

    def _forward(self, model: Any, inputs: Mapping[str, Any]) -> Any:
        """The outputs. ``log_probs``: Float[2 · pairs, tokens − 1], 0 where the predicted token is
        not part of an answer."""
        return model(
            input_ids=inputs["input_ids"],
            attention_mask=inputs["attention_mask"],
            labels=inputs["input_ids"].masked_fill(inputs["completion_mask"] == 0, -100),
            use_cache=False,
            fused_lm_head=True,
        )


def pair_length(pair: Mapping[str, Any]) -> int:
    """The number of tokens of the prompt and the longer side."""
    return len(pair["prompt_ids"]) + max(len(pair["chosen_ids"]), len(pair["rejected_ids"]))


def preference_trainer(
    encoded: Sequence[dict[str, Any]],
    *,
    arguments: Mapping[str, Any],
    loss: Loss,
    beta: float,
    nll: float,
    anchor: Anchor,
    group_by_length: bool,
    reference: Reference | None = None,
    **parts: Any,
) -> PreferenceTrainer:
    """A trainer on pairs of token ids. Reference log-probs are computed once, before the first
    step, when the policy is its own reference; so no second model is in memory. ``reference``
    stores them."""
    config = DPOConfig(
        **arguments,
        beta=beta,
        loss_type=["sigmoid"],
        max_length=None,
        precompute_ref_log_probs=True,
        train_sampling_strategy="group_by_length" if group_by_length else "random",
        # All columns are used, and TRL does not know ours.
        remove_unused_columns=False,
    )
    pairs = [{**pair, "length": pair_length(pair)} for pair in encoded]
    return PreferenceTrainer(
        loss=loss,
        nll=nll,
        anchor=anchor,
        reference=reference,
        args=single_device(config),
        train_dataset=Dataset.from_list(pairs),
        data_collator=PairCollator(pad_token_id=padding_of(parts["processing_class"])),
        **parts,
    )
