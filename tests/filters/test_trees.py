"""Filters of search trees against slow versions that walk them, and what all of them keep to."""

import itertools
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters import BranchPairs, PrefixValues, RankedTraces, SiblingPairs, Traces, TreeAnswers
from filters.trees import TreeFilter
from tests.filters.grown import Grove, Grown, grove, groves

EVERY: list[TreeFilter] = [
    Traces(of="nodes"),
    Traces(of="nodes", at_least=0.5, most=1),
    PrefixValues(of="nodes"),
    PrefixValues(of="nodes", values="ends", right_above=0.4),
    SiblingPairs(of="nodes", confidence=True),
    SiblingPairs(of="nodes", along="visits", against="next"),
    BranchPairs(of="nodes"),
    RankedTraces(of="nodes", most=3),
    TreeAnswers(of="nodes"),
]


def answer(messages: list[dict[str, str]]) -> str:
    return messages[-1]["content"]


@pytest.mark.parametrize("operator", EVERY, ids=repr)
@given(grown=groves(), seed=st.integers(0, 9))
def test_every_prompt_is_kept_or_dropped_whatever_the_order(
    operator: TreeFilter, grown: Grove, seed: int
) -> None:
    split = operator.run(grown.tables)
    kept, refused = set(split.kept["prompt_id"]), split.dropped["row_id"].to_list()
    assert kept | set(refused) == set(grown.trees)
    assert not kept & set(refused)
    assert len(refused) == len(set(refused))
    mixed = {
        name: frame.sample(fraction=1, shuffle=True, seed=seed)
        for name, frame in grown.tables.items()
    }
    again = operator.run(mixed)
    key = split.kept.columns[0]
    assert again.kept.sort(key).equals(split.kept.sort(key))
    assert again.dropped.sort("row_id").equals(split.dropped.sort("row_id"))


@pytest.mark.parametrize("operator", EVERY, ids=repr)
def test_a_prompt_that_is_not_there_and_a_node_that_hangs_on_none(operator: TreeFilter) -> None:
    made = {"value": 1.0, "terminal_correct": True}
    tables = grove({"a\n": {"value": 0.5, "below": {"b": made}}}).tables
    gone = tables | {"prompts": tables["prompts"].clear()}
    assert operator.run(gone).dropped.select("row_id", "reason").rows() == [
        ("p", "prompt not found")
    ]
    lost = tables | {"nodes": tables["nodes"].filter(pl.col("node_id") != "root/a")}
    told = operator.run(lost).dropped.select("row_id", "reason").rows()
    assert ("root/a/b", "hangs on no root") in told


@given(groves(), st.sampled_from([0.0, 0.5]), st.sampled_from([None, 1, 2]))
def test_traces_are_the_right_answers_of_enough_value(
    grown: Grove, at_least: float, most: int | None
) -> None:
    kept = Traces(of="nodes", at_least=at_least, most=most).run(grown.tables).kept
    for name in grown.trees:
        expected = [
            end.node_id
            for end in grown.ends(name)
            if end.row["terminal_correct"]
            and all(one.row["value"] is None or one.row["value"] >= at_least for one in end.path)
        ][:most]
        mine = kept.filter(pl.col("prompt_id") == name)
        assert mine["response_id"].to_list() == expected
    texts = {one.node_id: one.text for root in grown.trees.values() for one in root.below()}
    for row in kept.iter_rows(named=True):
        assert answer(row["messages"]) == texts[row["response_id"]]
        assert row["messages"][0]["content"] == f"q {row['prompt_id']}"


@given(groves())
def test_every_end_is_a_response_right_or_wrong(grown: Grove) -> None:
    kept = TreeAnswers(of="nodes").run(grown.tables).kept
    expected = {
        one.node_id: (name, one.text)
        for name, root in grown.trees.items()
        for one in root.below()
        if one.row["terminal"]
    }
    found = kept.select("response_id", "prompt_id", "text").iter_rows()
    assert {response: tuple(row) for response, *row in found} == expected
    assert kept["tokens"].to_list() == [len(text.split()) for text in kept["text"]]


