"""Nothing leaks between splits, nothing moves between them, nothing is lost."""

import random
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.datasets.clusters import ALIKE, clusters
from assets.datasets.mixture import Cap
from assets.datasets.splits import REMEMBERED, add_prompts, keys, shares, split_by_key
from filters import LengthBias
from tests.assets.datasets.curations import FILTERS, Made, asked, curation_of, pair


def splits(texts: pl.Series, held_out: float, known: dict[str, str] | None = None) -> pl.DataFrame:
    """The split of each text."""
    known = known or {}
    stored = pl.DataFrame({"key": list(known), "split": list(known.values())}, schema=REMEMBERED)
    added = add_prompts(texts, held_out, stored)
    found = split_by_key(added.prompts, added.remembered)
    return pl.DataFrame({"key": added.keys}).join(found, on="key", maintain_order="left")


def where(result: Any) -> dict[str, str]:
    return dict(result.rows.select("pair_id", "split").iter_rows())


def shingles(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+|[^\w\s]", text.lower())
    return {tuple(words[i : i + 3]) for i in range(max(1, len(words) - 2))}


def slow_clusters(texts: list[str]) -> list[int]:
    """Each with each, until nothing changes."""
    sets = [shingles(text) for text in texts]
    near = [[len(one & other) / len(one | other) >= ALIKE for other in sets] for one in sets]
    label = list(range(len(texts)))
    changed = True
    while changed:
        changed = False
        for i in range(len(texts)):
            for j in range(len(texts)):
                if near[i][j] and label[i] != label[j]:
                    label[i] = label[j] = min(label[i], label[j])
                    changed = True
    return label


REFRESHES = st.dictionaries(
    st.sampled_from([f"2026-01-0{day}" for day in range(1, 7)]),
    st.lists(st.integers(0, 40), max_size=12, unique=True),
    max_size=4,
)


def of(refreshes: dict[str, list[int]]) -> list[Any]:
    return [
        pair(seed, refresh=refresh, recipe="one" if seed % 2 else "two")
        for refresh, seeds in refreshes.items()
        for seed in seeds
    ]


@given(texts=st.lists(st.integers(0, 30).map(asked), max_size=20))
def test_clusters_are_what_chains_of_like_prompts_join(texts: list[str]) -> None:
    assert clusters(pl.Series(texts, dtype=pl.String)).to_list() == slow_clusters(texts)


def test_clusters_of_many_are_those_of_few() -> None:
    texts = [asked(seed) for seed in range(180)]
    found = clusters(pl.Series(texts)).to_list()
    assert found == slow_clusters(texts)
    assert max(Counter(found).values()) == 3


@given(refreshes=REFRESHES)
def test_no_cluster_is_in_both_splits(refreshes: dict[str, list[int]]) -> None:
    result = curation_of(of(refreshes))
    texts = [asked(int(number)) for number in result.rows["pair_id"]]
    of_cluster: dict[int, set[str]] = {}
    for cluster, split in zip(slow_clusters(texts), result.rows["split"], strict=True):
        of_cluster.setdefault(cluster, set()).add(split)
    assert all(len(found) == 1 for found in of_cluster.values())


@given(refreshes=REFRESHES, more=REFRESHES, last=REFRESHES)
def test_other_refreshes_earlier_or_later_move_no_row_between_splits(
    refreshes: dict[str, list[int]], more: dict[str, list[int]], last: dict[str, list[int]]
) -> None:
    was: dict[str, str] = {}
    remembered: Any = None
    for known in (refreshes, {**more, **refreshes}, {**last, **more, **refreshes}):
        result = curation_of(of(known), remembered=remembered)
        remembered = result.curation.remembered
        now = where(result)
        assert {row: now[row] for row in was if row in now} == {
            row: split for row, split in was.items() if row in now
        }
        # What is not there now may come back, but to no other split.
        was |= now


def check_day_by_day(refreshes: dict[str, list[int]], **how: Any) -> Made:
    """A curation that keeps what it decided each day is that of all days at once."""
    remembered: Any = None
    decisions: Sequence[pl.DataFrame] = ()
    result = curation_of([], **how)
    for day in sorted(each for each in refreshes if refreshes[each]):
        known = {each: refreshes[each] for each in refreshes if each <= day}
        result = curation_of(of(known), remembered=remembered, known=decisions, **how)
        remembered, decisions = result.curation.remembered, result.curation.decisions
    once = curation_of(of(refreshes), **how)
    assert result.rows.equals(once.rows)
    assert result.dropped.equals(once.dropped)
    assert result.curation.rows.equals(once.curation.rows)
    return result


@given(refreshes=REFRESHES, kinds=st.permutations(range(3)), count=st.integers(0, 3))
def test_day_by_day_is_all_at_once(
    refreshes: dict[str, list[int]], kinds: list[int], count: int
) -> None:
    # The last one compares all rows with each other, so nothing after it lasts.
    filters = [*FILTERS, LengthBias(of="rows", seed=1)]
    check_day_by_day(refreshes, filters=[filters[kind] for kind in kinds[:count]])


def test_many_rows_day_by_day_are_those_of_all_at_once() -> None:
    draw = random.Random(0)
    refreshes = {f"2026-01-0{day}": draw.choices(range(200), k=60) for day in range(1, 6)}
    result = check_day_by_day(refreshes, filters=FILTERS[1:])
    assert result.dropped.height > 100


def test_rows_decided_about_some_at_a_time_are_those_of_all_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    draw = random.Random(1)
    refreshes = {
        f"2026-01-0{day}": draw.choices(range(90), k=k) for day, k in enumerate((50, 3), 1)
    }
    once = curation_of(of(refreshes)).curation
    for name in ("curate", "gather"):
        monkeypatch.setattr(f"assets.datasets.{name}.SLICE", 7)
    slowly = curation_of(of(refreshes)).curation
    assert slowly.rows.equals(once.rows)
    assert slowly.dropped.equals(once.dropped)
    assert slowly.remembered.equals(once.remembered)
    for mine, whole in zip(slowly.decisions, once.decisions, strict=True):
        assert mine.equals(whole)


@given(refreshes=REFRESHES, seed=st.integers(0, 99))
def test_the_order_of_refreshes_changes_nothing(refreshes: dict[str, list[int]], seed: int) -> None:
    days = list(refreshes)
    random.Random(seed).shuffle(days)
    one, other = curation_of(of(refreshes)), curation_of(of({day: refreshes[day] for day in days}))
    assert one.rows.equals(other.rows)
    assert one.dropped.equals(other.dropped)


@given(
    refreshes=REFRESHES,
    weights=st.none() | st.fixed_dictionaries({n: st.floats(0.1, 9) for n in ("one", "two")}),
    most=st.none() | st.integers(1, 12),
    of_one=st.integers(1, 9),
)
def test_kept_and_dropped_add_up_and_caps_and_weights_hold(
    refreshes: dict[str, list[int]],
    weights: dict[str, float] | None,
    most: int | None,
    of_one: int,
) -> None:
    records = of(refreshes)
    cap = Cap(rows=most, recipes={"one": of_one})
    result = curation_of(records, weights=weights, cap=cap)
    assert result.rows.height + result.dropped.height == len(records)
    told = Counter(record["pair_id"] for record in records)
    assert Counter([*result.rows["pair_id"], *result.dropped["row_id"]]) == told
    counts = Counter(result.rows["recipe"])
    assert counts["one"] <= of_one
    assert most is None or result.rows.height <= most
    if weights is not None and len(counts) == 2:
        fair = {name: count / weights[name] for name, count in counts.items()}
        assert abs(fair["one"] - fair["two"]) <= 1 / min(weights.values()) + 1e-6


def test_a_cluster_is_where_its_first_prompt_is() -> None:
    # Three prompts that differ in a word: alone, some would be held out and some not.
    first, *later = (pair(seed, refresh=f"2026-01-0{seed + 1}") for seed in range(3))
    share = float(shares(keys(pl.Series([asked(0)])))[0])
    for held, split in ((share / 2, "train"), ((1 + share) / 2, "held_out")):
        result = curation_of([first, *later], held_out=held)
        assert result.rows["split"].to_list() == [split] * 3
        assert result.dropped.is_empty()


def test_held_out_rows_leave_where_their_cluster_is_joined_to_one_that_is_trained_on() -> None:
    # The ends are not alike, but both are like what comes between them.
    words = [f"word{number}" for number in range(30)]
    ends = [" ".join(words[:24]), " ".join(words[6:])]
    between = " ".join(words[3:27])
    assert clusters(pl.Series(ends)).n_unique() == 2
    assert clusters(pl.Series([*ends, between])).n_unique() == 1
    found = sorted(zip(shares(keys(pl.Series(ends))).to_list(), ends, strict=True))
    held_out = (found[0][0] + found[1][0]) / 2
    ordered = [text for _, text in found]
    before = splits(pl.Series(ordered), held_out)
    assert before["split"].to_list() == ["held_out", "train"]
    after = splits(pl.Series([*ordered, between]), held_out)
    assert after["split"].to_list() == [None, "train", "train"]
    assert after["own"].to_list() == ["held_out", "train", "train"]


def test_about_as_many_prompts_are_held_out_as_were_asked_for() -> None:
    found = splits(pl.Series([f"a{number} b{number} c{number}" for number in range(4000)]), 0.1)
    assert 0.07 < (found["split"] == "held_out").sum() / 4000 < 0.13


def test_case_and_space_do_not_make_another_prompt() -> None:
    one, other = keys(pl.Series(["How  many pears?\n", "how many PEARS ?"]))
    assert one == other


def test_prompts_are_remembered_by_the_keys_of_before() -> None:
    # Kept on disk since the first version: another key would draw the prompt's split anew.
    known = {
        "How many pears?": "d29b4773105b376cc89dcecf03f5bffe",
        "小明有３个苹果。": "0d40c54784228b0ecc5d6a69aa0fc117",
        "x² + 1": "8ac24e05ccfde156339cb0efd11c24de",
        "กี่คน": "7377e178ebe980524140913db63f8852",
    }
    assert keys(pl.Series(list(known))).to_list() == list(known.values())


def test_prompts_without_spaces_between_words_have_clusters_too() -> None:
    texts = [
        "商店里有红色的苹果和绿色的梨，请问小明一共需要付多少钱才能买下所有的水果？",
        "商店里有红色的苹果和绿色的梨，请问小红一共需要付多少钱才能买下所有的水果？",
        "一列火车以恒定的速度从北京开往上海，路上没有停靠任何车站，请问它几点到达？",
    ]
    assert clusters(pl.Series(texts)).to_list() == [0, 0, 2]
    # Prompts remembered in two splits before they had a cluster: neither moves to the other.
    was = dict(zip(keys(pl.Series(texts)), ["train", "held_out", "held_out"], strict=True))
    after = splits(pl.Series(texts), 0.5, was)
    assert after["own"].to_list() == ["train", "held_out", "held_out"]
    assert after["split"].to_list() == ["train", None, "held_out"]


def test_prompts_with_other_numbers_or_signs_stay_in_one_split() -> None:
    # Deduplicate keeps both: for what is learnt they differ, for what is measured they do not.
    text = " ".join(f"word{number}" for number in range(20))
    texts = [f"{text} 12 x²", f"{text} 21 x2", f"{text} 13 x³"]
    assert clusters(pl.Series(texts)).to_list() == [0, 0, 0]


def test_repeats_and_evaluation_prompts_are_dropped_over_refreshes() -> None:
    again = pair(3, refresh="2026-01-03", recipe="two")
    near = {**pair(3, refresh="2026-01-02"), "pair_id": "near"}
    measured = pair(9_000, refresh="2026-01-02")
    result = curation_of([again, near, measured, pair(3), pair(6)], held_out=0.0)
    assert result.rows["pair_id"].to_list() == ["3", "6"]
    reasons = dict(result.dropped.select("row_id", "reason").iter_rows())
    assert reasons == {
        "3": "the same row",
        "near": "same text",
        "9000": "is an evaluation prompt",
    }
    assert set(result.dropped["stage"]) == {"datasets/mine"}


def test_the_oldest_stay_under_a_cap_of_a_source() -> None:
    records = [
        pair(seed * 3, refresh=f"2026-01-0{1 + seed % 5}", source="a" if seed < 8 else "b")
        for seed in range(12)
    ]
    result = curation_of(records, held_out=0.0, cap=Cap(sources={"a": 3}))
    kept = result.rows.filter(pl.col("source") == "a")
    assert (kept.height, set(kept["refresh"])) == (3, {"2026-01-01", "2026-01-02"})
    assert result.rows.filter(pl.col("source") == "b").height == 4
    assert set(result.dropped["reason"]) == {"over the cap of source a"}
