"""The key-value cache of a running batch: a slot a row, each row writing at its own position.

Rows of any length stand side by side without padding. A row leaves by being overwritten and
nothing is reallocated while a batch shrinks; `transformers.DynamicCache` copies the whole cache
for every token.
"""

from collections.abc import Sequence
from typing import Any

import torch
from transformers import Cache
from transformers.cache_utils import CacheLayerMixin

_BLOCK = 128
"""Positions that slots begin with; then they double."""


class SlotLayer(CacheLayerMixin):  # type: ignore[no-untyped-call]  # its __init_subclass__
    """One layer's keys and values: Float[slots, heads, positions, width], zero where unused.

    Zero and not just allocated: a masked position has weight 0, and 0 · nan is nan.
    """

    keys: torch.Tensor
    values: torch.Tensor

    def __init__(self, slots: "Slots") -> None:
        self.slots = slots
        self.is_initialized = False

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        self.keys, self.values = self._zeros(key_states), self._zeros(value_states)
        self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write each running row's new token at the row's position; all that rows may see."""
        rows, positions, length = self.slots.at
        running = len(rows)
        self.keys[rows, :, positions] = key_states[:, :, 0]
        self.values[rows, :, positions] = value_states[:, :, 0]
        return self.keys[:running, :, :length], self.values[:running, :, :length]

    def grow(self) -> None:
        """Take the slots' new length."""
        keys, values, known = self.keys, self.values, self.keys.shape[2]
        self.keys, self.values = self._zeros(keys), self._zeros(values)
        self.keys[:, :, :known] = keys
        self.values[:, :, :known] = values

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self.slots.at[2], 0

    def get_seq_length(self) -> int:
        return self.slots.at[2]

    def get_max_length(self) -> int:
        return -1

    def _zeros(self, like: torch.Tensor) -> torch.Tensor:
        return like.new_zeros(self.slots.rows, like.shape[1], self.slots.length, like.shape[3])


class Slots(Cache):
    """Row r of the running batch lies in slot r.

    ``at``: the running rows' slots and positions (Int64[running] each), and the positions seen.
    """

    def __init__(self, *, layers: int, rows: int) -> None:
        self.rows = rows
        self.length = _BLOCK
        none = torch.zeros(0, dtype=torch.int64)
        self.at: tuple[torch.Tensor, torch.Tensor, int] = (none, none, 0)
        self.slots = [SlotLayer(self) for _ in range(layers)]
        super().__init__(layers=list(self.slots))

    def reach(self, length: int) -> None:
        """Make room for ``length`` positions."""
        if length <= self.length:
            return
        self.length = max(length, 2 * self.length)
        for layer in self.slots:
            if layer.is_initialized:
                layer.grow()

    def fill(self, slot: int, filled: Cache, sources: Sequence[int]) -> None:
        """Copy rows ``sources`` of ``filled`` to the slots from ``slot`` on."""
        end = slot + len(sources)
        for mine, theirs in zip(self.slots, filled.layers, strict=True):
            keys, values = theirs.keys, theirs.values  # type: ignore[union-attr]  # never linear
            assert keys is not None
            assert values is not None
            if not mine.is_initialized:
                mine.lazy_initialization(keys, values)
            index = torch.tensor(sources, device=keys.device)
            mine.keys[slot:end, :, : keys.shape[2]] = keys.index_select(0, index)
            mine.values[slot:end, :, : keys.shape[2]] = values.index_select(0, index)

    def move(self, source: int, target: int, length: int) -> None:
        """Copy one slot over another."""
        for layer in self.slots:
            layer.keys[target, :, :length] = layer.keys[source, :, :length]
            layer.values[target, :, :length] = layer.values[source, :, :length]
