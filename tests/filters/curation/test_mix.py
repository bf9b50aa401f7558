"""Sources mixed by weight: in proportion, in order, and more rows only add to fewer."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters import mix


def source(name, height):
    return pl.DataFrame(
        {"source": [name] * height, "row": range(height)},
        schema={"source": pl.String, "row": pl.Int64},
    )


drawn = st.dictionaries(
    st.sampled_from("abcd"),
    st.tuples(st.integers(0, 12), st.sampled_from([0.5, 1.0, 2.0, 3.0, 7.5])),
    min_size=1,
)


@given(drawn=drawn, fewer=st.integers(0, 15), more=st.integers(0, 30))
def test_fewer_rows_are_the_beginning_of_more(drawn, fewer, more):
    sources = {name: source(name, height) for name, (height, _) in drawn.items()}
    weights = {name: weight for name, (_, weight) in drawn.items()}
    everything = mix(sources, weights)
    assert everything.height == sum(height for height, _ in drawn.values())
    long = mix(sources, weights, more)
    assert long.equals(everything.head(more))
    assert mix(sources, weights, min(fewer, more)).equals(long.head(fewer))
    for name, frame in sources.items():
        assert everything.filter(pl.col("source") == name).equals(frame)


@given(weights=st.tuples(st.integers(1, 9), st.integers(1, 9)), rows=st.integers(1, 200))
def test_two_sources_are_never_a_row_out_of_proportion(weights, rows):
    sources = {"a": source("a", 200), "b": source("b", 200)}
    mixed = mix(sources, dict(zip("ab", weights, strict=True)), rows)
    share = rows * weights[0] / sum(weights)
    assert abs((mixed["source"] == "a").sum() - share) < 1 + 1e-9


def test_the_order_is_said_by_the_weights_alone():
    mixed = mix({"a": source("a", 6), "b": source("b", 2)}, {"a": 3, "b": 1})
    assert "".join(mixed["source"]) == "aabaaaba"


@pytest.mark.parametrize(
    ("weights", "message"),
    [({"a": 1}, "each source one weight"), ({"a": 1, "b": 0}, "above 0"), ({}, "each source")],
)
def test_weights_that_do_not_fit_are_refused(weights, message):
    with pytest.raises(ValueError, match=message):
        mix({"a": source("a", 1), "b": source("b", 1)}, weights)
