"""Shared by the training loops on Transformers' trainer or TRL's. Imported only when something is
trained."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import torch
from datasets import Dataset
from transformers import Trainer as TransformersTrainer
from transformers import TrainingArguments

from trainers.training.shared_batches import SharedBatches

Arguments = TypeVar("Arguments", bound=TrainingArguments)


class MeanLoss(SharedBatches):
    """A mixin for trainers: the loss of a batch is `mean_loss`."""

    def mean_loss(self, model: Any, inputs: Mapping[str, Any]) -> tuple[torch.Tensor, Any]:
        """The mean loss of the batch, and the model's outputs."""
        raise NotImplementedError

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """Called by Transformers."""
        factor = self.part(inputs)
        loss, outputs = self.mean_loss(model, inputs)
        return (loss * factor, outputs) if return_outputs else loss * factor


class MeanLossTrainer(MeanLoss, TransformersTrainer):
    """Transformers' trainer with such a loss."""

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        # If true, Transformers expects the model to divide by the batches of an optimizer step.
        self.model_accepts_loss_kwargs = False


class Offline:
    """A mixin for TRL's trainers: no telemetry, and no model card in every checkpoint."""

    def _send_telemetry(self) -> None:
        pass

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        pass


class PairTrainer(MeanLoss, Offline):
    """A mixin for TRL's trainers on pairs of token ids."""

    def _prepare_dataset(self, dataset: Dataset, *_: Any) -> Dataset:
        # TRL would render and tokenize again. The rows are already tokenized as the engine does it.
        return dataset

    def report(
        self,
        chosen: torch.Tensor,
        rejected: torch.Tensor,
        lengths: torch.Tensor,
        **more: torch.Tensor,
    ) -> None:
        """Add means over a batch's pairs to the report.

        Args:
            chosen: Float[pairs], the rewards of the chosen sides.
            rejected: Float[pairs], those of the rejected sides.
            lengths: Int[2 · pairs], the tokens of the answers, chosen sides first.
            more: further figures by name.
        """
        tokens = dict(zip(("tokens/chosen", "tokens/rejected"), lengths.chunk(2), strict=True))
        figures = {
            "rewards/chosen": chosen,
            "rewards/rejected": rejected,
            "rewards/accuracies": (chosen > rejected).float(),
            "rewards/margins": chosen - rejected,
            **tokens,
            **more,
        }
        for name, figure in figures.items():
            self.note(name, figure)


def with_confidences(
    batch: dict[str, Any], examples: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """TRL's batch of pairs with ``weight`` and ``target``: Float[pairs]."""
    columns = {name: [example[name] for example in examples] for name in ("weight", "target")}
    return batch | {name: torch.tensor(values) for name, values in columns.items()}


def with_adapter(model: Any, config: Any, *, excluded: frozenset[str] = frozenset()) -> Any:
    """``model`` with the LoRA adapter of ``config``, or unchanged if that is None.

    Args:
        excluded: names of modules that are trained fully.
    """
    if config is None:
        return model
    from peft import get_peft_model  # optional

    if excluded:
        config.exclude_modules = set(excluded)
    return get_peft_model(model, config)


def single_device(arguments: Arguments) -> Arguments:
    """``arguments`` for one GPU, even if more are visible; otherwise TRL refuses to run."""
    if arguments.n_gpu > 1:
        arguments._n_gpu = 1
    return arguments


def padding_of(tokenizer: Any) -> int:
    """The padding token id. Padding is masked, so any id will do if the tokenizer has none."""
    return 0 if tokenizer.pad_token_id is None else int(tokenizer.pad_token_id)
