"""The key-value cache of a running batch: each prompt once, shared by its rows, and a slot for the
new tokens of each row.

Reading this cache limits the speed of generation. Rows of one prompt therefore read the prompt
together. Rows are sorted by the number of generated tokens, in bands of similar length, so that few
rows read padding (`kernels.attention.cascade`). Nothing is reallocated while a batch shrinks.
`transformers.DynamicCache` pads to the longest row and copies the full cache for every token.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any

import torch
from transformers import Cache
from transformers.cache_utils import CacheLayerMixin

from kernels.attention import Band, Members, cascade
from kernels.packing import Ints

_BLOCK = 64
"""The slots grow by this many cells at a time. Each step reads the full cache, so copying it every
64 steps costs little."""
_BAND = 32
"""The most tokens of the first band of rows. Each later band has twice as many."""
_SHARE = 8
"""The most rows that share one copy of a prompt. All prompts are padded to the same number of rows,
so a larger limit would save little and add padding to prompts with few rows."""


class SlotLayer(CacheLayerMixin):  # type: ignore[no-untyped-call]  # its __init_subclass__
    """One layer's keys and values.

    Keys are transposed for the matrix product. Unused cells are zero: a masked cell has weight 0,
    and 0 · nan is nan.

    Attributes:
        keys: Float[rows, heads, width, cells], of new tokens.
        values: Float[rows, heads, cells, width], of new tokens.
        stem_keys: Float[stems, heads, width, positions], of prompts (stems).
        stem_values: Float[stems, heads, positions, width], of prompts.
    """

    keys: torch.Tensor
    values: torch.Tensor
    stem_keys: torch.Tensor
    stem_values: torch.Tensor

    def __init__(self, slots: "Slots") -> None:
        self.slots = slots
        self.is_initialized = False

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        _, heads, _, width = key_states.shape
        self.keys = self.stem_keys = key_states.new_zeros(0, heads, width, 0)
        self.values = self.stem_values = value_states.new_zeros(0, heads, 0, value_states.shape[3])
        self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write the new token of each running row to its slot.

        Returns:
            Keys and values of stems and slots if ``Slots.concatenate`` is set. Otherwise the
            arguments: `Slots.attend` reads the cache.
        """
        slots = self.slots
        rows, cells = slots.at
        self.keys[rows, :, :, cells] = key_states[:, :, 0]
        self.values[rows, :, cells] = value_states[:, :, 0]
        if not slots.concatenate:
            return key_states, value_states
        running, seen = slice(len(rows)), slice(slots.seen)
        stems, begun = torch.tensor(slots.stem_of, device=rows.device), slice(slots.stem_seen)
        parts = [self.stem_keys[stems, :, :, begun], self.keys[running, :, :, seen]]
        known = [self.stem_values[stems, :, begun], self.values[running, :, seen]]
        return torch.cat(parts, 3).transpose(2, 3), torch.cat(known, 2)

    def grow(self) -> None:
        """Make room for all rows and stems, and for the cells that they see."""
        slots = self.slots
        rows, stems = len(slots.stem_of), slots.stems
        if self.keys.shape[0] < rows or self.keys.shape[3] < slots.seen:
            cells = -(-slots.seen // _BLOCK) * _BLOCK
            self.keys = _resized(self.keys, rows, 3, cells)
            self.values = _resized(self.values, rows, 2, cells)
        # Exactly as long as the longest stem: oneDNN copies a part of a longer tensor before each
        # product of 16-bit numbers, which takes longer than the product.
        if self.stem_keys.shape[0] < stems or self.stem_keys.shape[3] != slots.stem_seen:
            self.stem_keys = _resized(self.stem_keys, stems, 3, slots.stem_seen)
            self.stem_values = _resized(self.stem_values, stems, 2, slots.stem_seen)

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self.get_seq_length(), 0

    def get_seq_length(self) -> int:
        return self.slots.stem_seen + self.slots.seen

    def get_max_length(self) -> int:
        return -1


def _resized(old: torch.Tensor, rows: int, axis: int, length: int) -> torch.Tensor:
    """A copy of ``old`` with room for ``rows`` rows, and ``length`` cells along ``axis``."""
    shape = list(old.shape)
    shape[0], shape[axis] = 1 << (rows - 1).bit_length(), length
    new = old.new_zeros(shape)
    kept, known = min(old.shape[0], shape[0]), min(old.shape[axis], length)
    new[:kept].narrow(axis, 0, known).copy_(old[:kept].narrow(axis, 0, known))
    return new


class Slots(Cache):
    """Row r of the running batch has slot r, after the stem ``stem_of[r]``.

    Attributes:
        at: the running rows' slots, and the cells for their newest tokens (Int64[running] each).
        seen: the cells of slots that some row sees.
        unseen: Bool[running, 1, 1, stem_seen + seen], the cells that a row does not see.
        concatenate: whether layers return stems and slots in one tensor, copied at each step. For
            attention that does not know stems.
        stem_of: the stem of each row.
    """

    def __init__(self, *, layers: int) -> None:
        none = torch.zeros(0, dtype=torch.int64)
        self.at: tuple[torch.Tensor, torch.Tensor] = (none, none)
        self.seen = 0
        self.unseen = none.bool()
        self.concatenate = False
        self.stem_of: list[int] = []
        self._stem_lengths: list[int] = []
        self._bands: list[Band] = []
        self._members: Members | None = None
        self.slots = [SlotLayer(self) for _ in range(layers)]
        super().__init__(layers=list(self.slots))

    @property
    def stems(self) -> int:
        """The number of stems."""
        return len(self._stem_lengths)

    @property
    def stem_seen(self) -> int:
        """The positions of the longest stem."""
        return max(self._stem_lengths, default=0)

    def fill(self, filled: Cache, paths: Sequence[Ints], rows: Sequence[int]) -> None:
        """Add new rows at the end.

        Args:
            filled: a cache of packed prompts.
            paths: the cells of each prompt, in order.
            rows: the number of new rows of each prompt.
        """
        first, sources = self.stems, list[Ints]()
        for path, count in zip(paths, rows, strict=True):
            for at in range(0, count, _SHARE):
                stem = first + len(sources)
                self.stem_of += [stem] * min(_SHARE, count - at)
                sources.append(path)
        self._stem_lengths += map(len, sources)
        # Shorter prompts are padded with any cell, here the first.
        cells = torch.zeros(len(sources), max(map(len, sources)), dtype=torch.int64)
        for stem, path in enumerate(sources):
            cells[stem, : len(path)] = torch.from_numpy(path)
        new, seen = slice(first, self.stems), cells.shape[1]
        for layer, source in zip(self.slots, filled.layers, strict=True):
            keys, values = source.keys, source.values  # type: ignore[union-attr]  # never linear
            assert keys is not None
            assert values is not None
            if not layer.is_initialized:
                layer.lazy_initialization(keys, values)
            layer.grow()
            index = cells.to(keys.device)
            layer.stem_keys[new, :, :, :seen] = keys[0][:, index].permute(1, 0, 3, 2)
            layer.stem_values[new, :, :seen] = values[0][:, index].transpose(0, 1)

    def settle(self, going: Sequence[int], lengths: Sequence[int]) -> list[int]:
        """Prepare the next step.

        Args:
            going: the rows that continue.
            lengths: the cells of its slot that each of them sees in the next step.

        Returns:
            The rows in their new order.
        """
        sizes = [(max(0, length - 1) // _BAND).bit_length() for length in lengths]
        order = _arranged(going, sizes)
        by_row = dict(zip(going, zip(sizes, lengths, strict=True), strict=True))
        moved = max((by_row[row][1] for at, row in enumerate(order) if row != at), default=0)
        for layer, moves in self._moving(order):
            moves(layer.keys[:, :, :, :moved])
            moves(layer.values[:, :, :moved])
        self.stem_of = [self.stem_of[row] for row in order]
        self._keep_stems()
        self._members = None
        self.seen = max(lengths, default=0)
        for layer in self.slots:
            layer.grow()
        self._bands, start = [], 0
        for _, band in groupby(order, key=lambda row: by_row[row][0]):
            rows = list(band)
            longest = max(by_row[row][1] for row in rows)
            self._bands.append(Band(start, start + len(rows), longest))
            start += len(rows)
        return order

    def attend(
        self,
        layer: int,
        query: torch.Tensor,
        scale: float | None,
        softcap: float | None,
    ) -> torch.Tensor:
        """Attention of the newest tokens over stems and slots: Float[rows, heads, 1, width]."""
        stems, begun, kept = self.stems, slice(self.stem_seen), self.slots[layer]
        running, seen = slice(len(query)), slice(self.seen)
        if self._members is None:
            self._members = Members.of(self.stem_of, stems, query.device)
        return cascade(
            query,
            (kept.stem_keys[:stems, :, :, begun], kept.stem_values[:stems, :, begun]),
            (kept.keys[running, :, :, seen], kept.values[running, :, seen]),
            self.unseen,
            self._members,
            self._bands,
            scale=scale,
            softcap=softcap,
        )

    def _keep_stems(self) -> None:
        """Drop the stems that no row uses."""
        used = sorted(set(self.stem_of))
        if len(used) == self.stems:
            return
        order = _arranged(used, [0] * len(used))
        self._stem_lengths = [self._stem_lengths[stem] for stem in order]
        for layer, moves in self._moving(order):
            moves(layer.stem_keys[:, :, :, : self.stem_seen])
            moves(layer.stem_values[:, :, : self.stem_seen])
        places = {stem: place for place, stem in enumerate(order)}
        self.stem_of = [places[stem] for stem in self.stem_of]

    def _moving(
        self, order: Sequence[int]
    ) -> Iterator[tuple[SlotLayer, Callable[[torch.Tensor], None]]]:
        """Each layer, with a function that moves row ``order[n]`` of a tensor to place n. Yields
        nothing if all rows are in place."""
        moved = [place for place, row in enumerate(order) if row != place]
        if not moved:
            return
        into = torch.tensor(moved, device=self.slots[0].keys.device)
        out_of = torch.tensor([order[place] for place in moved], device=into.device)

        def move(kept: torch.Tensor) -> None:
            kept[into] = kept[out_of]

        for layer in self.slots:
            yield layer, move


def _arranged(going: Sequence[int], sizes: Sequence[int]) -> list[int]:
    """The row of each place: larger sizes first, and few rows moved."""
    wanted = sorted(sizes, reverse=True)
    order = [-1] * len(going)
    others: dict[int, list[int]] = {}
    for row, size in zip(going, sizes, strict=True):
        if row < len(order) and wanted[row] == size:
            order[row] = row
        else:
            others.setdefault(size, []).append(row)
    return [others[wanted[at]].pop() if row < 0 else row for at, row in enumerate(order)]
