"""Trainers whose processes share every batch. Imported only when something is trained."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from accelerate import PartialState
from accelerate.utils import gather_object

from trainers.training.division import Division
from trainers.training.tokenization import UNLEARNED

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass
class PartCollator:
    """The batch of one process: its part of the rows that all processes compute at once.

    Adds ``share``, the share of the part in its forward pass by ``count``, and ``batches``, the
    number of forward passes of all processes. A process without a row gets one with the share 0,
    because all have to compute something.
    """

    collate: Callable[[Sequence[Any]], Any]
    count: Callable[[Sequence[Any]], int]
    division: Division
    process: int

    def __call__(self, rows: Sequence[Any]) -> Any:
        part, batch_rows = self.division.part(rows, self.process)
        batch = self.collate(part or rows[:1])
        if not part and "labels" in batch:
            batch["labels"].fill_(UNLEARNED)
        batch["share"] = self.count(part) / self.count(batch_rows) if part else 0.0
        batch["batches"] = self.division.batches(rows)
        return batch


class SharedBatches:
    """A mixin for Transformers' trainers: after `divide`, each process computes its part of every
    batch, and an optimizer step is that of one process with all rows. Reports are those of all.

    Accelerate's own division would complete the last batch of an epoch with rows of the first one,
    and average over processes that have more and fewer rows.
    """

    data_collator: Any
    accelerator: Any

    def __init__(self, *args: Any, **parts: Any) -> None:
        self._division: Division | None = None
        self._share = self._factor = 1.0
        self._figures: dict[str, list[tuple[float, float]]] = {}
        super().__init__(*args, **parts)

    def divide(self, division: Division) -> None:
        """Share batches by ``division``. Called once, before `train`."""
        self._division = division
        self.data_collator = PartCollator(
            self.data_collator, self.count, division, self.accelerator.process_index
        )

    def count(self, rows: Sequence[Any]) -> int:
        """The number of things in ``rows`` that the loss is the mean of."""
        return len(rows)

    def get_train_dataloader(self) -> Any:
        """Called by Transformers."""
        loader = super().get_train_dataloader()  # type: ignore[misc]  # of the trainer
        if self._division is not None:
            # Each process reads all rows, in one order, and the collator takes its part.
            sampler = loader.batch_sampler
            sampler.num_processes, sampler.process_index, sampler.even_batches = 1, 0, False
            # A sampler without a generator uses torch's own, which dropout changes.
            loader.rng_types = ["torch"]
        return loader

    def get_batch_samples(self, *args: Any, **kwargs: Any) -> tuple[list[Any], Any]:
        """Called by Transformers: the batches of an optimizer step.

        Transformers divides the loss of each by their number, and gradients are averaged over the
        processes. The loss is to be divided by the number of forward passes, which is smaller at
        the end of an epoch.
        """
        batches, items = super().get_batch_samples(*args, **kwargs)  # type: ignore[misc]
        if self._division is not None and batches:
            passes = sum(batch.pop("batches") for batch in batches)
            self._factor = self._division.devices * len(batches) / passes
        return batches, items

    def part(self, inputs: dict[str, Any]) -> float:
        """Take ``share`` out of a batch, and return the factor of the mean loss of its rows."""
        self._share = inputs.pop("share", 1.0)
        return self._share * self._factor

    def note(self, name: str, values: torch.Tensor) -> None:
        """Add the mean of ``values``, which the current batch has, to figure ``name``."""
        if values.numel() and self._share:
            mean = values.detach().float().mean().item()
            self._figures.setdefault(name, []).append((mean, self._share))

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Report, with the means of what was noted since the last report."""
        noted: dict[str, list[tuple[float, float]]] = {}
        for figures in gather_object([self._figures]):
            for name, means in figures.items():
                noted.setdefault(name, []).extend(means)
        self._figures = {}
        for name, means in noted.items():
            logs[name] = sum(mean * share for mean, share in means) / sum(s for _, s in means)
        super().log(logs, *args, **kwargs)  # type: ignore[misc]  # of the trainer


def spread(items: Sequence[Item], compute: Callable[[Item], Result]) -> list[Result]:
    """``compute`` of each item, in order. Several processes compute a part each.

    All call ``compute`` equally often, because a sharded model computes with all processes.
    """
    state = PartialState()
    if state.num_processes == 1:
        return [compute(item) for item in items]
    rounds = range(0, len(items), state.num_processes)
    mine = [compute(items[(first + state.process_index) % len(items)]) for first in rounds]
    gathered = gather_object(mine)
    # All results of the first process, then all of the second.
    return [
        gathered[at % state.num_processes * len(rounds) + at // state.num_processes]
        for at in range(len(items))
    ]
