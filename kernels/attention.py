"""Attention over packed cells, each pair that sees another computed, and few that do not; and of
rows that are being written, over prompts that they share.

On a CPU what a cell becomes depends on its own text and on nothing else in the line, to the last
bit: a text is scored alike whatever shares its forward pass. So a run is cut into pieces, each is
attended to with its whole text, in that order, from the first key on, and products have shapes in
which BLAS adds up alike: at least four rows, and keys in parts of one length. Pieces of like shape
share a call. On a GPU FlexAttention skips what nobody sees, tile by tile.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn.attention.flex_attention import BlockMask, flex_attention
from torch.nn.functional import scaled_dot_product_attention

from kernels.packing import Ints, Packed

_QUERIES = 128
"""Cells of a piece: a long run sees little more than what comes before each of its cells."""
_FEWEST = 4
"""With fewer rows, MKL multiplies by another kernel, which adds up in another order."""
_KEYS = 64
"""Keys are filled up to a multiple of this."""
_PART = 128
"""Keys whose values are added up in one product."""
_PAIRS = 1 << 16
"""Queries times keys of a call: the scores of a head are 256 KiB, which a core's cache holds."""
_TILE = 128
"""Cells a side of FlexAttention's tiles."""


class Block(NamedTuple):
    """Pieces of runs that are attended to in one call.

    ``queries``: Int64[pieces, some] and ``keys``: Int64[pieces, most] are cells, the keys of a
    piece in the order of its text; shorter pieces are filled up with their own last cell.
    ``unseen``: Bool[pieces, 1, some, most] are the keys that a query does not see. ``cells``:
    Int64[cells] are the queries without repetition, and ``places``: Int64[cells] where in
    ``queries`` they stand.
    """

    queries: torch.Tensor
    keys: torch.Tensor
    unseen: torch.Tensor
    cells: torch.Tensor
    places: torch.Tensor


def blocks(packed: Packed) -> tuple[Block, ...]:
    """A CPU's blocks of a line."""
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
    asked = np.array([len(own) for own, _ in pieces])
    known = np.array([len(text) for _, text in pieces])
    cells, texts = np.arange(some), np.arange(most)
    queries = np.stack([own[np.minimum(cells, len(own) - 1)] for own, _ in pieces])
    keys = np.stack([text[np.minimum(texts, len(text) - 1)] for _, text in pieces])
    # The first query of a piece sees all but the later ones.
    seen = np.minimum(known[:, None], (known - asked)[:, None] + cells + 1)
    (places,) = np.nonzero((cells < asked[:, None]).ravel())
    return Block(
        torch.from_numpy(queries),
        torch.from_numpy(keys),
        torch.from_numpy(texts >= seen[:, None, :, None]),
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
    """Float[1, heads, cells, width] of query: the same, key and value: Float[1, kept heads, cells,
    width], where ``heads`` is a multiple of ``kept heads``.

    ``scale``: of scores, 1/√width unless given; ``softcap``: of scaled scores (Gemma 2).
    """
    (_, heads, _, width), kept = query.shape, key.shape[1]
    query = query * (width**-0.5 if scale is None else scale)
    lines = [one[0].float().contiguous() for one in (query, key, value)]
    out = torch.empty_like(lines[0])
    for block in plan:
        (pieces, some), most = block.queries.shape, block.keys.shape[1]
        asked, known, values = (
            line.index_select(1, cells.flatten()).view(-1, *cells.shape, width)
            for line, cells in zip(lines, (block.queries, block.keys, block.keys), strict=True)
        )
        # The heads that share keys ask as so many more queries.
        asked = (
            asked.view(kept, -1, pieces, some, width)
            .transpose(1, 2)
            .reshape(kept * pieces, -1, width)
        )
        known, values = (one.view(kept * pieces, most, width) for one in (known, values))
        scores = asked @ known.transpose(1, 2)
        if softcap is not None:
            scores = softcap * torch.tanh(scores / softcap)
        scores.view(kept, pieces, -1, some, most).masked_fill_(block.unseen, -torch.inf)
        weights = scores.softmax(-1)
        found = torch.zeros_like(asked)
        # A product over all keys would add them up in another order where there are more of them.
        for first in range(0, most, _PART):
            part = slice(first, first + _PART)
            found.baddbmm_(weights[:, :, part], values[:, part])
        found = found.view(kept, pieces, -1, some, width).transpose(1, 2).reshape(heads, -1, width)
        out.index_copy_(1, block.cells, found.index_select(1, block.places))
    return out[None].to(query.dtype)


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
