"""No prompt and no source has too many rows, and no row goes without need."""

import json
from collections import Counter

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters import Balance, RandomPairs
from filters.curation.balance import share_cap
from schemas import content_id


def slowly(rows, cap, group, seed):
    """The ids that stay: of each group those with the lowest lots."""
    kept = []
    for value in {group(row) for row in rows}:
        members = [row for row in rows if group(row) == value]
        members.sort(key=lambda row: content_id(seed, row[0]))
        kept += members if cap is None else members[:cap]
    return kept


def largest_share_cap(sizes, share):
    fits = [c for c in range(max(sizes, default=0) + 1) if _held(sizes, c) <= share + 1e-9]
    return max(fits)


def _held(sizes, cap):
    kept = [min(size, cap) for size in sizes]
    return max(kept) / sum(kept) if sum(kept) else 0


@st.composite
def worlds(draw):
    """Prompts of some sources and the responses to them."""
    sources = draw(st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=6))
    counts = draw(
        st.lists(st.integers(0, 6), min_size=len(sources), max_size=len(sources)).filter(any)
    )
    return {f"p{i}": (source, n) for i, (source, n) in enumerate(zip(sources, counts, strict=True))}


def tables_of(drawn, world):
    made = world({prompt: [(f"t{i}", []) for i in range(n)] for prompt, (_, n) in drawn.items()})
    sources = pl.Series([source for source, _ in drawn.values()])
    return {**made, "prompts": made["prompts"].with_columns(source=sources)}


@given(
    drawn=worlds(),
    per_prompt=st.sampled_from([None, 1, 3]),
    per_source=st.sampled_from([None, 1, 4, 0.34, 0.5, 0.8]),
    seed=st.integers(0, 3),
)
def test_equals_the_slow_version(drawn, per_prompt, per_source, seed, world, shuffled, same_rows):
    if per_prompt is None and per_source is None:
        return
    tables = tables_of(drawn, world)
    rows = list(tables["responses"].select("response_id", "prompt_id").iter_rows())
    left = slowly(rows, per_prompt, lambda row: row[1], seed)
    sizes = Counter(drawn[prompt][0] for _, prompt in left)
    balance = Balance(of="responses", per_prompt=per_prompt, per_source=per_source, seed=seed)
    if isinstance(per_source, float) and len(sizes) * per_source < 1:
        with pytest.raises(ValueError, match="cannot each have at most"):
            balance.run(tables)
        return
    cap = per_source
    if isinstance(per_source, float):
        cap = largest_share_cap(list(sizes.values()), per_source)
    kept = {row[0] for row in slowly(left, cap, lambda row: drawn[row[1]][0], seed)}

    split = balance.run(tables)
    assert split.kept["response_id"].to_list() == [row[0] for row in rows if row[0] in kept]
    assert split.kept.height + split.dropped.height == len(rows)
    other = balance.run(shuffled(tables, seed))
    assert same_rows(split.kept, other.kept, "response_id")
    assert same_rows(split.dropped, other.dropped, "row_id")


@given(sizes=st.lists(st.integers(1, 40), max_size=6), share=st.sampled_from([0.1, 0.3, 0.5, 0.9]))
def test_the_cap_of_a_share_is_the_largest_that_keeps_it(sizes, share):
    assert share_cap(pl.Series(sizes, dtype=pl.Int64).to_numpy(), share) == largest_share_cap(
        sizes, share
    )


def test_works_on_pairs_and_prompts_and_says_the_numbers(world):
    tables = tables_of({f"p{i}": ("a" if i < 4 else "b", 2) for i in range(6)}, world)
    tables["pairs"] = RandomPairs(of="responses").run(tables).kept
    split = Balance(of="pairs", per_source=0.5).run(tables)
    assert split.kept.height == 4
    assert split.dropped["reason"].unique().to_list() == ["source has too many rows"]
    assert json.loads(split.dropped["numbers"][0]) == {"cap": 2, "rows": 4, "source": "a"}
    assert Balance(of="prompts", per_source=1).run(tables).kept["source"].to_list() == ["a", "b"]
    by_licence = Balance(of="pairs", per_source=3, by="licence").run(tables)
    assert by_licence.kept.height == 3


def test_what_cannot_be_is_said(world):
    tables = tables_of({"p0": ("a", 2)}, world)
    with pytest.raises(ValueError, match="neither its rows nor their prompts"):
        Balance(of="responses", per_source=2, by="colour").run(tables)
    with pytest.raises(ValueError, match="cannot be grouped"):
        Balance(of="responses", per_source=2, by="origin").run(tables)
    with pytest.raises(ValueError, match="has no effect"):
        Balance(of="prompts", per_prompt=1).run(tables)
    with pytest.raises(ValueError, match="needs 'per_prompt'"):
        Balance(of="responses")
    with pytest.raises(ValueError, match="a share below 1"):
        Balance(of="responses", per_source=1.5)
