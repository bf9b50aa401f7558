"""Rows that say the same become one, and all are accounted for."""

from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.importers.joining import EXTRA_COLUMNS, Joined, joined_rows
from assets.importers.sample_rows import Origin, sample_rows
from assets.importers.shapes import SHAPES
from schemas import Pairs, Prompts, Scores, StepLabels, columns

ORIGIN = Origin("comparison", "n", "r", "MIT")


def joined(table: Any, shape: str, rows: list[dict[str, Any]]) -> Joined:
    records = [
        record
        for number, row in enumerate(rows)
        for kind, record in sample_rows(SHAPES[shape].sample(row, {}), ORIGIN, f"line {number}")
        if kind is table and not isinstance(record, str)
    ]
    frame = pl.DataFrame(records, schema=pl.Schema({**columns(table), **EXTRA_COLUMNS}))
    made = joined_rows(table, frame, stage="import")
    assert made.split.kept.height + made.split.dropped.height + made.joined == len(records)
    return made


def votes(*said: Any) -> list[dict[str, Any]]:
    """Votes between a and b: what is preferred; ``~`` before it changes the places of the two."""
    rows = []
    for one in said:
        swapped = isinstance(one, str) and one.startswith("~")
        sides = ("b", "a") if swapped else ("a", "b")
        preference = one.removeprefix("~") if isinstance(one, str) else one
        rows.append(
            {
                "prompt": "?",
                "response_1": sides[0],
                "response_2": sides[1],
                "preference": preference,
            }
        )
    return rows


def pairs(made: Joined) -> list[tuple[str, str, float]]:
    return [
        (chosen[0]["content"], rejected[0]["content"], weight)
        for chosen, rejected, weight in made.split.kept.select(
            "chosen", "rejected", "weight"
        ).iter_rows()
    ]


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (("A", "A", "B"), [("a", "b", 2 / 3)]),
        (("A", "~B", "~A"), [("a", "b", 2 / 3)]),
        (("B", "B", "B"), [("b", "a", 1.0)]),
        (("A", "tie"), [("a", "b", 0.75)]),
        ((1.75,), [("b", "a", 0.75)]),
        ((1.9, 1.2), [("b", "a", pytest.approx(0.55))]),
        (("A", "B"), []),
        (("A", "~A"), []),
        (("tie", "tie"), []),
    ],
)
def test_votes_become_a_weight(said: tuple[Any, ...], kept: list[Any]) -> None:
    made = joined(Pairs, "comparison", votes(*said))
    assert pairs(made) == kept
    assert made.joined == (len(said) - 1 if kept else 0)
    assert made.split.dropped.height == (0 if kept else len(said))
    assert made.split.dropped["row_id"].to_list() == (
        [] if kept else [f"line {number}" for number in range(len(said))]
    )


@given(
    said=st.lists(
        st.tuples(st.sampled_from("pqr"), st.sampled_from(["A", "B", "~A", "~B", "tie", 1.3])),
        min_size=1,
        max_size=12,
    )
)
def test_no_pair_stands_both_ways_round_and_the_order_of_votes_is_nothing(said: Any) -> None:
    rows = [{**row, "prompt": prompt} for prompt, one in said for row in votes(one)]
    made = joined(Pairs, "comparison", rows)
    stands = [(row["prompt_id"], *sorted(pair[:2])) for row, pair in _with(made)]
    assert len(stands) == len(set(stands))
    other = {
        (row["prompt_id"], *pair[:2])
        for row, pair in _with(joined(Pairs, "comparison", rows[::-1]))
    }
    assert other == {(row["prompt_id"], *pair[:2]) for row, pair in _with(made)}


def _with(made: Joined) -> list[tuple[dict[str, Any], tuple[str, str, float]]]:
    return list(zip(made.split.kept.iter_rows(named=True), pairs(made), strict=True))


def test_margins_of_a_pair_are_those_of_the_votes_for_it() -> None:
    both = {"prompt": "?", "response_1": "a", "response_2": "b"}
    rows = [{**both, "preference_strength": strength} for strength in (-1, -2, 3)]
    (row,) = joined(Pairs, "helpsteer2", rows).split.kept.iter_rows(named=True)
    assert (row["chosen"][0]["content"], row["margin"]) == ("a", 1.5)
    assert row["weight"] == pytest.approx(2 / 3)


def test_rows_of_an_export_with_ids_of_their_own_stay_apart() -> None:
    rows = [
        {
            "prompt": "?",
            "chosen": chosen,
            "rejected": rejected,
            "pair_id": str(number),
            "chosen_id": f"c{number}",
            "rejected_id": f"r{number}",
            "weight": weight,
        }
        for number, (chosen, rejected, weight) in enumerate(
            [("a", "b", 0.3), ("a", "b", 0.9), ("c", "d", 1.0), ("d", "c", 1.0)]
        )
    ]
    made = joined(Pairs, "preference", rows)
    assert pairs(made) == [("a", "b", 0.3), ("a", "b", 0.9)]
    assert made.split.kept["pair_id"].to_list() == ["0", "1"]


def test_the_first_reference_stands_and_another_is_refused() -> None:
    rows = [{"prompt": "?", "reference": told} for told in (None, "4", "4", "5")]
    made = joined(Prompts, "prompts", rows)
    assert made.split.kept["reference"].to_list() == ["4"]
    assert made.split.dropped["row_id"].to_list() == ["line 3"]
    assert made.joined == 2


def test_scores_by_the_same_annotator_are_averaged() -> None:
    rows = [{"prompt": "?", "response": "a", "score": score} for score in (0.1, 0.1, 0.1)]
    assert joined(Scores, "scored", rows).split.kept["value"].to_list() == [0.1]
    rows += [{"prompt": "?", "response": "a", "score": score} for score in ("N/A", 0.5)]
    made = joined(Scores, "scored", rows)
    assert made.split.kept["value"].to_list() == pytest.approx([0.2])
    assert made.split.kept["error"].to_list() == [None]
    assert made.joined == 4


def test_other_labels_of_the_same_steps_are_refused() -> None:
    rows = [{"problem": "?", "steps": ["a", "b"], "label": label} for label in (1, 1, -1)]
    made = joined(StepLabels, "processbench", rows)
    assert made.split.kept["first_error"].to_list() == [1]
    assert made.split.dropped["row_id"].to_list() == ["line 2"]
    assert made.joined == 1
