"""TRL's SFT trainer on given ids and labels. Imported only when something is trained."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from datasets import Dataset
from torch.nn.utils.rnn import pad_sequence
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer
from trl.trainer.utils import disable_dropout_in_model

from trainers.policy_gradient.losses import divergence
from trainers.training.loop import Offline, single_device
from trainers.training.reference_logprobs import CELLS, Reference, batches
from trainers.training.shared_batches import SharedBatches, spread
from trainers.training.tokenization import UNLEARNED


class CompletionTrainer(SharedBatches, Offline, SFTTrainer):
    """The loss is the mean over the tokens of a step whose label is not −100, each times the
    weight of its example, if examples have weights. With ``kl``, the divergence of samples is
    added, so many times.

    The log-probs of the policy before training are computed once, before the first step.
    """

    def __init__(self, *, kl: float, reference: Reference | None, **parts: Any) -> None:
        super().__init__(**parts)
        self._kl = kl
        if kl:
            dataset: Any = self.train_dataset
            examples = dataset.select_columns(["input_ids", "labels"]).to_list()

            def compute() -> dict[str, list[Any]]:
                return {"before": self._log_probs(examples)}

            figures = compute() if reference is None else reference.figures(examples, compute)
            self.train_dataset = dataset.add_column("before", figures["before"])

    def compute_loss(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Called by Transformers. It also reports the learned tokens of an answer.

        TRL divides by the learned tokens of all processes, so the loss needs no factor.
        """
        self.part(inputs)
        self.note("tokens/answer", (inputs["labels"] != UNLEARNED).sum(dim=1))
        columns = {name: inputs.pop(name, None) for name in ("weight", "before", "sampled")}
        forward = model if columns["weight"] is None else self._forward(model, **columns)
        return super().compute_loss(forward, inputs, *args, **kwargs)  # type: ignore[no-untyped-call]

    def _forward(
        self,
        model: Any,
        *,
        weight: torch.Tensor,
        before: torch.Tensor | None,
        sampled: torch.Tensor | None,
    ) -> Callable[..., Any]:
        """The forward pass with the log-probs of each example times its weight, less the
        divergences: TRL's loss is minus the sum of log-probs, divided by the number of tokens."""

        def forward(**inputs: Any) -> Any:
            outputs = model(**inputs)
            log_probs = outputs.log_probs
            outputs.log_probs = log_probs * weight[:, None]
            if before is not None and sampled is not None:
                # A process without a row of a batch has one whose labels are all ignored.
                learned = inputs["labels"][:, 1:] != UNLEARNED
                ratios = (log_probs - before[:, 1:]) * learned
                divergences = divergence(ratios, ratios)
                self.note("kl", divergences[learned & (sampled[:, None] > 0)])
                outputs.log_probs = outputs.log_probs - self._kl * sampled[:, None] * divergences
            return outputs

        return forward

    def _log_probs(self, examples: Sequence[Mapping[str, Any]]) -> list[list[float]]:
        """The log-probs of the tokens of each example, 0 where nothing is learned and for the
        first. A LoRA adapter adds nothing yet."""
        model: Any = self.model
        found: list[list[float]] = [[] for _ in examples]
        lengths = [len(each["input_ids"]) for each in examples]
        groups = batches(lengths, rows=1, cells=CELLS[self.accelerator.device.type])

        def of_batch(batch: Sequence[int]) -> list[list[float]]:
            inputs = self._prepare_inputs(self.data_collator([examples[at] for at in batch]))
            with torch.no_grad(), self.accelerator.autocast():
                log_probs = model(**inputs, use_cache=False, fused_lm_head=True).log_probs
            return [
                [0.0, *row[: lengths[at] - 1].tolist()]
                for at, row in zip(batch, log_probs, strict=True)
            ]

        training = model.training
        model.eval()
        for batch, rows in zip(groups, spread(groups, of_batch), strict=True):
            for at, row in zip(batch, rows, strict=True):
                found[at] = row
        model.train(training)
        return found


@dataclass
class WeightedCollator:
    """Batches of ``collate`` with the ``weight`` of each example, Float[examples]. With a
    divergence also with its weight in that, ``sampled``, Float[examples], and with the log-probs of
    its tokens ``before``, Float[examples, tokens]."""

    collate: Callable[[Sequence[Any]], Any]

    def __call__(self, examples: Sequence[Any]) -> Any:
        batch = self.collate(examples)
        for name in ("weight", "sampled"):
            if name in examples[0]:
                batch[name] = torch.tensor([float(example[name]) for example in examples])
        if "before" in examples[0]:
            before = [torch.tensor(example["before"]) for example in examples]
            batch["before"] = pad_sequence(before, batch_first=True)
        return batch


def weighed(encoded: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """``encoded`` with the ``weight`` of each example and, in place of whether it is ``sampled``,
    its weight in the divergence.

    The loss is a mean over all tokens. So that each of the two terms is a mean over its own, a
    weight of those that are imitated is multiplied by all tokens over imitated tokens, and in the
    same way for samples. All others weigh 0.
    """
    lengths = [sum(1 for label in each["labels"] if label != UNLEARNED) for each in encoded]
    tokens = sum(lengths)

    def share(name: str) -> float:
        own = [length for each, length in zip(encoded, lengths, strict=True) if each[name]]
        return tokens / max(1, sum(own))

    imitated, sampled = share("imitated"), share("sampled")
    return [
        {
            "input_ids": each["input_ids"],
            "labels": each["labels"],
            "weight": each.get("weight", 1.0) * imitated * each["imitated"],
            "sampled": sampled * each["sampled"],
        }
        for each in encoded
    ]


def completion_trainer(
    encoded: Sequence[dict[str, Any]],
    *,
    arguments: Mapping[str, Any],
    kl: float = 0.0,
    reference: Reference | None = None,
    **parts: Any,
) -> CompletionTrainer:
    """A trainer on ``input_ids``, ``labels`` and, for all examples or none, ``weight``. With
    ``kl``, each is ``imitated``, ``sampled`` or both; ``reference`` stores the log-probs before
    training."""
    if kl:
        # With dropout, the policy would differ from itself before training.
        disable_dropout_in_model(parts["model"])
        encoded = weighed(encoded)
    weighted = "weight" in encoded[0]
    config = SFTConfig(
        **arguments,
        loss_type="nll",
        max_length=None,
        packing=False,
        dataset_kwargs={"skip_prepare_dataset": True},
        remove_unused_columns=not weighted,
    )
    trainer = CompletionTrainer(
        kl=kl,
        reference=reference,
        args=single_device(config),
        train_dataset=Dataset.from_list(list(encoded)),
        **parts,
    )
    if weighted:
        trainer.data_collator = WeightedCollator(trainer.data_collator)
    return trainer
