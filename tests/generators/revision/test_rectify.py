"""Rectify: wrong answers gone on with from before their first wrong step, until they come right."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError

from annotators import FirstError
from engines.bindings import Binding
from engines.context import Context
from engines.operators.step_ends import line_ends
from engines.protocol import EngineError
from generators import Rectify
from schemas import Responses, Scores, Split, rows
from tests.annotators.stepwise import ORIGIN, solutions
from tests.generators.searched import is_right, lines_after, searching

SERVED = Binding(engine="openai", url="http://x/v1", served_as="x")
WRONG = {
    "q one": ["a\nb\nAnswer: 1", "b\na\nAnswer: 1", "a\nc\nb\nAnswer: 1"],
    "q two": ["c\nb\nAnswer: 1"],
}


@pytest.fixture
def world(stand: Any, tiny_model: Path) -> Any:
    """A policy that writes letters, of which b is wrong, and reads them by the byte."""

    class World:
        stage = stand

        def context(self, write: Any = lines_after, **changes: Any) -> Context:
            roles = {"policy": Binding(model=str(tiny_model), device="cpu")}
            return searching(stand, write, roles=roles, **changes)

        def tables(self, texts: Mapping[str, Sequence[str]]) -> dict[str, pl.DataFrame]:
            """With stage ``by``: the first line b of each solution, which is what is wrong."""
            made = solutions(stand, texts)
            told = [
                (name, text.split("\n").index("b") if "b" in text else -1)
                for name, text in made["responses"].select("response_id", "text").iter_rows()
            ]
            return made | {"by": errors(dict(told))}

    return World()


def errors(told: Mapping[str, float | None]) -> pl.DataFrame:
    return rows(
        Scores,
        [
            {
                "response_id": response_id,
                "step": None,
                "annotator": "first_error",
                "value": value,
                "error": "no telling" if value is None else None,
                "origin": ORIGIN,
            }
            for response_id, value in told.items()
        ],
    )


def steps(row: Mapping[str, Any]) -> list[str]:
    return [row["text"][span["start"] : span["end"]] for span in row["steps"]]


def reasons(split: Split) -> dict[str, str]:
    return dict(split.dropped.select("row_id", "reason").iter_rows())


def test_answers_come_right_from_before_the_first_wrong_step(world: Any) -> None:
    tables = world.tables(WRONG)
    split = Rectify(by="by", k=64).run(tables, world.context())
    assert split.dropped.is_empty()
    wrong = {row["response_id"]: row for row in tables["responses"].iter_rows(named=True)}
    for row in split.kept.iter_rows(named=True):
        (parent,) = row["origin"]["parents"]
        before = wrong.pop(parent)
        first = steps(before).index("b\n")
        assert steps(row)[:first] == steps(before)[:first]
        assert is_right([{"role": "user", "content": "q"}], None, row["text"])
        assert not steps(row)[first].startswith("b")
        assert [len("".join(steps(row)[: n + 1])) for n in range(len(row["steps"]))] == line_ends(
            row["text"]
        )
        # The tiny model's tokens are bytes.
        assert row["tokens"] == row["steps"][-1]["token_end"] == len(row["text"])
    assert not wrong


def test_what_was_rolled_out_before_is_not_paid_for_again(world: Any) -> None:
    tables = world.tables(WRONG)
    found = FirstError(by="brute", k=16).run(tables, world.context())
    assert found.kept.filter(pl.col("step").is_null())["value"].to_list() == [1, 0, 2, 1]
    asked = len(world.stage.asked)
    split = Rectify(by="by", k=16).run(tables | {"by": found.kept}, world.context())
    assert split.kept.height == 4
    assert len(world.stage.asked) == asked


def test_it_stops_at_the_first_that_is_right_and_tries_k_times_at_most(world: Any) -> None:
    tables = world.tables({"q": ["a\nb\nAnswer: 1"]})
    Rectify(by="by", k=9).run(tables, world.context(lambda *_: "Answer: 1"))
    assert len(world.stage.asked) == 1
    split = Rectify(by="by", k=9).run(
        tables, world.context(lambda *_: "b\nAnswer: 1", journal=world.stage.folder / "other")
    )
    assert len(world.stage.asked) == 1 + 9
    assert reasons(split)["q-0"] == "no continuation came right"
    assert json.loads(split.dropped.row(0, named=True)["numbers"])["tried"] == 9
    # Nothing else of the prompt is left.
    assert set(reasons(split)) == {"q-0"} | set(tables["prompts"]["prompt_id"])


def test_the_wrong_step_said_again_is_no_correction(world: Any) -> None:
    """As a rollout may well come right from it: then it is not wrong, whatever was thought."""
    tables = world.tables({"q": ["a\nb\nAnswer: 1"]}) | {"by": errors({"q-0": 0.0})}
    split = Rectify(by="by", k=3).run(tables, world.context(lambda *_: "a\nAnswer: 1"))
    numbers = json.loads(split.dropped.row(0, named=True)["numbers"])
    assert numbers == {"tried": 3, "not_checked": 0, "right_with_the_wrong_step": 3}


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({}, "no score"),
        ({"q-0": -1.0}, "no step is wrong"),
        ({"q-0": 3.0}, "no such step"),
        ({"q-0": None}, "score is an error"),
    ],
)
def test_without_a_wrong_step_there_is_nothing_to_go_back_to(
    told: dict[str, float | None], reason: str, world: Any
) -> None:
    tables = world.tables({"q": ["a\nb\nAnswer: 1"]}) | {"by": errors(told)}
    split = Rectify(by="by").run(tables, world.context())
    assert reasons(split)["q-0"] == reason
    assert not world.stage.asked


def test_two_opinions_that_differ_are_no_opinion(world: Any) -> None:
    tables = world.tables({"q": ["a\nb\nAnswer: 1"]})
    both = pl.concat([errors({"q-0": 0.0}), errors({"q-0": 1.0})])
    split = Rectify(by="by").run(tables | {"by": both}, world.context())
    assert reasons(split)["q-0"] == "scores of the wrong step differ"


def test_what_is_not_cut_is_dropped(world: Any) -> None:
    tables = world.tables({"q": ["a\nb\nAnswer: 1"]})
    uncut = tables["responses"].with_columns(
        steps=pl.lit(None, dtype=tables["responses"].schema["steps"])
    )
    split = Rectify(by="by").run(tables | {"responses": uncut}, world.context())
    assert reasons(split)["q-0"] == "not cut into steps"


def test_a_prompt_that_nobody_can_check_says_so(world: Any) -> None:
    tables = world.tables({"unreadable": ["a\nb\nAnswer: 1"]})
    split = Rectify(by="by", k=2).run(tables, world.context())
    assert json.loads(split.dropped.row(0, named=True)["numbers"])["not_checked"] == 2


def test_the_rest_may_be_cut_by_a_pattern(world: Any) -> None:
    tables = world.tables({"q": ["a\nb\nAnswer: 1"]})
    split = Rectify(by="by", pattern="Answer").run(
        tables, world.context(lambda *_: "c\nc\nAnswer: 1")
    )
    (row,) = split.kept.rows(named=True)
    assert steps(row) == ["a\n", "c\nc\n", "Answer: 1"]
    with pytest.raises(ValidationError, match="not a regular expression"):
        Rectify(by="by", pattern="(")


def test_a_role_without_a_tokenizer_is_refused_before_anything_is_asked(
    world: Any, stand: Any
) -> None:
    tables = world.tables({"q": ["a\nb\nAnswer: 1"]})
    context = searching(stand, roles={"policy": SERVED})
    with pytest.raises(EngineError, match="without weights"):
        Rectify(by="by").run(tables, context)
    assert not stand.asked


def test_rows_keep_the_rules_of_their_table(world: Any) -> None:
    split = Rectify(by="by", k=64).run(world.tables(WRONG), world.context())
    assert Responses.is_valid(split.kept)


def test_a_continuation_that_was_cut_off_is_not_taken(world: Any) -> None:
    tables = world.tables({"q": ["a\nb\nAnswer: 1"]})
    context = world.context(lambda *_: "Answer: 1 and more")
    split = Rectify(by="by", k=3, max_tokens=9).run(tables, context)
    assert json.loads(split.dropped.row(0, named=True)["numbers"])["cut_off"] == 3
