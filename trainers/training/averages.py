"""Transformers' trainer with additional figures in its reports. Imported only when something is
trained."""

from collections import defaultdict
from typing import Any

import torch
from transformers import Trainer as TransformersTrainer

from trainers.training.loop import MeanLoss


class AveragingTrainer(MeanLoss, TransformersTrainer):
    """Reports the means of the values noted since the last report."""

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        # If true, Transformers expects the model to divide by the batches of an optimizer step.
        self.model_accepts_loss_kwargs = False
        self._figures: dict[str, list[float]] = defaultdict(list)

    def note(self, name: str, values: torch.Tensor) -> None:
        """Add the mean of ``values`` to figure ``name``, unless there are no values."""
        if values.numel():
            self._figures[name].append(values.detach().float().mean().item())

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Report, with the averages since the last report."""
        means = {name: sum(values) / len(values) for name, values in self._figures.items()}
        self._figures.clear()
        super().log({**logs, **means}, *args, **kwargs)
