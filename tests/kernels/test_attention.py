"""Attention over packed cells, against the softmax of every pair in float64."""

from itertools import pairwise

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from kernels.attention import Band, Members, attend, blocks, cascade, flex, masked, tiles
from kernels.packing import Row, pack, sees

IDS = st.lists(st.integers(1, 3), min_size=1, max_size=8)
ROWS = st.lists(
    st.builds(Row, st.lists(st.integers(1, 3), min_size=1, max_size=8), st.lists(IDS, min_size=1)),
    min_size=1,
    max_size=4,
)
BIG = [
    Row(list(range(1, 200)), [[500 + n, *range(n, n + 150), 0] for n in range(4)]),
    Row([*range(1, 90), 7], [[7, 7, 7, 0], [7, 8, 0]]),
    Row([9] * 300, [[9, 0]]),
]
"""Some whole tiles are seen, some in part, some by nobody."""


def states(cells: int, *, kept: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(cells)
    query = torch.randn(1, 4, cells, 16)
    return query, torch.randn(1, kept, cells, 16), torch.randn(1, kept, cells, 16)


def every_pair(query, key, value, seen, *, scale=0.25, softcap=None) -> torch.Tensor:
    groups = query.shape[1] // key.shape[1]
    key, value = (one.double().repeat_interleave(groups, 1) for one in (key, value))
    scores = query.double() @ key.transpose(2, 3) * scale
    if softcap is not None:
        scores = softcap * torch.tanh(scores / softcap)
    return scores.masked_fill(~seen, -torch.inf).softmax(-1) @ value


def assert_right(found: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(found.double(), expected, atol=1e-5, rtol=0)


@given(
    rows=ROWS,
    kept=st.sampled_from([1, 2, 4]),
    softcap=st.sampled_from([None, 2.0]),
)
def test_blocks_see_what_the_mask_says(rows, kept, softcap):
    packed = pack(rows)
    query, key, value = states(len(packed.until), kept=kept)
    found = attend(query, key, value, blocks(packed), softcap=softcap)
    assert_right(found, every_pair(query, key, value, sees(packed.until), softcap=softcap))


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
@pytest.mark.parametrize("softcap", [None, 2.0])
@pytest.mark.parametrize("multiple", [1, 128])
def test_flex_attention_sees_what_the_mask_says(softcap, multiple):
    packed = pack(BIG, multiple=multiple)
    query, key, value = states(len(packed.until), kept=2)
    mask = tiles(packed, torch.device("cpu"))
    found = flex(query, key, value, mask, softcap=softcap)
    assert_right(found, every_pair(query, key, value, sees(packed.until), softcap=softcap))


def test_flex_attention_skips_what_nobody_sees():
    """Rows after one another see none of each other: most tiles are left out."""
    packed = pack([Row([n] * 256, [[n] * 129]) for n in range(1, 9)], multiple=128)
    mask = tiles(packed, torch.device("cpu"))
    assert mask.to_dense().sum().item() == 8 * (1 + 2 + 3)
    assert mask.full_kv_num_blocks.sum().item() == 8 * (1 + 2)


@pytest.mark.parametrize("kept", [1, 4])
@pytest.mark.parametrize("softcap", [None, 2.0])
def test_a_text_is_attended_to_alike_whatever_shares_its_line(softcap, kept):
    """To the last bit: what a model says of a text depends on the text alone."""
    torch.manual_seed(0)
    told = {name: torch.randn(1, heads, 700, 16) for name, heads in (("q", 4), ("k", kept))}

    def attended(row: Row, line: list[Row]) -> torch.Tensor:
        packed = pack(line)
        # A cell's states follow from what is said up to there: here from its token and place.
        cells = (packed.input_ids[0] + packed.position_ids[0]) % 700
        query, key = told["q"][:, :, cells], told["k"][:, :, cells]
        out = attend(query, key, key, blocks(packed), softcap=softcap)
        return out[0, :, packed.predictors[: sum(map(len, row.continuations))]]

    others = [*BIG, Row([1, 2, 3], [[4, 5]]), Row(list(range(1, 150)), [[5] * 3, [6]])]
    for row in others:
        alone = attended(row, [row])
        for more in ([BIG[0]], others, others[::-1]):
            assert torch.equal(attended(row, [row, *more]), alone)


@pytest.mark.parametrize("softcap", [None, 2.0])
def test_attention_without_a_mask_is_causal(softcap):
    query, key, value = states(9, kept=4)
    causal = torch.ones(9, 9, dtype=torch.bool).tril()
    expected = every_pair(query, key, value, causal, softcap=softcap)
    assert_right(masked(query, key, value, None, None, softcap), expected)
    assert_right(masked(query[:, :, -1:], key, value, None, None, softcap), expected[:, :, -1:])


@given(
    stem_of=st.lists(st.integers(0, 3), min_size=1, max_size=9),
    begun=st.lists(st.integers(1, 9), min_size=4, max_size=4),
    written=st.lists(st.integers(1, 40), min_size=9, max_size=9),
    cut=st.integers(0, 9),
    kept=st.sampled_from([1, 2, 4]),
    softcap=st.sampled_from([None, 2.0]),
)
@example(stem_of=[0, 1, 2, 3], begun=[3, 9, 1, 5], written=[2] * 9, cut=0, kept=2, softcap=None)
def test_rows_see_their_stem_and_what_they_wrote(stem_of, begun, written, cut, kept, softcap):
    rows, width = len(stem_of), 16
    written = sorted(written[:rows], reverse=True)
    torch.manual_seed(sum(written))
    query = torch.randn(rows, 4, 1, width)
    stems = torch.randn(2, 4, kept, max(begun), width)
    tails = torch.randn(2, rows, kept, written[0], width)
    cells = torch.arange(50)
    lengths = torch.tensor([begun[stem] for stem in stem_of])
    mask = torch.cat(
        [
            cells[: max(begun)] < lengths[:, None],
            cells[: written[0]] < torch.tensor(written)[:, None],
        ],
        dim=1,
    )[:, None, None]
    edges = sorted({0, min(cut, rows), rows})
    found = cascade(
        query,
        (stems[0].transpose(2, 3), stems[1]),
        (tails[0].transpose(2, 3), tails[1]),
        ~mask,
        Members.of(stem_of, 4, query.device),
        [Band(a, b, written[a]) for a, b in pairwise(edges)],
        scale=0.25,
        softcap=softcap,
    )
    whole = torch.cat([stems[:, stem_of], tails], dim=3)
    assert_right(found, every_pair(query, whole[0], whole[1], mask, softcap=softcap))
