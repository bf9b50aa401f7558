"""Checklist: yes/no questions written once a prompt, answered for each of its responses."""

import dataclasses
import json
import math
from collections.abc import Callable, Sequence
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from annotators import Checklist
from annotators.judge.parsing.checklists import questions
from engines.bindings import Binding
from engines.context import Context
from engines.protocol import Choice, Generation, Rendered, Sampling
from generators import Sample

LIST = "1. Is it short?\n2. **Is it right?**\n3. Is it short?"
Judging = Callable[[Callable[[str], str], Callable[[str], float]], Context]


@pytest.fixture
def judging(stand: Any) -> Judging:
    """A context whose judge writes what ``says`` gives and says yes with chance ``yes``, both of
    the text that is asked."""

    def context(says: Callable[[str], str], yes: Callable[[str], float]) -> Context:
        def opened(binding: Binding) -> Any:
            engine = stand.open(binding)

            async def generate(prompt: Rendered, sampling: Sampling, seed: int) -> Generation:
                stand.asked.append(("generate", prompt.text, seed))
                return Generation(says(prompt.text), (1,), (-0.1,), "stop")

            async def choose(prompt: Rendered, options: Sequence[Sequence[str]]) -> Choice:
                plain = tuple(option[0] for option in options)
                stand.asked.append(("choose", prompt.text, plain))
                chance = {"yes": yes(prompt.text), "no": 1 - yes(prompt.text)}
                return Choice(tuple(math.log(chance[option]) for option in plain), None)

            engine.generate, engine.choose, engine.constrains = generate, choose, False
            return engine

        made: Context = stand.context(open_engine=opened)
        return made

    return context


def responses(stand: Any, *prompts: str, n: int = 3) -> dict[str, pl.DataFrame]:
    asked = stand.prompts(*prompts)
    made = Sample(n=n).run({"prompts": asked}, stand.context()).kept
    stand.asked.clear()
    whole = made.with_columns(finish=pl.lit("stop", made["finish"].dtype))
    return {"prompts": asked, "responses": whole}


def test_the_share_of_yes_and_every_answer(stand: Any, judging: Judging) -> None:
    tables = responses(stand, "p")
    chance = {"Is it short?": 0.9, "Is it right?": 0.4}
    context = judging(
        lambda _: LIST, lambda text: next(p for item, p in chance.items() if item in text)
    )
    split = Checklist(probes="off").run(tables, context)
    assert split.kept["value"].to_list() == [0.5] * 3
    raw = json.loads(split.kept["raw"][0])
    assert raw["items"] == list(chance)
    assert raw["answers"] == pytest.approx([0.9, 0.4])
    mean = Checklist(probes="off", score_by="mean").run(tables, context)
    assert mean.kept["value"].to_list() == pytest.approx([0.65] * 3)
    assert mean.report.findings["items_a_checklist"] == 2


def test_a_checklist_is_written_once_a_prompt(stand: Any, judging: Judging) -> None:
    tables = responses(stand, "p", "q", n=4)
    Checklist(probes="off").run(tables, judging(lambda _: LIST, lambda _: 0.6))
    assert sum(verb == "generate" for verb, *_ in stand.asked) == 2
    assert sum(verb == "choose" for verb, *_ in stand.asked) == 16
    stand.asked.clear()
    half = {**tables, "responses": tables["responses"].head(2)}
    Checklist(probes="off").run(half, judging(lambda _: LIST, lambda _: 0.6))
    assert stand.asked == []


def test_given_items_are_not_written(stand: Any, judging: Judging) -> None:
    tables = responses(stand, "p", "q")
    context = judging(lambda _: LIST, lambda text: 0.9 if "Is it kind?" in text else 0.1)
    split = Checklist(probes="off", items=("Is it kind?", "Is it new?")).run(tables, context)
    assert split.kept["value"].to_list() == [0.5] * 6
    assert {verb for verb, *_ in stand.asked} == {"choose"}


def test_a_checklist_without_a_question_is_an_error_and_no_score(
    stand: Any, judging: Judging
) -> None:
    tables = responses(stand, "p", "q")
    p = tables["prompts"]["prompt_id"][0]
    unread = tables["prompts"]["messages"][0][0]["content"]
    context = judging(
        lambda text: "I think not." if f"\n{unread}\n" in text else LIST, lambda _: 0.9
    )
    split = Checklist(probes="off").run(tables, context)
    scored = split.kept.join(tables["responses"].select("response_id", "prompt_id"), "response_id")
    of_p = scored.filter(pl.col("prompt_id") == p)
    assert of_p["value"].is_null().all()
    assert of_p["raw"].to_list() == ["I think not."] * 3
    assert of_p["error"].str.contains("two questions.*'I think not.'").all()
    assert split.report.findings == {
        "items_a_checklist": 2.0,
        "responses_without_a_checklist": 3,
        "responses_with_unread_answers": 0,
    }


