"""Edits: how much of a text was changed."""

from functools import cache

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.pairs.edits import changed, common_prefix, distance


def slowly(before: tuple[str, ...], after: tuple[str, ...]) -> int:
    """Levenshtein's distance as it is defined."""

    @cache
    def between(i: int, j: int) -> int:
        if i == 0 or j == 0:
            return i + j
        return min(
            between(i - 1, j) + 1,
            between(i, j - 1) + 1,
            between(i - 1, j - 1) + (before[i - 1] != after[j - 1]),
        )

    return between(len(before), len(after))


few = st.lists(st.sampled_from("abc"), max_size=9).map(tuple)


@given(before=few, after=few)
def test_distance_is_levenshteins(before: tuple[str, ...], after: tuple[str, ...]) -> None:
    assert distance(before, after) == slowly(before, after)


@pytest.mark.parametrize(
    ("before", "after", "share"),
    [
        ("12 + 4 = 16", "12 + 4 = 15", 1 / 7),
        ("12 + 4 = 16", "12 + 4  =  16", 0.0),
        ("", "", 0.0),
        ("", "a b", 1.0),
        ("He has 9.", "She has 9.", 1 / 4),
        ("größer", "großer", 1.0),
        ("9", "10", 1.0),
    ],
)
def test_a_token_is_a_word_a_digit_or_a_sign(before: str, after: str, share: float) -> None:
    found = changed(pl.Series([before]), pl.Series([after]))
    assert found.to_list() == pytest.approx([share])


@given(one=st.text(max_size=20), other=st.text(max_size=20))
def test_the_common_prefix_is_all_that_both_begin_with(one: str, other: str) -> None:
    (length,) = common_prefix(pl.Series([one]), pl.Series([other]))
    assert one[:length] == other[:length]
    assert one[length : length + 1] != other[length : length + 1] or one == other
