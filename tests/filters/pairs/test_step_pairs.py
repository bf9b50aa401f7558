"""StepPairs: the step that goes wrong against one from which it comes right."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters import StepPairs
from schemas import Split
from tests.filters.stepwise import World, cut, mean_scores

WRONG = ["Gains 2.\n", "Doubles: 3.\n", "Answer: 3"]
RIGHT = ["Gains 2.\n", "Doubles: 4.\n", "Answer: 4"]


def world(
    wrong: Mapping[str, Sequence[str] | None],
    right: Mapping[str, tuple[str, Sequence[str] | None]],
    errors: Mapping[str, float | None],
    *,
    finish: str = "stop",
    prompts: bool = True,
) -> World:
    """Stages ``prompts``, ``wrong``, ``of`` (each with the wrong response it was made from) and
    ``by``, the index of each wrong response's first error."""
    tables = cut(wrong, prompts=prompts)
    made = cut({name: steps for name, (_, steps) in right.items()})["responses"]
    made = made.with_columns(
        pl.Series(
            "origin",
            [
                {**origin, "parents": [parent]}
                for origin, (parent, _) in zip(made["origin"], right.values(), strict=True)
            ],
            dtype=made.schema["origin"],
        ),
        finish=pl.lit(finish).cast(made.schema["finish"]),
    )
    told = {name: {None: [value]} for name, value in errors.items()}
    return {
        "prompts": tables["prompts"],
        "wrong": tables["responses"],
        "of": made,
        **mean_scores({"by": told}),
    }


def paired(tables: World, **options: Any) -> Split:
    return StepPairs(of="of", wrong="wrong", by="by", **options).run(tables)


def sides(split: Split) -> tuple[str, str]:
    (row,) = split.kept.rows(named=True)
    return row["chosen"][0]["content"], row["rejected"][0]["content"]


def test_a_pair_is_what_both_begin_with_and_a_step_each() -> None:
    split = paired(world({"w": WRONG}, {"r": ("w", RIGHT)}, {"w": 1.0}))
    assert sides(split) == ("Gains 2.\nDoubles: 4.\n", "Gains 2.\nDoubles: 3.\n")
    (row,) = split.kept.rows(named=True)
    assert (row["chosen_id"], row["rejected_id"], row["shared_prefix"]) == ("r", "w", 9)
    assert row["ends"] == {"chosen": False, "rejected": False}
    assert (row["margin"], row["weight"]) == (None, 1.0)
    assert split.dropped.is_empty()


@pytest.mark.parametrize(
    ("chosen", "rejected", "ends"),
    [
        ("answer", "step", {"chosen": True, "rejected": False}),
        ("answer", "answer", {"chosen": True, "rejected": True}),
    ],
)
def test_a_side_may_be_the_whole_answer(chosen: Any, rejected: Any, ends: Any) -> None:
    tables = world({"w": WRONG}, {"r": ("w", RIGHT)}, {"w": 1.0})
    split = paired(tables, chosen=chosen, rejected=rejected)
    whole = {"step": "Gains 2.\nDoubles: 3.\n", "answer": "".join(WRONG)}
    assert sides(split) == ("".join(RIGHT), whole[rejected])
    assert split.kept["ends"].to_list() == [ends]


def test_the_last_step_ends_where_its_author_did() -> None:
    steps = ["Gains 2.\n", "Answer: 4"]
    wrong = {"w": ["Gains 2.\n", "Answer: 3"]}
    for finish, ended in (("stop", True), ("length", False)):
        tables = world(wrong, {"r": ("w", steps)}, {"w": 1.0}, finish=finish)
        kept = paired(tables, cut="keep").kept
        assert kept["ends"].to_list() == [{"chosen": ended, "rejected": True}]


@pytest.mark.parametrize(("steps", "kept"), [(["Gains 2.\n", "Answer"], 0), (RIGHT, 1)])
def test_a_step_is_not_chosen_if_it_was_cut_off_itself(steps: list[str], kept: int) -> None:
    split = paired(world({"w": WRONG}, {"r": ("w", steps)}, {"w": 1.0}, finish="length"))
    assert split.kept.height == kept
    if not kept:
        assert split.dropped["reason"][0].startswith("the chosen answer was cut off at ")


