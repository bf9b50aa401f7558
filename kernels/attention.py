"""Attention over packed cells, each pair that sees another computed, and few that do not; and of
rows that are being written, over prompts that they share.

On a CPU a line is cut into blocks of neighbouring runs, each attended to with the cells that came
before it in its texts: a long prompt with long responses becomes one block a response, and a
hundred short texts one block with a mask, for a call costs as much as some thousand pairs. On a GPU
FlexAttention skips what nobody sees, tile by tile.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn.attention.flex_attention import BlockMask, flex_attention
from torch.nn.functional import scaled_dot_product_attention

from kernels.packing import Packed, Run

_CALL = 3e6
"""Floating-point operations of attention that cost as much as one more call on a CPU core: 30
microseconds at 100 GFLOP/s. From 1e6 to 2e7 a pocket model scores equally fast."""
_TILE = 128
"""Cells a side of FlexAttention's tiles."""


@dataclass(frozen=True, slots=True)
class Block:
    """Cells ``start`` to ``stop`` attend to ``keys``: Int64[keys], as ``mask``: Bool[cells, keys]
    says; to themselves, causally, where both are None."""

    start: int
    stop: int
    keys: torch.Tensor | None
    mask: torch.Tensor | None


def blocks(packed: Packed, *, pair: float) -> tuple[Block, ...]:
    """A CPU's blocks of a line. ``pair``: floating-point operations of two cells' attention in
    one layer, 4 · heads · width."""
    return tuple(_block(packed, group) for group in _grouped(packed.runs, call=_CALL / pair))


def _grouped(runs: tuple[Run, ...], *, call: float) -> Iterator[list[Run]]:
    """Neighbouring runs that are attended to together at less cost (in pairs) than apart."""

    def cost(first: Run, last: Run) -> float:
        cells = last.stop - first.start
        return call + cells * (len(first.context) + cells)

    group: list[Run] = []
    for run in runs:
        if group and cost(group[0], run) > cost(group[0], group[-1]) + cost(run, run):
            yield group
            group = []
        group.append(run)
    if group:
        yield group


def _block(packed: Packed, group: list[Run]) -> Block:
    # What later runs see outside the group is a beginning of what the first one sees: they stand
    # behind it, depth first.
    start, stop, context = group[0].start, group[-1].stop, group[0].context
    if len(group) == 1 and not len(context):
        return Block(start, stop, None, None)
    keys = torch.from_numpy(np.concatenate([context, np.arange(start, stop)]))
    cells = torch.arange(start, stop)[:, None]
    return Block(start, stop, keys, (keys <= cells) & (cells < packed.until[keys]))


def attend(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    plan: tuple[Block, ...],
    *,
    scale: float | None = None,
    softcap: float | None = None,
) -> torch.Tensor:
    """Float[1, heads, cells, width] of query: the same, key and value: Float[1, kept heads, cells,
    width], where ``heads`` is a multiple of ``kept heads``.

    ``scale``: of scores, 1/√width unless given; ``softcap``: of scaled scores (Gemma 2).
    """
    groups = query.shape[1] // key.shape[1]
    if groups > 1:
        key, value = (one.repeat_interleave(groups, dim=1) for one in (key, value))
    out = torch.empty_like(query)
    for block in plan:
        cells = slice(block.start, block.stop)
        if block.keys is None:
            seen = key[:, :, cells], value[:, :, cells]
        else:
            seen = key.index_select(2, block.keys), value.index_select(2, block.keys)
        out[:, :, cells] = masked(query[:, :, cells], *seen, block.mask, scale, softcap)
    return out


def masked(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor | None,
    scale: float | None,
    softcap: float | None,
) -> torch.Tensor:
    """Attention as ``mask`` says, causally without one (queries are then the last of the keys)."""
    if softcap is None:
        causal = mask is None and query.shape[2] > 1
        return scaled_dot_product_attention(
            query, key, value, attn_mask=mask, is_causal=causal, scale=scale
        )
    scores = query @ key.transpose(2, 3) * (query.shape[3] ** -0.5 if scale is None else scale)
    scores = softcap * torch.tanh(scores / softcap)
    if mask is None:
        mask = torch.ones(scores.shape[2:], dtype=torch.bool, device=scores.device)
        mask = mask.tril(key.shape[2] - query.shape[2])
    return scores.masked_fill(~mask, -torch.inf).softmax(-1, torch.float32).to(value.dtype) @ value