@given(groves(), st.sampled_from(["search", "ends"]), st.integers(0, 2))
def test_a_beginning_has_its_value_once(grown: Grove, values: Any, min_visits: int) -> None:
    made = PrefixValues(of="nodes", values=values, min_visits=min_visits, right_above=0.4)
    kept = made.run(grown.tables).kept
    learnt: list[tuple[str, float]] = []
    for row in kept.iter_rows(named=True):
        texts = list(itertools.accumulate(row["completions"]))
        learnt += [
            (row["prompt_id"] + text, value)
            for text, value in zip(texts, row["values"], strict=True)
            if value is not None
        ]
        labels = [None if value is None else value > 0.4 for value in row["values"]]
        assert row["labels"] == labels
        assert row["first_error"] == (labels.index(False) if False in labels else None)
        assert any(value is not None for value in row["values"])
    expected = {
        name + node.text: value
        for name, root in grown.trees.items()
        for node in root.below()
        if node.above is not None
        and (value := worth_learning(node, values, min_visits)) is not None
    }
    assert dict(learnt) == pytest.approx(expected)
    assert len(learnt) == len(expected)
    leaves = {one.node_id for root in grown.trees.values() for one in root.below()}
    assert set(kept["response_id"]) <= leaves


def worth_learning(node: Grown, values: str, min_visits: int) -> float | None:
    if values == "search":
        value: float | None = node.row["value"]
        return value if node.row["visits"] >= min_visits else None
    below = [one.row["terminal_correct"] for one in node.below()]
    known = [one for one in below if one is not None]
    return sum(known) / len(known) if known else None


@given(groves(), st.sampled_from(["worst", "next"]), st.sampled_from([0.0, 0.5]), st.booleans())
def test_siblings_are_paired_best_against_worst_or_next(
    grown: Grove, against: Any, gap: float, along: bool
) -> None:
    made = SiblingPairs(
        of="nodes", against=against, min_gap=gap, along="visits" if along else "all"
    )
    kept = made.run(grown.tables).kept
    expected = {}
    for root in grown.trees.values():
        walked = {one.node_id for one in most_visited(root)}
        for node in root.below():
            valued = [one for one in node.children if one.row["value"] is not None]
            valued.sort(key=lambda one: (-one.row["value"], one.node_id))
            if len(valued) < 2 or (along and node.node_id not in walked):
                continue
            best, other = valued[0], valued[-1 if against == "worst" else 1]
            margin = best.row["value"] - other.row["value"]
            if margin > 0 and margin >= gap and best.text.strip() != other.text.strip():
                expected[best.node_id, other.node_id] = (margin, best.text, other.text)
    found = {}
    for row in kept.iter_rows(named=True):
        texts = answer(row["chosen"]), answer(row["rejected"])
        found[row["chosen_id"], row["rejected_id"]] = (row["margin"], *texts)
        shared = row["shared_prefix"]
        assert texts[0][:shared] == texts[1][:shared]
        assert row["weight"] == 1
    assert found == expected


def most_visited(root: Grown) -> list[Grown]:
    walked = [root]
    while below := walked[-1].children:
        walked.append(
            min(
                below,
                key=lambda one: (
                    -one.row["visits"],
                    one.row["value"] is None,
                    -(one.row["value"] or 0),
                    one.node_id,
                ),
            )
        )
    return walked


@pytest.mark.parametrize(
    ("better", "worse", "weight"),
    [(8, 2, 0.8), (3, 1, 0.75), (1, 4, 0.5), (0, 0, 1.0), (2, 2, 0.5)],
)
def test_a_pair_weighs_as_its_visits_say(better: int, worse: int, weight: float) -> None:
    tables = grove(
        {"a\n": {"value": 0.9, "visits": better}, "b\n": {"value": 0.1, "visits": worse}}
    ).tables
    (pair,) = SiblingPairs(of="nodes", confidence=True).run(tables).kept.rows(named=True)
    confidence = 1 / (1 + worse / max(1, better))
    assert pair["weight"] == pytest.approx(1 - min(1 - confidence, 0.5))
    assert pair["weight"] == pytest.approx(weight)


