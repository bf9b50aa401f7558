"""TRL's SFT trainer on given ids and labels. Imported only when something is trained."""

from collections.abc import Mapping, Sequence
from typing import Any

from datasets import Dataset
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from trainers.training.loop import Offline, single_device
from trainers.training.shared_batches import SharedBatches
from trainers.training.tokenization import UNLEARNED


class CompletionTrainer(SharedBatches, Offline, SFTTrainer):
    """The loss is the mean over the tokens of a step whose label is not −100."""

    def compute_loss(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Called by Transformers. It also reports the learned tokens of an answer.

        TRL divides by the learned tokens of all processes, so the loss needs no factor.
        """
        self.part(inputs)
        self.note("tokens/answer", (inputs["labels"] != UNLEARNED).sum(dim=1))
        return super().compute_loss(model, inputs, *args, **kwargs)  # type: ignore[no-untyped-call]


def completion_trainer(
    encoded: Sequence[dict[str, Any]], *, arguments: Mapping[str, Any], **parts: Any
) -> CompletionTrainer:
    """A trainer on ``input_ids`` and ``labels``."""
    config = SFTConfig(
        **arguments,
        loss_type="nll",
        max_length=None,
        packing=False,
        dataset_kwargs={"skip_prepare_dataset": True},
    )
    return CompletionTrainer(
        args=single_device(config), train_dataset=Dataset.from_list(list(encoded)), **parts
    )
