"""Attention over packed sequences, and over prompts that running rows share. Few masked pairs are
computed.

On a CPU, the result for a cell depends only on its own text, to the last bit. So the score of a
text does not depend on the other texts in the forward pass. To get this, a run is cut into pieces.
The keys of a piece are its full text up to there, in order. Matrix products have shapes for which
BLAS adds up in the same order: at least four rows, and keys in parts of one length. Pieces of one
shape share a call. On a GPU, FlexAttention skips masked tiles.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn.attention.flex_attention import BlockMask, flex_attention
from torch.nn.functional import pad, scaled_dot_product_attention

from kernels.packing import Ints, Packed

_QUERIES = 128
"""Cells of a piece. With short pieces, few pairs of a long run are masked."""
_FEWEST = 4
"""With fewer rows, MKL uses another kernel, which adds up in another order."""
_KEYS = 64
"""Keys are padded to a multiple of this."""
_PART = 128
"""Keys whose values are added up in one product."""
_PAIRS = 1 << 16
"""Queries times keys of a call. The scores of a head then take 256 KiB and fit a core's cache."""
_TILE = 128
"""Cells per side of FlexAttention's tiles."""


class Block(NamedTuple):
    """Pieces of runs that are computed in one call.

    Attributes:
        queries: Int64[pieces, some], cells. Shorter pieces are padded with their last cell.
        keys: Int64[pieces, most], cells in the order of the text, padded likewise.
        unseen: Bool[pieces, 1, some, most], the keys that a query does not see.
        cells: Int64[cells], the queries without padding.
        places: Int64[cells], their places in the flattened ``queries``.
    """

    queries: torch.Tensor
    keys: torch.Tensor
    unseen: torch.Tensor
    cells: torch.Tensor
    places: torch.Tensor