def test_a_checklist_that_cannot_be_read_is_written_once_more(stand: Any, judging: Judging) -> None:
    tables = responses(stand, "p", n=1)
    written = iter(["What is your task?", LIST])
    split = Checklist(probes="off").run(tables, judging(lambda _: next(written), lambda _: 0.9))
    assert split.kept["value"].to_list() == [1.0]


@pytest.mark.parametrize(
    "text",
    [
        "What is your task?",
        "1. Is it short?",
        "1. Is it short?\n2. What is it about?",
        "1. Does the answer …?\n2. Is the answer...?\n3. Is it [short]?",
        '1. Is it short?\n2. Is the answer to the question "Is it short?"',
    ],
)
def test_fewer_than_two_yes_no_questions_are_an_error(
    text: str, stand: Any, judging: Judging
) -> None:
    split = Checklist(probes="off").run(
        responses(stand, "p", n=1), judging(lambda _: text, lambda _: 0.9)
    )
    (row,) = split.kept.rows(named=True)
    assert row["value"] is None
    assert "two questions" in row["error"]
    assert row["raw"] == text


def test_sampled_answers_are_read_or_are_errors(stand: Any, judging: Judging) -> None:
    tables = responses(stand, "p", n=1)
    said = {"Is it short?": " Yes, it is.", "Is it right?": "**No**"}

    def says(text: str) -> str:
        return next((words for item, words in said.items() if item in text), LIST)

    operator = Checklist(probes="off", answers="sampled")
    split = operator.run(tables, judging(says, lambda _: 0.5))
    assert split.kept["value"].to_list() == [0.5]
    assert json.loads(split.kept["raw"][0])["answers"] == [1.0, 0.0]
    said["Is it right?"] = "yesterday I would have"
    context = judging(says, lambda _: 0.5)
    # A journal of its own, since the same question has been answered before.
    context = dataclasses.replace(context, journal=stand.folder / "anew.sqlite")
    split = operator.run(tables, context)
    (row,) = split.kept.rows(named=True)
    assert row["value"] is None
    assert "item 2 is answered neither yes nor no: 'yesterday" in row["error"]
    assert json.loads(row["raw"])["answers"] == [1.0, None]
    assert json.loads(row["raw"])["said"][1] == "yesterday I would have"


@pytest.mark.parametrize(
    "text",
    [
        "Is it short?\nIs it right?",
        "1. Is it short?\n2. Is it right?",
        "Checklist:\n- Is it short?\n\n* Is it right?\nThat is all.",
        "(1) **Is it short?** - because brevity counts\n(2) *Is it right?*",
        '"Is it short?",\n"Is it right?"',
        "[ ] Is it short? (yes/no)\n[x] Is it right? YES",
        "a) is it short?\nb) Is it right?\nc) IS IT  RIGHT?",
        "Q1: Is it short?\r\nQ2. Is it right?",
        "Question 1: Is it short?\nQuestion 2: Is it right?",
        "1. Is it short? Is it right?",
        "1) **Length:** Is it short?\n2) **Content**: Is it right?",
        "What is your task? Here is a list:\n1. Is it short?\n2. Is it right?\nIs that all?",
        "Would you like a list?\nIs it short?\nIs it right?\nWhat else do you need?",
        "1. Is it short?\n2. What is the answer?\n3. How long is it?\n4. Is it right?",
        "Sure! Here are the questions:\n\n1. *Is it short?*\n\n2. `Is it right?`\n\nGood luck!",
    ],
)
def test_written_lists_as_models_write_them(text: str) -> None:
    assert [one.capitalize() for one in questions(text)] == ["Is it short?", "Is it right?"]


@given(st.text(max_size=60))
def test_what_is_read_is_questions_each_once(text: str) -> None:
    found = questions(text)
    assert all(one.endswith("?") and any(map(str.isalpha, one)) for one in found)
    assert len({" ".join(one.casefold().split()) for one in found}) == len(found)


def test_most_items(stand: Any, judging: Judging) -> None:
    written = "\n".join(f"Is it {word}?" for word in ("one", "two", "three"))
    context = judging(lambda _: written, lambda _: 0.9)
    split = Checklist(probes="off", most=2).run(responses(stand, "p", n=1), context)
    assert json.loads(split.kept["raw"][0])["items"] == ["Is it one?", "Is it two?"]


@pytest.mark.parametrize("items", [(), ("",), ("Is it?", "Is it?")])
def test_items_must_be_questions_that_differ(items: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError):
        Checklist(items=items)


def test_it_is_probed(stand: Any, judging: Judging) -> None:
    """A judge that says yes to everything falls for every probe."""
    context = judging(lambda _: LIST, lambda _: 0.9)
    probes = Checklist().run(responses(stand, "p", "q"), context).report.probes
    assert probes is not None
    assert probes.failed