@dataclass(frozen=True, slots=True)
class Members:
    """Which rows go on with which stem. ``rows``: Int64[stems · most], the rows of each stem, those
    with fewer than the most filled up with any; ``places``: Int64[rows], where a row stands there.
    """

    rows: torch.Tensor
    places: torch.Tensor
    most: int

    @classmethod
    def of(cls, stem_of: Sequence[int], stems: int, device: torch.device) -> "Members":
        """``stem_of``: the stem of each row."""
        groups: list[list[int]] = [[] for _ in range(stems)]
        for row, stem in enumerate(stem_of):
            groups[stem].append(row)
        most = max(map(len, groups))
        rows, places = [0] * (stems * most), [0] * len(stem_of)
        for stem, group in enumerate(groups):
            for place, row in enumerate(group, stem * most):
                rows[place], places[row] = row, place
        return cls(torch.tensor(rows, device=device), torch.tensor(places, device=device), most)

    def gathered(self, each: torch.Tensor) -> torch.Tensor:
        """Float[stems, kept, most · group, size] of Float[rows, kept, group, size]."""
        stems = len(self.rows) // self.most
        some = each.index_select(0, self.rows).view(stems, self.most, *each.shape[1:])
        return some.transpose(1, 2).flatten(2, 3)

    def spread(self, each: torch.Tensor) -> torch.Tensor:
        """The way back."""
        stems, kept, asked, size = each.shape
        some = each.view(stems, kept, self.most, asked // self.most, size).transpose(1, 2)
        return some.flatten(0, 1).index_select(0, self.places)


class Band(NamedTuple):
    """The rows from ``start`` to ``stop`` see at most ``cells`` of their tails."""

    start: int
    stop: int
    cells: int


def cascade(
    query: torch.Tensor,
    stems: tuple[torch.Tensor, torch.Tensor],
    tails: tuple[torch.Tensor, torch.Tensor],
    mask: torch.Tensor,
    members: Members,
    bands: Sequence[Band],
    *,
    scale: float | None = None,
    softcap: float | None = None,
) -> torch.Tensor:
    """Float[rows, heads, 1, width] of query: the same, each row to its stem and then its own tail.

    stems: keys and values, Float[stems, kept heads, width, begun] and Float[stems, kept heads,
    begun, width]; tails: both Float[rows, kept heads, written, width]; mask: Bool[rows, 1, 1, begun
    + written]. The rows of a stem read it together, in one matrix product, as in Hydragen
    (Juravsky et al. 2024, arXiv:2402.05099); tails are read band by band.
    """
    (stem_keys, stem_values), (keys, values) = stems, tails
    (rows, heads, _, width), kept, begun = query.shape, keys.shape[1], stem_keys.shape[3]
    asked = query * (width**-0.5 if scale is None else scale)
    asked = asked.view(rows, kept, heads // kept, width)
    scores = asked.new_zeros(*asked.shape[:3], mask.shape[3])
    scores[..., :begun] = members.spread(members.gathered(asked) @ stem_keys)
    for start, stop, cells in bands:
        products = asked[start:stop] @ keys[start:stop, :, :cells].transpose(2, 3)
        scores[start:stop, :, :, begun : begun + cells] = products
    if softcap is not None:
        scores = softcap * torch.tanh(scores / softcap)
    weights = scores.masked_fill_(~mask, -torch.inf).softmax(-1, torch.float32).to(values.dtype)
    out = members.spread(members.gathered(weights[..., :begun]) @ stem_values)
    for start, stop, cells in bands:
        known = weights[start:stop, :, :, begun : begun + cells]
        out[start:stop] += known @ values[start:stop, :, :cells]
    return out.view(rows, heads, 1, -1)


def tiles(packed: Packed, device: torch.device) -> BlockMask:
    """FlexAttention's mask of a line: which tiles see which wholly, which in part.

    Made from ``until`` in O((cells / 128)²), where ``create_block_mask`` would look at every pair.
    """
    until = packed.until.numpy()
    count = -(-len(until) // _TILE)
    padded = np.pad(until, (0, count * _TILE - len(until))).reshape(count, _TILE)
    first = np.arange(count) * _TILE
    # Of a tile of keys: the last cell that any of them is seen by, and that all of them are.
    some, every = padded.max(axis=1), padded.min(axis=1)
    partly = (first <= first[:, None]) & (some > first[:, None])
    wholly = (first < first[:, None]) & (every >= first[:, None] + _TILE)
    ends = packed.until.to(device)

    def mask(batch: Any, head: Any, q: torch.Tensor, kv: torch.Tensor) -> torch.Tensor:
        return (kv <= q) & (q < ends[kv])

    return BlockMask.from_kv_blocks(
        *_listed(partly & ~wholly, device),
        *_listed(wholly, device),
        BLOCK_SIZE=_TILE,
        mask_mod=mask,
        seq_lengths=(len(until), len(until)),
    )


def _listed(
    chosen: np.ndarray[Any, Any], device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Of each tile, how many are ``chosen`` and which, those first."""
    order = np.argsort(~chosen, axis=1, kind="stable")
    counts = torch.from_numpy(chosen.sum(axis=1).astype(np.int32))
    return counts[None, None].to(device), torch.from_numpy(order.astype(np.int32))[None, None].to(
        device
    )


def flex(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: BlockMask,
    *,
    scale: float | None = None,
    softcap: float | None = None,
) -> torch.Tensor:
    """As `attend`, by FlexAttention: compiled on a GPU, where it skips what `tiles` leaves out."""
    run: Any = _compiled() if query.is_cuda else flex_attention
    cap = None if softcap is None else _capped(softcap)
    out: torch.Tensor = run(
        query, key, value, score_mod=cap, block_mask=mask, scale=scale, enable_gqa=True
    )
    return out


@cache
def _compiled() -> Callable[..., Any]:
    return torch.compile(flex_attention)


@cache
def _capped(softcap: float) -> Callable[..., torch.Tensor]:
    def cap(score: torch.Tensor, *_: Any) -> torch.Tensor:
        return softcap * torch.tanh(score / softcap)

    return cap
