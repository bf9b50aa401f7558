"""Shared-prefix packing: many continuations of one prompt in one row that holds the prompt once.

    cells      p p p p | a a | b b b | .        p: prefix, a, b: continuations, .: padding
    positions  0 1 2 3 | 4 5 | 4 5 6 | 0        each continuation starts after the prefix
    sees       p       | p a | p b   |          and sees the prefix and itself, causally

A continuation's last token is predicted but predicts nothing, so it takes no cell: options of one
token (a judge's "A" or "B") add no cell at all, and the prefix's last cell predicts them all.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

_PADDING = -1


@dataclass(frozen=True, slots=True)
class Row:
    """One prompt and some of its continuations, as token ids. The prefix is not empty."""

    prefix: Sequence[int]
    continuations: Sequence[Sequence[int]]

    @property
    def cells(self) -> int:
        """How long the row is when packed."""
        return len(self.prefix) + sum(max(len(ids) - 1, 0) for ids in self.continuations)


@dataclass(frozen=True, slots=True)
class Packed:
    """Rows padded to one length, and where each continuation token's log-prob is read.

    ``input_ids``, ``position_ids``: Int64[rows, length]. ``segments``: Int64[rows, length], 0 for
    the prefix, n for the n-th continuation, −1 for padding. ``predictors``: Int64[targets], index
    into ``hidden.view(rows * length, -1)`` of the cell that predicts ``targets``: Int64[targets].
    Targets are ordered by row, continuation, token; ``rows`` says how many belong to each.
    """

    input_ids: torch.Tensor
    position_ids: torch.Tensor
    segments: torch.Tensor
    predictors: torch.Tensor
    targets: torch.Tensor
    rows: tuple[Row, ...]

    @property
    def causal(self) -> bool:
        """Whether plain causal attention is right: no row holds two continuations with cells."""
        return not bool((self.segments > 1).any())

    def split(self, values: Sequence[float]) -> Iterator[list[list[float]]]:
        """For each row, its continuations' parts of ``values`` (one value a target)."""
        at = 0
        for row in self.rows:
            parts = []
            for ids in row.continuations:
                parts.append(list(values[at : at + len(ids)]))
                at += len(ids)
            yield parts


def pack(rows: Sequence[Row], *, pad: int = 0) -> Packed:
    """Pack each row and pad them to the longest. Raises ValueError if a prefix is empty."""
    if not all(len(row.prefix) for row in rows):
        raise ValueError("an empty prefix predicts nothing: give it at least one token")
    shape = (len(rows), max(row.cells for row in rows))
    inputs = np.full(shape, pad, dtype=np.int64)
    positions = np.zeros(shape, dtype=np.int64)
    segments = np.full(shape, _PADDING, dtype=np.int64)
    predictors: list[npt.NDArray[np.int64]] = []
    targets: list[int] = []
    for number, row in enumerate(rows):
        offset, at = number * shape[1], len(row.prefix)
        inputs[number, :at] = row.prefix
        positions[number, :at] = np.arange(at)
        segments[number, :at] = 0
        segment = 0
        for ids in row.continuations:
            if not ids:
                continue
            end = at + len(ids) - 1
            predictors.append(np.array([offset + len(row.prefix) - 1], dtype=np.int64))
            predictors.append(np.arange(offset + at, offset + end))
            targets.extend(ids)
            if end > at:
                segment += 1
                inputs[number, at:end] = ids[:-1]
                positions[number, at:end] = np.arange(end - at) + len(row.prefix)
                segments[number, at:end] = segment
                at = end
    return Packed(
        input_ids=torch.from_numpy(inputs),
        position_ids=torch.from_numpy(positions),
        segments=torch.from_numpy(segments),
        predictors=torch.from_numpy(np.concatenate(predictors or [np.zeros(0, dtype=np.int64)])),
        targets=torch.tensor(targets, dtype=torch.int64),
        rows=tuple(rows),
    )


def block_mask(segments: torch.Tensor) -> torch.Tensor:
    """Bool[rows, 1, length, length], True where the cell (dim 2) sees the cell (dim 3).

    A padding cell sees the prefix and earlier padding, never nothing: a softmax over nothing is
    nan, and nan spreads.
    """
    length = segments.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool, device=segments.device).tril()
    seer, seen = segments[:, :, None], segments[:, None, :]
    return (((seen == 0) | (seen == seer)) & causal)[:, None]


def share(
    prefix: int, lengths: Sequence[int], *, linear: float, quadratic: float, longest: int
) -> list[list[int]]:
    """Which continuations (by index) to put in one row, so that the forward passes cost least.

    A row of L cells costs ``linear · L + quadratic · L²``. Sharing saves the prefix but attention
    over a packed row is dense, so that long continuations of a small model are cheaper apart; each
    is added to the row it makes dearer by less than a row of its own would cost. No row of two or
    more continuations passes ``longest`` cells.
    """

    def cost(cells: int) -> float:
        return linear * cells + quadratic * cells * cells

    rows: list[list[int]] = []
    cells = 0
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        more = max(lengths[index] - 1, 0)
        together = cells + more
        apart = prefix + more
        if rows and together <= longest and cost(together) - cost(cells) <= cost(apart):
            rows[-1].append(index)
            cells = together
        else:
            rows.append([index])
            cells = apart
    return rows
