"""Ids of whole columns are the ids of their rows."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from schemas import content_id
from schemas.ids import content_ids

texts = st.one_of(
    st.none(),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.text('ab"\\\n\x00\x1f\x7f\u2028', max_size=3),
)


@given(rows=st.lists(st.tuples(texts, texts)), seed=st.integers())
def test_ids_of_columns_are_those_of_rows(rows, seed):
    one, other = (pl.Series([row[side] for row in rows], dtype=pl.String) for side in (0, 1))
    assert content_ids(seed, one, "x", other).to_list() == [
        content_id(seed, a, "x", b) for a, b in rows
    ]