def test_the_first_step_may_be_wrong() -> None:
    split = paired(world({"w": WRONG}, {"r": ("w", ["Loses 2.\n", "x"])}, {"w": 0.0}))
    assert sides(split) == ("Loses 2.\n", "Gains 2.\n")
    assert split.kept["shared_prefix"].to_list() == [0]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"prompts": False}, "prompt not found"),
        ({"right": {"r": ("gone", RIGHT)}}, "wrong response not found"),
        ({"errors": {}}, "wrong step not known"),
        ({"errors": {"w": None}}, "wrong step not known"),
        ({"errors": {"w": -1.0}}, "no step is wrong"),
        ({"errors": {"w": 3.0}}, "no step is wrong"),
        ({"wrong": {"w": None}}, "not cut into steps"),
        ({"right": {"r": ("w", None)}}, "not cut into steps"),
        ({"right": {"r": ("w", ["Else.\n", "Doubles: 4.\n"])}}, "begins otherwise"),
        ({"right": {"r": ("w", ["Gains 2.\n"])}}, "cut otherwise"),
        ({"right": {"r": ("w", ["Gains 2.\nDou", "bles: 4.\n"])}}, "cut otherwise"),
        ({"right": {"r": ("w", ["Gains 2.\n", "Doubles: 3.", "\n"])}}, "same step"),
    ],
)
def test_what_gives_no_pair_is_dropped_with_the_reason(
    changes: dict[str, Any], reason: str
) -> None:
    given = {"wrong": {"w": WRONG}, "right": {"r": ("w", RIGHT)}, "errors": {"w": 1.0}}
    split = paired(world(**{**given, **changes}))
    assert split.kept.is_empty()
    told = split.dropped.select("row_id", "reason").rows()
    assert told == [("r", reason), ("p", "no pair left")]


def test_what_several_wrong_answers_give_alike_is_one_pair() -> None:
    wrong = {name: [*WRONG[:2], f"Answer: {name}"] for name in "ab"}
    right = {f"r{name}": (name, [*RIGHT[:2], f"Answer: {name}"]) for name in "ab"}
    tables = world(wrong, right, {"a": 1.0, "b": 1.0})
    split = paired(tables)
    assert split.kept["chosen_id"].to_list() == ["ra"]
    assert split.dropped.select("row_id", "reason").rows() == [("rb", "the same pair as another")]
    # Whole answers differ.
    assert paired(tables, chosen="answer").kept.height == 2


lines = st.lists(st.sampled_from(["a\n", "b\n", "é\n", "c"]), min_size=1, max_size=3)


@given(
    st.dictionaries(st.sampled_from("uvw"), lines),
    st.lists(st.tuples(st.sampled_from("uvwx"), lines), max_size=4),
    st.dictionaries(st.sampled_from("uvw"), st.sampled_from([None, -1.0, 0.0, 1.0, 2.0])),
    st.integers(0, 9),
)
def test_every_answer_is_kept_or_dropped_whatever_the_order(
    wrong: dict[str, list[str]],
    right: list[tuple[str, list[str]]],
    errors: dict[str, float | None],
    seed: int,
) -> None:
    tables = world(wrong, {f"r{n}": one for n, one in enumerate(right)}, errors)
    split = paired(tables)
    answers = [row for row in split.dropped["row_id"] if row != "p"]
    assert sorted(split.kept["chosen_id"].to_list() + answers) == sorted(
        tables["of"]["response_id"]
    )
    mixed = {
        name: frame.sample(fraction=1, shuffle=True, seed=seed) for name, frame in tables.items()
    }
    again = paired(mixed)
    assert again.kept.sort("pair_id").equals(split.kept.sort("pair_id"))
    assert again.dropped.sort("row_id").equals(split.dropped.sort("row_id"))
    for row in split.kept.iter_rows(named=True):
        contents = [row[side][0]["content"] for side in ("chosen", "rejected")]
        assert contents[0][: row["shared_prefix"]] == contents[1][: row["shared_prefix"]]
