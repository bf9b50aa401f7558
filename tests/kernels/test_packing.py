import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kernels.packing import Row, common, pack, sees

TOKENS = st.integers(1, 3)
"""Few, so that texts begin alike."""
IDS = st.lists(TOKENS, max_size=6)
ROWS = st.lists(
    st.builds(Row, st.lists(TOKENS, min_size=1, max_size=6), st.lists(IDS, max_size=4)),
    min_size=1,
    max_size=4,
)


def texts(rows: list[Row]) -> list[tuple[int, ...]]:
    """What is read to predict each continuation's tokens."""
    return [(*row.prefix, *ids[:-1]) for row in rows for ids in row.continuations if ids]


def seen_texts(packed) -> list[list[tuple[int, int]]]:
    """For each cell, what it sees: (token, position) in order."""
    cells = list(zip(packed.input_ids[0].tolist(), packed.position_ids[0].tolist(), strict=True))
    return [[cells[key] for key in np.flatnonzero(row)] for row in sees(packed.until)[0, 0].numpy()]


@given(rows=ROWS, multiple=st.sampled_from([1, 8]))
def test_the_cell_that_predicts_a_token_sees_exactly_the_text_before_it(rows, multiple):
    packed = pack(rows, multiple=multiple)
    seen = seen_texts(packed)
    at = 0
    paths = iter(packed.paths)
    for row in rows:
        for ids in row.continuations:
            if ids:
                path = next(paths)
                assert packed.input_ids[0, path].tolist() == [*row.prefix, *ids[:-1]]
                assert packed.position_ids[0, path].tolist() == list(range(len(path)))
            for number, token in enumerate(ids):
                before = [*row.prefix, *ids[:number]]
                cell = packed.predictors[at].item()
                assert seen[cell] == list(zip(before, range(len(before)), strict=True))
                assert packed.targets[at].item() == token
                at += 1
    assert at == len(packed.targets) == len(packed.predictors)


@given(rows=ROWS)
def test_what_texts_begin_with_in_common_is_held_once(rows: list[Row]):
    beginnings = {text[:end] for text in texts(rows) for end in range(1, len(text) + 1)}
    assert pack(rows).input_ids.shape == (1, len(beginnings))


@given(rows=ROWS)
def test_runs_see_what_the_mask_says(rows: list[Row]):
    packed = pack(rows, multiple=4)
    mask = torch.zeros_like(sees(packed.until))
    for run in packed.runs:
        cells = torch.arange(run.start, run.stop)
        mask[0, 0, cells[:, None], torch.from_numpy(run.context)] = True
        mask[0, 0, cells[:, None], cells] = cells <= cells[:, None]
    assert torch.equal(mask, sees(packed.until))
    assert [run.start for run in packed.runs[1:]] == [run.stop for run in packed.runs[:-1]]


@given(rows=ROWS)
def test_values_return_to_their_continuations(rows: list[Row]):
    packed = pack(rows)
    parts = list(packed.split(packed.targets.tolist()))
    assert parts == [[list(ids) for ids in row.continuations] for row in rows]


@given(rows=ROWS, multiple=st.integers(1, 9))
def test_cells_are_made_a_multiple_by_cells_that_see_themselves_alone(rows, multiple):
    packed, bare = pack(rows, pad=7, multiple=multiple), pack(rows)
    cells = bare.input_ids.shape[1]
    assert packed.input_ids.shape[1] == -(-cells // multiple) * multiple
    assert (packed.input_ids[0, cells:] == 7).all()
    assert sees(packed.until)[0, 0, cells:].sum(dim=1).tolist() == [1] * len(packed.until[cells:])


def test_siblings_in_a_tree_are_nested():
    """1 2 is said once, and so is 3 after it."""
    packed = pack([Row([1], [[2, 3, 4, 0], [2, 3, 5, 0], [2, 6, 0]])])
    assert packed.input_ids.tolist() == [[1, 2, 3, 4, 5, 6]]
    assert packed.position_ids.tolist() == [[0, 1, 2, 3, 3, 2]]
    assert packed.until.tolist() == [6, 6, 5, 4, 5, 6]


def test_the_steps_of_a_solution_are_one_run_of_cells():
    packed = pack([Row([1], [[2, 0], [2, 3, 0], [2, 3, 4, 0]])])
    assert packed.input_ids.tolist() == [[1, 2, 3, 4]]
    assert packed.until.tolist() == [4] * 4


def test_options_of_one_token_take_no_cell():
    assert pack([Row([1, 2, 3], [[7], [8], [9]])]).input_ids.tolist() == [[1, 2, 3]]


def test_an_empty_prefix_is_refused():
    with pytest.raises(ValueError, match="empty prefix"):
        pack([Row([], [[1]])])


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [([], [1], 0), ([1, 2], [1, 2], 2), ([1, 2, 3], [1, 3], 1), ([2], [1], 0), ([1], [1, 2], 1)],
)
def test_common_beginnings(one: list[int], other: list[int], shared: int):
    assert common(np.array(one, np.int64), np.array(other, np.int64)) == shared
