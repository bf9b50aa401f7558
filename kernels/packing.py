"""Packs many continuations of many prompts into one sequence of cells. Shared beginnings are stored
once.

    cells      p p p p | a a | b b b | q q | c      p, q: prompts; a, b continue p, and c q
    positions  0 1 2 3 | 4 5 | 4 5 6 | 0 1 | 2      a continuation starts where its prompt ends
    until     9 9 9 9 | 6 6 | 9 9 9 | 12 12 | 12    the first cell, after it, that does not see it

Texts are stored as a trie, depth first. Equal beginnings, token by token, are one run of cells:
those of responses to one prompt, of siblings in a tree, of steps of a solution, or of prompts with
the same instruction. Cell i sees cell j if ``j ≤ i < until[j]``: one comparison for any depth. No
cell is padding.

The last token of a continuation is predicted but predicts nothing, so it needs no cell. Options of
one token (a judge's "A" or "B") add no cells: the prompt's last cell predicts them all.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Row:
    """One prompt and some of its continuations, as token ids. The prefix is not empty."""

    prefix: Sequence[int]
    continuations: Sequence[Sequence[int]]


@dataclass(frozen=True, slots=True)
class Run:
    """Cells ``start`` to ``stop``. Each sees the earlier cells of the run and the ``context``:
    Int64[depth], the cells of the text before the run."""

    start: int
    stop: int
    context: Ints


@dataclass(frozen=True, slots=True)
class Packed:
    """A packed sequence of cells, and the cell that predicts each continuation token.

    Attributes:
        input_ids: Int64[1, cells].
        position_ids: Int64[1, cells].
        until: Int64[cells], the first later cell that does not see the cell.
        runs: the runs; they cover the cells in order.
        paths: the cells of each text (a prompt and a continuation without its last token), in
            order. Empty continuations have none.
        predictors: Int64[targets], the cell that predicts each target.
        targets: Int64[targets], token ids in the order of row, continuation and token.
        rows: the packed rows.
    """

    input_ids: torch.Tensor
    position_ids: torch.Tensor
    until: torch.Tensor
    runs: tuple[Run, ...]
    paths: tuple[Ints, ...]
    predictors: torch.Tensor
    targets: torch.Tensor
    rows: tuple[Row, ...]

    def split(self, values: Sequence[float]) -> Iterator[list[list[float]]]:
        """``values`` (one per target) by row and continuation."""
        at = 0
        for row in self.rows:
            parts = []
            for ids in row.continuations:
                parts.append(list(values[at : at + len(ids)]))
                at += len(ids)
            yield parts


def pack(rows: Sequence[Row], *, pad: int = 0, multiple: int = 1) -> Packed:
    """Pack all continuations of ``rows``. Empty continuations take no cells.

    Args:
        rows: prompts and continuations.
        pad: the token id of cells that are added at the end. They see only themselves.
        multiple: cells are added until their number is a multiple of this.

    Raises:
        ValueError: a prefix is empty.
    """
    if not all(len(row.prefix) for row in rows):
        raise ValueError("an empty prefix predicts nothing: give it at least one token")
    nonempty = [(row.prefix, ids) for row in rows for ids in row.continuations if ids]
    texts = [np.array([*prefix, *ids[:-1]], dtype=np.int64) for prefix, ids in nonempty]
    paths: list[Ints] = [np.zeros(0, np.int64)] * len(texts)
    inputs: list[Ints] = []
    positions: list[Ints] = []
    runs: list[Run] = []
    until = np.zeros(sum(map(len, texts)), np.int64)
    cells, before, path = 0, np.zeros(0, np.int64), np.zeros(0, np.int64)
    # In sorted order, a text follows the text with which it shares the longest beginning.
    for number in sorted(range(len(texts)), key=lambda index: sorting_key(texts[index])):
        text = texts[number]
        shared = common(before, text)
        until[path[shared:]] = cells
        stop = cells + len(text) - shared
        context, path = path[:shared], np.concatenate([path[:shared], np.arange(cells, stop)])
        if stop > cells:
            runs.append(Run(cells, stop, context))
            inputs.append(text[shared:])
            positions.append(np.arange(shared, len(text)))
        paths[number] = path
        cells, before = stop, text
    until[path] = cells
    for cell in range(cells, cells + -cells % multiple):
        runs.append(Run(cell, cell + 1, np.zeros(0, np.int64)))
        inputs.append(np.array([pad]))
        positions.append(np.zeros(1, np.int64))
    until = np.concatenate([until[:cells], np.arange(cells, cells + -cells % multiple) + 1])
    return Packed(
        input_ids=_line(inputs)[None],
        position_ids=_line(positions)[None],
        until=torch.from_numpy(until),
        runs=tuple(runs),
        paths=tuple(paths),
        predictors=_line(
            [path[len(prefix) - 1 :] for path, (prefix, _) in zip(paths, nonempty, strict=True)]
        ),
        targets=torch.tensor([token for _, ids in nonempty for token in ids], dtype=torch.int64),
        rows=tuple(rows),
    )


def sorting_key(text: Ints) -> bytes:
    """A sorting key that puts texts with equal beginnings next to each other."""
    return text.astype(">u4").tobytes()


def common(before: Ints, text: Ints) -> int:
    """The number of tokens in the common beginning of two texts."""
    length = min(len(before), len(text))
    differs = before[:length] != text[:length]
    return int(differs.argmax()) if differs.any() else length


def sees(until: torch.Tensor) -> torch.Tensor:
    """Bool[1, 1, cells, cells], True if the cell (dim 2) sees the cell (dim 3)."""
    cell = torch.arange(len(until), device=until.device)
    return ((cell <= cell[:, None]) & (cell[:, None] < until))[None, None]


def _line(parts: Sequence[Ints]) -> torch.Tensor:
    return torch.from_numpy(np.concatenate([np.zeros(0, np.int64), *parts]))
