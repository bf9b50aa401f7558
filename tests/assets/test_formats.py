"""What rows become in TRL's formats: nothing is lost without a reason, and no label is made up."""

from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from assets.cli import app
from assets.config.errors import FactoryError
from assets.export.messages import plain
from assets.export.rows import marks_of, with_marks
from assets.formats import (
    CUT,
    FORMATS,
    format_of,
    preference,
    prompt_completion,
    stepwise,
)
from schemas import Demonstrations, Pairs, Responses, Scores, Split, StepLabels, Table, rows

ASKED = [{"role": "user", "content": "2 + 2?"}]


def answer(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def pairs(*sides: tuple[str, str]) -> pl.DataFrame:
    return rows(
        Pairs,
        [
            {
                "pair_id": f"{chosen}>{rejected}",
                "prompt_id": "p",
                "prompt": ASKED,
                "chosen": answer(chosen),
                "rejected": answer(rejected),
                "chosen_id": chosen,
                "rejected_id": rejected,
                "weight": 1.0,
            }
            for chosen, rejected in sides
        ],
    )


def unpaired(table: type[Table], frame: pl.DataFrame, *, some: int = 100) -> Split:
    """``frame`` in the format ``unpaired``, so many rows at a time."""
    shape = FORMATS["unpaired"]
    slices = (frame[start : start + some] for start in range(0, max(frame.height, 1), some))
    marks = marks_of(shape, table, lambda question: question(frame.lazy()).collect())
    splits = [shape.converters[table](rows) for rows in with_marks(slices, marks)]
    return Split(
        *(pl.concat(of) for of in zip(*((s.kept, s.dropped) for s in splits), strict=True))
    )


def solutions(*labels: list[bool | None], **fields: Any) -> pl.DataFrame:
    return rows(
        StepLabels,
        [
            {
                "response_id": str(number),
                "prompt_id": "p",
                "prompt": ASKED,
                "completions": [f"step {step}\n" for step in range(len(told))],
                "labels": told,
                "values": [None] * len(told),
                **fields,
            }
            for number, told in enumerate(labels)
        ],
    )


def test_a_margin_is_no_column_that_a_trainer_would_put_into_its_loss() -> None:
    kept = preference(pairs(("good", "bad"))).kept
    assert "margin" not in kept.columns
    assert kept["score_margin"].to_list() == [None]


def test_each_response_is_labelled_once_and_never_both_ways() -> None:
    compared = pairs(("best", "middle"), ("middle", "worst"), ("best", "worst"))
    split = unpaired(Pairs, plain(compared))
    labelled = dict(split.kept.select("response_id", "label").iter_rows())
    assert labelled == {"best": True, "worst": False}
    assert split.kept["completion"].to_list() == [answer("best"), answer("worst")]
    assert split.dropped.select("row_id", "reason").rows() == [
        ("middle", "chosen in one pair and rejected in another")
    ]


SIDES = st.lists(st.tuples(*[st.sampled_from("abcde")] * 2).filter(lambda s: s[0] != s[1]))


@given(SIDES, st.integers(1, 4))
def test_responses_of_pairs_are_those_of_all_pairs_together(
    sides: list[tuple[str, str]], some: int
) -> None:
    split = unpaired(Pairs, pairs(*sides), some=some)
    met = dict.fromkeys(one for side in sides for one in side)
    told = {
        one: {one == chosen for chosen, other in sides if one in (chosen, other)} for one in met
    }
    assert split.kept.select("response_id", "label").rows() == [
        (one, *told[one]) for one in met if len(told[one]) == 1
    ]
    assert sorted(split.dropped["row_id"]) == sorted(one for one in met if len(told[one]) == 2)


SCORED = st.lists(
    st.tuples(
        st.sampled_from("abc"), st.sampled_from([None, 0]), st.sampled_from([None, 0.0, 0.5, 1.0])
    )
)


@given(SCORED, st.integers(1, 4))
def test_labels_of_responses_follow_from_all_their_scores(
    scored: list[tuple[str, int | None, float | None]], some: int
) -> None:
    scores = pl.DataFrame(
        scored,
        schema={"response_id": pl.String, "step": pl.Int32, "value": pl.Float64},
        orient="row",
    ).with_columns(
        prompt=pl.lit(pl.Series([ASKED])).first(), text="response_id", finish=pl.lit("stop")
    )
    split = unpaired(Scores, scores, some=some)
    met = dict.fromkeys(name for name, *_ in scored)
    told = {
        name: {value for one, step, value in scored if (one, step) == (name, None)} - {None}
        for name in met
    }
    assert split.kept.select("response_id", "label").rows() == [
        (name, told[name] == {1.0}) for name in met if told[name] in ({0.0}, {1.0})
    ]
    assert split.kept.height + split.dropped.height == len(met)


def test_a_response_is_labelled_by_its_score() -> None:
    told = {
        "good": [(None, 1.0), (None, 1.0), (0, 0.0)],
        "bad": [(None, 0.0), (None, None)],
        "torn": [(None, 1.0), (None, 0.0)],
        "graded": [(None, 0.5)],
        "unread": [(None, None)],
        "only steps": [(0, 1.0)],
        "unasked": [(None, 1.0)],
        "cut": [(None, 1.0)],
    }
    scores = pl.DataFrame(
        [
            {
                "response_id": name,
                "prompt_id": "p",
                "step": step,
                "value": value,
                "text": name,
                "finish": "length" if name == "cut" else "stop",
            }
            for name, said in told.items()
            for step, value in said
        ],
        schema_overrides={"step": pl.Int32, "value": pl.Float64},
    ).with_columns(
        prompt=pl.when(pl.col("text") != "unasked").then(pl.lit(pl.Series([ASKED])).first())
    )
    split = unpaired(Scores, scores)
    assert split.kept.select("prompt", "completion", "label").rows() == [
        (ASKED, answer("good"), True),
        (ASKED, answer("bad"), False),
    ]
    assert split.dropped.select("row_id", "reason").rows() == [
        (name, "its scores are not all 1 or all 0")
        for name in ("torn", "graded", "unread", "only steps")
    ] + [("unasked", "its prompt is none that the recipe drew"), ("cut", CUT)]


def test_what_was_cut_off_is_left_out_where_the_trainer_would_end_its_turn() -> None:
    frame = pairs(("cut", "whole"), ("whole", "cut"), ("step", "steps")).with_columns(
        ends=pl.Series(
            [
                {"chosen": False, "rejected": True},
                {"chosen": True, "rejected": False},
                {"chosen": False, "rejected": False},
            ]
        ),
        shared_prefix=pl.Series([None, None, 0], dtype=pl.UInt32),
    )
    split = preference(frame)
    assert split.kept["pair_id"].to_list() == ["whole>cut", "step>steps"]
    assert split.dropped["row_id"].to_list() == ["cut>whole"]
    ended = unpaired(Pairs, frame.filter(pl.col("pair_id") != "cut>whole"))
    assert ended.kept["response_id"].to_list() == ["whole"]
    assert ended.dropped["row_id"].to_list() == ["cut", "step", "steps"]
    turns = [*ASKED, *answer("4")]
    demonstrations = rows(
        Demonstrations,
        [
            {"demonstration_id": name, "prompt_id": "p", "messages": turns, "ends": ends}
            for name, ends in (("cut", False), ("whole", None))
        ],
    )
    taught = prompt_completion(demonstrations)
    assert taught.kept["demonstration_id"].to_list() == ["whole"]
    assert taught.dropped.select("row_id", "reason").rows() == [("cut", CUT)]


def test_a_solution_ends_before_its_first_unlabelled_step() -> None:
    split = stepwise(solutions([True, False], [True, None, True], [None, True], first_error=1))
    assert split.kept.columns[:3] == ["prompt", "completions", "labels"]
    assert split.kept.select("prompt", "completions", "labels", "first_error").rows() == [
        ("2 + 2?", ["step 0\n", "step 1\n"], [True, False], 1),
        ("2 + 2?", ["step 0\n"], [True], None),
    ]
    assert split.dropped.select("row_id", "reason").rows() == [("2", "no step is labelled")]


@given(st.lists(st.lists(st.sampled_from([True, False, None]), min_size=1)))
def test_labels_are_the_known_ones_before_the_first_gap(told: list[list[bool | None]]) -> None:
    split = stepwise(solutions(*told))
    assert split.kept.height + split.dropped.height == len(told)
    for number, labels, completions in split.kept.select(
        "response_id", "labels", "completions"
    ).iter_rows():
        expected = told[int(number)]
        known = expected.index(None) if None in expected else len(expected)
        assert labels == expected[:known]
        assert len(completions) == known


def test_the_last_message_of_a_demonstration_is_what_is_learnt() -> None:
    turns = [*ASKED, *answer("5"), {"role": "user", "content": "Sure?"}, *answer("4")]
    given = [("whole", turns), ("alone", answer("4"))]
    records = [{"demonstration_id": i, "prompt_id": "p", "messages": m} for i, m in given]
    split = prompt_completion(plain(rows(Demonstrations, records)))
    assert split.kept.select("prompt", "completion").rows() == [(turns[:3], turns[3:])]
    assert "messages" not in split.kept.columns
    assert split.dropped.select("row_id", "reason").rows() == [("alone", "no prompt")]


def test_each_table_has_a_format_and_unknown_ones_are_told() -> None:
    assert format_of([Pairs], None)[0] == "preference"
    assert format_of([StepLabels], None)[0] == "stepwise"
    assert format_of([Demonstrations], None)[0] == "prompt-completion"
    assert format_of([Responses, Scores], None)[0] == "unpaired"
    assert format_of([Pairs], "unpaired")[1] is FORMATS["unpaired"]
    with pytest.raises(FactoryError, match="no format is made from Responses"):
        format_of([Responses], None)
    with pytest.raises(FactoryError, match="no format 'unpared'; did you mean 'unpaired'"):
        format_of([Pairs], "unpared")


def test_the_command_lists_every_format() -> None:
    listed = CliRunner().invoke(app, ["export", "--list"]).stdout
    assert all(f"| `{name}` |" in listed for name in FORMATS)