def blocks(packed: Packed) -> tuple[Block, ...]:
    """The blocks of a packed sequence on a CPU."""
    alike: dict[tuple[int, int], list[tuple[Ints, Ints]]] = {}
    for run in packed.runs:
        text = np.concatenate([run.context, np.arange(run.start, run.stop)])
        for start in range(len(run.context), len(text), _QUERIES):
            stop = min(start + _QUERIES, len(text))
            some = max(_FEWEST, 1 << (stop - start - 1).bit_length())
            shape = some, -(-stop // _KEYS) * _KEYS
            alike.setdefault(shape, []).append((text[start:stop], text[:stop]))
    return tuple(
        _block(pieces[first : first + count], some, most)
        for (some, most), pieces in sorted(alike.items())
        for count in [max(1, _PAIRS // (some * most))]
        for first in range(0, len(pieces), count)
    )


def _block(pieces: Sequence[tuple[Ints, Ints]], some: int, most: int) -> Block:
    counts = np.array([len(own) for own, _ in pieces])
    text_lengths = np.array([len(text) for _, text in pieces])
    cells, texts = np.arange(some), np.arange(most)
    queries = np.stack([own[np.minimum(cells, len(own) - 1)] for own, _ in pieces])
    keys = np.stack([text[np.minimum(texts, len(text) - 1)] for _, text in pieces])
    # The first query of a piece sees all keys but those of later queries.
    visible = np.minimum(text_lengths[:, None], (text_lengths - counts)[:, None] + cells + 1)
    (places,) = np.nonzero((cells < counts[:, None]).ravel())
    return Block(
        torch.from_numpy(queries),
        torch.from_numpy(keys),
        torch.from_numpy(texts >= visible[:, None, :, None]),
        torch.from_numpy(queries.ravel()[places]),
        torch.from_numpy(places),
    )


def attend(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    plan: tuple[Block, ...],
    *,
    scale: float | None = None,
    softcap: float | None = None,
) -> torch.Tensor:
    """Attention over a packed sequence.

    Args:
        query: Float[1, heads, cells, width].
        key: Float[1, key heads, cells, width]; ``heads`` is a multiple of ``key heads``.
        value: as ``key``.
        plan: the blocks.
        scale: the factor of scores; by default 1/√width.
        softcap: the soft cap of scaled scores (Gemma 2).

    Returns:
        Float[1, heads, cells, width].
    """
    (_, heads, _, width), kept = query.shape, key.shape[1]
    query = query * (width**-0.5 if scale is None else scale)
    lines = [one[0].float().contiguous() for one in (query, key, value)]
    out = torch.empty_like(lines[0])
    for block in plan:
        (pieces, some), most = block.queries.shape, block.keys.shape[1]
        queries, block_keys, values = (
            line.index_select(1, cells.flatten()).view(-1, *cells.shape, width)
            for line, cells in zip(lines, (block.queries, block.keys, block.keys), strict=True)
        )
        # Heads that share keys are treated as additional queries.
        queries = (
            queries.view(kept, -1, pieces, some, width)
            .transpose(1, 2)
            .reshape(kept * pieces, -1, width)
        )
        block_keys, values = (one.view(kept * pieces, most, width) for one in (block_keys, values))
        scores = queries @ block_keys.transpose(1, 2)
        if softcap is not None:
            scores = softcap * torch.tanh(scores / softcap)
        scores.view(kept, pieces, -1, some, most).masked_fill_(block.unseen, -torch.inf)
        weights = scores.softmax(-1)
        block_out = torch.zeros_like(queries)
        # One product over all keys would add up in an order that depends on their number.
        for first in range(0, most, _PART):
            part = slice(first, first + _PART)
            block_out.baddbmm_(weights[:, :, part], values[:, part])
        block_out = (
            block_out.view(kept, pieces, -1, some, width).transpose(1, 2).reshape(heads, -1, width)
        )
        out.index_copy_(1, block.cells, block_out.index_select(1, block.places))
    return out[None].to(query.dtype)


def masked(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor | None,
    scale: float | None,
    softcap: float | None,
) -> torch.Tensor:
    """Attention with ``mask``. Without one it is causal, and the queries are the last keys."""
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
    """The rows of each stem.

    Attributes:
        rows: Int64[stems · most], the rows of each stem, padded to ``most`` with any row.
        places: Int64[rows], the place of each row in ``rows``.
        most: the most rows of a stem.
        alone: whether stem n has row n and no other. Then nothing is copied.
    """

    rows: torch.Tensor
    places: torch.Tensor
    most: int
    alone: bool

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
        alone = most == 1 and rows == list(range(len(stem_of)))
        listed, back = torch.tensor(rows, device=device), torch.tensor(places, device=device)
        return cls(listed, back, most, alone)

    def gathered(self, each: torch.Tensor) -> torch.Tensor:
        """Float[stems, kept, most · group, size] of Float[rows, kept, group, size]."""
        if self.alone:
            return each
        stems = len(self.rows) // self.most
        some = each.index_select(0, self.rows).view(stems, self.most, *each.shape[1:])
        return some.transpose(1, 2).flatten(2, 3)

    def spread(self, each: torch.Tensor) -> torch.Tensor:
        """The inverse of `gathered`."""
        if self.alone:
            return each
        stems, kept, queries, size = each.shape
        some = each.view(stems, kept, self.most, queries // self.most, size).transpose(1, 2)
        return some.flatten(0, 1).index_select(0, self.places)


class Band(NamedTuple):
    """The rows from ``start`` to ``stop`` see at most ``cells`` cells of their tails."""

    start: int
    stop: int
    cells: int


def cascade(
    query: torch.Tensor,
    stems: tuple[torch.Tensor, torch.Tensor],
    tails: tuple[torch.Tensor, torch.Tensor],
    unseen: torch.Tensor,
    members: Members,
    bands: Sequence[Band],
    *,
    scale: float | None = None,
    softcap: float | None = None,
) -> torch.Tensor:
    """Attention of each row over its stem and then its own tail.

    The rows of a stem read it together, in one matrix product, as in Hydragen (Juravsky et al.
    2024, arXiv:2402.05099). Tails are read band by band.

    Args:
        query: Float[rows, heads, 1, width].
        stems: keys and values, Float[stems, key heads, width, begun] and Float[stems, key heads,
            begun, width].
        tails: as ``stems``, of each row.
        unseen: Bool[rows, 1, 1, begun + written], the cells that a row does not see.
        members: the rows of each stem.
        bands: the bands of rows.
        scale: the factor of scores; by default 1/√width.
        softcap: the soft cap of scaled scores.

    Returns:
        Float[rows, heads, 1, width].
    """
    (stem_keys, stem_values), (keys, values) = stems, tails
    (rows, heads, _, width), kept, stem_length = query.shape, keys.shape[1], stem_keys.shape[3]
    queries = query * (width**-0.5 if scale is None else scale)
    queries = queries.view(rows, kept, heads // kept, width)
    if 1 < heads // kept < _FEWEST:
        # Measured with 3 heads for each key head, 256 rows of 99 cells: a quarter faster.
        queries = pad(queries, (0, 0, 0, _FEWEST - heads // kept))
    scores = queries.new_zeros(*queries.shape[:3], unseen.shape[3])
    scores[..., :stem_length] = members.spread(members.gathered(queries) @ stem_keys)
    for start, stop, cells in bands:
        products = queries[start:stop] @ keys[start:stop, :, :, :cells]
        scores[start:stop, :, :, stem_length : stem_length + cells] = products
    if softcap is not None:
        scores = softcap * torch.tanh(scores / softcap)
    weights = scores.masked_fill_(unseen, -torch.inf).softmax(-1, torch.float32).to(values.dtype)
    out = members.spread(members.gathered(weights[..., :stem_length]) @ stem_values)
    for start, stop, cells in bands:
        tail_weights = weights[start:stop, :, :, stem_length : stem_length + cells]
        out[start:stop] += tail_weights @ values[start:stop, :, :cells]
    return out[:, :, : heads // kept].reshape(rows, heads, 1, -1)


def tiles(packed: Packed, device: torch.device) -> BlockMask:
    """FlexAttention's mask of a packed sequence: which tiles see which, fully or in part.

    Computed from ``until`` in O((cells / 128)²); ``create_block_mask`` would test every pair.
    """
    until = packed.until.numpy()
    count = -(-len(until) // _TILE)
    padded = np.pad(until, (0, count * _TILE - len(until))).reshape(count, _TILE)
    first = np.arange(count) * _TILE
    # For a tile of keys: the last query that sees any of them, and the last that sees all.
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
    """For each tile, the number of ``chosen`` tiles, and all tiles with the chosen ones first."""
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
    """As `attend`, with FlexAttention. It is compiled on a GPU, where it skips masked tiles."""
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