@given(groves())
def test_branches_part_where_one_way_is_right_and_another_wrong(grown: Grove) -> None:
    kept = BranchPairs(of="nodes").run(grown.tables).kept
    expected = set()
    for name, root in grown.trees.items():
        ends = grown.ends(name)
        for node in root.below():
            parting = [
                (right, wrong)
                for right in ends
                for wrong in ends
                if right.row["terminal_correct"]
                and not wrong.row["terminal_correct"]
                and (mine := way(node, right)) is not None
                and (other := way(node, wrong)) is not None
                and mine is not other
                and right.text.strip() != wrong.text.strip()
            ]
            if parting:
                right, wrong = min(
                    parting,
                    key=lambda two: (-two[0].worth, two[1].worth, two[0].node_id, two[1].node_id),
                )
                expected.add((right.node_id, wrong.node_id, len(node.text)))
    found = kept.select("chosen_id", "rejected_id", "shared_prefix").rows()
    assert set(found) == expected
    assert len(found) == len(expected)


def way(node: Grown, end: Grown) -> Grown | None:
    """The child by which ``end`` is reached from ``node``."""
    return next((child for child in node.children if end in list(child.below())), None)


@given(groves(), st.integers(2, 5))
def test_a_ranking_holds_the_best_and_the_worst_answer(grown: Grove, most: int) -> None:
    kept = RankedTraces(of="nodes", most=most).run(grown.tables).kept
    for name in grown.trees:
        ends = grown.ends(name)
        mine = kept.filter(pl.col("prompt_id") == name).rows(named=True)
        assert len(mine) == (len(ends) > 1)
        for row in mine:
            count = min(most, len(ends))
            places = [place * (len(ends) - 1) // (count - 1) for place in range(count)]
            assert row["completions"] == [ends[place].text for place in places]
            assert row["rewards"] == pytest.approx([ends[place].worth for place in places])
            steps = [
                [len(above.text) for above in ends[place].path if above.row["step"]]
                for place in places
            ]
            assert row["steps"] == steps


def test_a_tree_written_by_hand() -> None:
    right = {"terminal_correct": True, "value": 1.0}
    wrong = {"terminal_correct": False, "value": 0.0}
    tables = grove(
        {
            "Gains 2: 1 + 2 = 3.\n": {
                "value": 0.75,
                "below": {"Answer: 3": right, "Answer: 4": wrong},
            },
            "Gains 2: 1 + 2 = 4.\n": {"value": 0.25, "below": {"Answer: 4": wrong}},
        }
    ).tables
    pairs = SiblingPairs(of="nodes").run(tables).kept
    assert sorted(pairs["margin"]) == [0.5, 1.0]
    assert dict(pairs.select("shared_prefix", "ends").iter_rows()) == {
        0: {"chosen": False, "rejected": False},
        20: {"chosen": True, "rejected": True},
    }
    branches = BranchPairs(of="nodes").run(tables).kept
    assert sorted(branches["shared_prefix"]) == [0, 20]
    (ranking,) = RankedTraces(of="nodes").run(tables).kept.rows(named=True)
    assert ranking["rewards"] == [0.875, 0.375, 0.125]
    assert ranking["steps"] == [[20, 29], [20, 29], [20, 29]]
    (trace,) = Traces(of="nodes").run(tables).kept.rows(named=True)
    assert answer(trace["messages"]) == "Gains 2: 1 + 2 = 3.\nAnswer: 3"
    shares = PrefixValues(of="nodes", values="ends").run(tables).kept
    assert sorted(v for row in shares["values"] for v in row if v is not None) == [0, 0, 0, 0.5, 1]
