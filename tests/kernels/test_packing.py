import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.packing import Row, block_mask, pack, share

IDS = st.lists(st.integers(1, 99), max_size=6)
ROWS = st.lists(
    st.builds(Row, st.lists(st.integers(1, 99), min_size=1, max_size=6), st.lists(IDS, max_size=4)),
    min_size=1,
    max_size=4,
)


def seen_texts(packed, row: int) -> list[list[tuple[int, int]]]:
    """For each cell, what it sees: (token, position) in order."""
    mask = block_mask(packed.segments)[row, 0]
    cells = list(
        zip(packed.input_ids[row].tolist(), packed.position_ids[row].tolist(), strict=True)
    )
    return [[cells[key] for key in range(len(cells)) if sees[key]] for sees in mask.tolist()]


@settings(deadline=None, max_examples=50)
@given(rows=ROWS)
def test_the_cell_that_predicts_a_token_sees_exactly_the_text_before_it(rows: list[Row]):
    packed = pack(rows)
    length = packed.input_ids.shape[1]
    seen = [seen_texts(packed, row) for row in range(len(rows))]
    at = 0
    for row in rows:
        for ids in row.continuations:
            for number, token in enumerate(ids):
                place, cell = divmod(packed.predictors[at].item(), length)
                before = [*row.prefix, *ids[:number]]
                assert seen[place][cell] == list(zip(before, range(len(before)), strict=True))
                assert packed.targets[at].item() == token
                at += 1
    assert at == len(packed.targets) == len(packed.predictors)


@settings(deadline=None, max_examples=50)
@given(rows=ROWS)
def test_mask_sums_are_the_lengths_of_the_texts(rows: list[Row]):
    packed = pack(rows)
    mask = block_mask(packed.segments)[:, 0]
    for number, row in enumerate(rows):
        texts = [len(ids) - 1 for ids in row.continuations if len(ids) > 1]
        prefix = len(row.prefix)
        expected = prefix * (prefix + 1) // 2
        expected += sum(prefix * text + text * (text + 1) // 2 for text in texts)
        assert mask[number][: row.cells].sum().item() == expected
    assert mask.any(dim=-1).all(), "a cell that sees nothing would be nan"


@settings(deadline=None, max_examples=50)
@given(rows=ROWS)
def test_values_return_to_their_continuations(rows: list[Row]):
    packed = pack(rows)
    parts = list(packed.split(packed.targets.tolist()))
    assert parts == [[list(ids) for ids in row.continuations] for row in rows]


def test_plain_causal_attention_serves_rows_without_siblings():
    assert pack([Row([1, 2], [[3, 4, 5]]), Row([1], [[2], [3]])]).causal
    assert not pack([Row([1, 2], [[3, 4], [5, 6]])]).causal


def test_options_of_one_token_take_no_cell():
    assert pack([Row([1, 2, 3], [[7], [8], [9]])]).input_ids.tolist() == [[1, 2, 3]]


def test_an_empty_prefix_is_refused():
    with pytest.raises(ValueError, match="empty prefix"):
        pack([Row([], [[1]])])


@given(
    prefix=st.integers(1, 500),
    lengths=st.lists(st.integers(1, 300), max_size=12),
    linear=st.floats(0, 1e6),
    quadratic=st.floats(0, 1e6),
    longest=st.integers(1, 1000),
)
def test_sharing_loses_none_and_never_costs_more_than_apart(
    prefix: int, lengths: list[int], linear: float, quadratic: float, longest: int
):
    groups = share(prefix, lengths, linear=linear, quadratic=quadratic, longest=longest)
    assert sorted(index for group in groups for index in group) == list(range(len(lengths)))

    def cost(indices: list[int]) -> float:
        cells = prefix + sum(lengths[index] - 1 for index in indices)
        assert len(indices) == 1 or cells <= longest
        return linear * cells + quadratic * cells**2

    apart = sum(cost([index]) for index in range(len(lengths)))
    assert sum(map(cost, groups)) <= apart * (1 + 1e-9)


def test_a_big_model_shares_and_a_small_one_does_not_share_long_continuations():
    seven_billion = {"linear": 14e9, "quadratic": 5e5}
    pocket = {"linear": 1.6e6, "quadratic": 2048.0}
    assert len(share(100, [200] * 8, **seven_billion, longest=8192)) == 1
    assert len(share(100, [200] * 8, **pocket, longest=8192)) > 1


def test_padding_positions_stay_in_range():
    packed = pack([Row([1], []), Row([1] * 9, [])])
    assert torch.equal(packed.position_ids[0], torch.zeros(9, dtype=torch.int64))
