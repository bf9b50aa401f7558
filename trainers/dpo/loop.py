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
from trl.trainer.utils import add_fused_lm_head

from engines.protocol import EngineError
from engines.weights import load
from trainers.dpo.losses import Anchor, Loss, anchored, mixture
from trainers.training.division import Division
from trainers.training.loop import PairTrainer, padding_of, single_device, with_confidences
from trainers.training.reference_logprobs import CELLS, Reference, batches
from trainers.training.shared_batches import spread


@dataclass
class PairCollator(DataCollatorForPreference):
    """TRL's batch, chosen above rejected, with our columns: ``weight`` and ``target``,
    Float[pairs], and ``token_weights``, Float[2 · pairs, tokens], 0 on prompts and padding. Of
    answers with degrees ``graded_ids`` and ``graded_mask``, Long[answers, tokens], and their
    ``levels``, Float64[answers]."""

    def torch_call(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        batch = with_confidences(super().torch_call(examples), examples)
        weights = [
            torch.tensor([0.0] * len(example["prompt_ids"]) + example["token_weights"][side])
            for side in ("chosen", "rejected")
            for example in examples
        ]
        batch["token_weights"] = pad_sequence(weights, batch_first=True)
        graded = [torch.tensor(ids) for each in examples for ids in each.get("graded_ids") or ()]
        if graded:
            batch["graded_ids"] = pad_sequence(graded, True, padding_value=self.pad_token_id)
            batch["graded_mask"] = pad_sequence([torch.ones_like(ids) for ids in graded], True)
            levels = [level for each in examples for level in each["levels"]]
            batch["levels"] = torch.tensor(levels, dtype=torch.float64)
        return batch


class PreferenceTrainer(PairTrainer, DPOTrainer):
    """The losses of `trainers.DPO`. The reference is the policy before training, or the model of
    ``other``."""

    collator: type[PairCollator] = PairCollator

    def __init__(
        self,
        *,
        loss: Loss,
        nll: float,
        anchor: Anchor,
        degree: float,
        degree_rate: float,
        levels: Sequence[float],
        reference: Reference | None,
        other: Reference | None = None,
        **parts: Any,
    ) -> None:
        self._degree, self._degree_rate = degree, degree_rate
        self._levels = torch.tensor(levels, dtype=torch.float64)
        if degree:
            model = parts["model"]
            head = torch.nn.Linear(model.config.hidden_size, len(levels))
            for weights in head.parameters():
                torch.nn.init.zeros_(weights)
            # A part of the policy while it is trained, so that what is saved meanwhile has it.
            model.degree = head.to(device=model.device, dtype=model.dtype)
        # Before TRL's __init__, which already calls `_precompute_ref_logps`.
        self._relative, self._per_token = loss != "simpo", loss != "dpo"
        self._reference, self._other = other or reference, other
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
        if self._other is not None and self._other.model is not None:
            model, _ = load(self._other.model)
            add_fused_lm_head(model)
            model = model.to(self.accelerator.device)

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
        loss = self.pair_losses(model, chosen_rewards - rejected_rewards, inputs)
        if self._nll:
            chosen_log_probs, _ = outputs.log_probs.sum(dim=1).chunk(2)
            lengths, _ = inputs["completion_mask"].sum(dim=1).chunk(2)
            loss = loss + self._nll * anchored(
                chosen_log_probs, chosen_ratios, lengths, inputs["weight"], self._anchor
            )
        logps = {"logps/chosen": chosen, "logps/rejected": rejected}
        lengths = inputs["completion_mask"].sum(dim=1)
        self.report(chosen_rewards, rejected_rewards, lengths, **logps)
        total = loss.mean()
        if "levels" in inputs:
            total = total + self._degree * self._degree_loss(model, inputs)
        return total, outputs

    def pair_losses(
        self, model: Any, margins: torch.Tensor, inputs: Mapping[str, Any]
    ) -> torch.Tensor:
        """The loss of each pair, by how much more the policy rewards its chosen side: Float[pairs],
        as ``margins``."""
        return mixture(margins - inputs["target"], inputs["weight"])

    def _degree_loss(self, model: Any, inputs: Mapping[str, Any]) -> torch.Tensor:
        """The mean cross entropy of the degrees."""
        policy, mask = self.accelerator.unwrap_model(model), inputs["graded_mask"]
        states = policy.base_model(
            input_ids=inputs["graded_ids"], attention_mask=mask, use_cache=False
        ).last_hidden_state
        last = states[torch.arange(len(mask), device=mask.device), mask.sum(dim=1) - 1]
        logits = policy.degree(last)
        levels = self._levels.to(mask.device)
        right = (inputs["levels"][:, None] - levels).abs().argmin(dim=1)
        self.note("degree/accuracy", (logits.argmax(dim=1) == right).float())
        return torch.nn.functional.cross_entropy(logits.float(), right)

    def create_optimizer(self, *args: Any, **options: Any) -> Any:
        """Transformers' optimizer of the policy, and a group of its own for the head of degrees."""
        if not self._degree:
            return super().create_optimizer(*args, **options)
        head = self.accelerator.unwrap_model(self.model).degree
        head.requires_grad_(False)
        optimizer: Any = super().create_optimizer(*args, **options)
        head.requires_grad_(True)
        optimizer.add_param_group({"params": list(head.parameters()), "lr": self._degree_rate})
        return optimizer

    def divide(self, division: Division) -> None:
        """As `SharedBatches.divide`.

        Raises:
            EngineError: it learns degrees, which only one device can.
        """
        if self._degree:
            raise EngineError("degree trains a head on one device only: set devices: 1")
        super().divide(division)

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """As Transformers' `train`; the head that predicts degrees is not kept."""
        result = super().train(*args, **kwargs)
        if self._degree:
            del self.accelerator.unwrap_model(self.model).degree
        return result

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
    degree: float,
    degree_rate: float,
    group_by_length: bool,
    reference: Reference | None = None,
    kind: type[PreferenceTrainer] = PreferenceTrainer,
    **parts: Any,
) -> PreferenceTrainer:
    """A trainer of ``kind`` on pairs of token ids. Reference log-probs are computed once, before
    the first step, when the policy is its own reference; so no second model is in memory.
    ``reference`` stores them."""
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
    return kind(
        loss=loss,
        nll=nll,
        anchor=anchor,
        degree=degree,
        degree_rate=degree_rate,
        levels=sorted({level for pair in encoded for level in pair.get("levels", ())}),
        reference=reference,
        args=single_device(config),
        train_dataset=Dataset.from_list(pairs),
        data_collator=kind.collator(pad_token_id=padding_of(parts["processing_class"])),
        **parts,
    )
