"""TRL's SFT trainer on given ids and labels. Imported only when something is trained."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from datasets import Dataset
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from trainers.training.loop import Offline, single_device
from trainers.training.shared_batches import SharedBatches
from trainers.training.tokenization import UNLEARNED


class CompletionTrainer(SharedBatches, Offline, SFTTrainer):
    """The loss is the mean over the tokens of a step whose label is not −100, each times the
    weight of its example, if examples have weights."""

    def compute_loss(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Called by Transformers. It also reports the learned tokens of an answer.

        TRL divides by the learned tokens of all processes, so the loss needs no factor.
        """
        self.part(inputs)
        self.note("tokens/answer", (inputs["labels"] != UNLEARNED).sum(dim=1))
        weights = inputs.pop("weight", None)
        forward = model if weights is None else _weighted(model, weights)
        return super().compute_loss(forward, inputs, *args, **kwargs)  # type: ignore[no-untyped-call]


def _weighted(model: Any, weights: torch.Tensor) -> Callable[..., Any]:
    """The forward pass with the log-probs of each example times its weight: Float[examples]."""

    def forward(**inputs: Any) -> Any:
        outputs = model(**inputs)
        outputs.log_probs = outputs.log_probs * weights[:, None]
        return outputs

    return forward


@dataclass
class WeightedCollator:
    """Batches of ``collate`` with the ``weight`` of each example: Float[examples]."""

    collate: Callable[[Sequence[Any]], Any]

    def __call__(self, examples: Sequence[Any]) -> Any:
        batch = self.collate(examples)
        batch["weight"] = torch.tensor([example["weight"] for example in examples])
        return batch


def completion_trainer(
    encoded: Sequence[dict[str, Any]], *, arguments: Mapping[str, Any], **parts: Any
) -> CompletionTrainer:
    """A trainer on ``input_ids``, ``labels`` and, for all examples or none, ``weight``."""
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
        args=single_device(config), train_dataset=Dataset.from_list(list(encoded)), **parts
    )
    if weighted:
        trainer.data_collator = WeightedCollator(trainer.data_collator)
    return trainer
