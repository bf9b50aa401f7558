"""What was cut off is not judged as if it were whole, unless the recipe says so."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import polars as pl
import pytest

from annotators import Checklist, FirstError, GradeMatch, Judge, PTrue, StepVerifier, Verifier
from engines.bindings import Binding
from engines.context import Context
from engines.protocol import Choice, Generation, Rendered, Sampling
from schemas import Message, Responses, content_id, prompt_id, rows
from schemas import Prompts as PromptsTable

ROLES = {role: Binding(model="m") for role in ("judge", "policy")}
NONE = {"probes": "off"}


def is_right(messages: Sequence[Message], reference: str | None, text: str) -> bool:
    return reference is not None and reference in text


def steps(messages: Sequence[Message], reference: str | None, said: Sequence[str]) -> list[bool]:
    return [True] * len(said)


is_right.steps = steps  # type: ignore[attr-defined]  # a check that knows steps has it
CHECK = f"{__name__}.is_right"


def tables(*finishes: str, texts: Sequence[str] = ()) -> dict[str, pl.DataFrame]:
    """A prompt, and responses of one step that end as said; those cut off have 256 tokens."""
    messages = [{"role": "user", "content": "What is two and two?"}]
    known = {"source": "s", "source_revision": "1", "licence": "none", "reference": "4"}
    asked = {"prompt_id": prompt_id(messages), "messages": messages, **known}
    origin = {"operator": "t", "model": None, "parameters": "{}", "seed": None, "parents": []}
    made = []
    for number, finish in enumerate(finishes):
        text = texts[number] if texts else f"4 it is, {number}"
        span = {"start": 0, "end": len(text), "token_start": 0, "token_end": 5}
        made.append(
            {
                "response_id": f"r{number}",
                "prompt_id": asked["prompt_id"],
                "text": text,
                "steps": [span],
                "finish": finish,
                "tokens": 256,
                "origin": origin,
            }
        )
    return {"prompts": rows(PromptsTable, [asked]), "responses": rows(Responses, made)}


@pytest.fixture
def judging(stand: Any) -> Callable[..., Context]:
    """A judge that writes ``says`` of every question, and ends as ``finish`` says."""

    def context(says: str = "5", finish: Any = "stop") -> Context:
        def opened(binding: Binding) -> Any:
            engine = stand.open(binding)

            async def generate(prompt: Rendered, sampling: Sampling, seed: int) -> Generation:
                stand.asked.append(("generate", prompt.text))
                return Generation(says, (1,) * 7, (), finish)

            async def choose(prompt: Rendered, options: Sequence[Sequence[str]]) -> Choice:
                stand.asked.append(("choose", prompt.text))
                return Choice((math.log(1 / len(options)),) * len(options), None)

            engine.generate, engine.choose, engine.constrains = generate, choose, False
            return engine

        # What was said once is journaled, and said again.
        journal = stand.folder / f"{content_id(says, finish)}.sqlite"
        made: Context = stand.context(
            open_engine=opened, roles=ROLES, checks={"s": CHECK}, journal=journal
        )
        return made

    return context


JUDGES = {
    "verifier": (Verifier, {}),
    "steps": (StepVerifier, {}),
    "pointwise": (Judge, NONE),
    "sampled": (Judge, {**NONE, "verdict": "sampled"}),
    "pairwise": (Judge, {**NONE, "mode": "pairwise"}),
    "checklist": (Checklist, {**NONE, "items": ("Is it four?",)}),
    "p_true": (PTrue, NONE),
}


@pytest.mark.parametrize("kind", JUDGES)
def test_a_response_that_was_cut_off_has_an_error_and_no_score(
    judging: Callable[..., Context], stand: Any, kind: str
) -> None:
    annotator, parameters = JUDGES[kind]
    made = tables("stop", "length", "stop")
    found = annotator(**parameters).run(made, judging()).kept.filter(pl.col("step").is_null())
    assert found["error"].to_list() == [None, "cut off at 256 tokens", None]
    assert not any("4 it is, 1" in question for _, question in stand.asked)
    read = annotator(**parameters, cut="read").run(made, judging()).kept
    assert read["error"].null_count() == read.height


@pytest.mark.parametrize("kind", JUDGES)
def test_where_all_were_cut_off_nobody_is_asked(
    judging: Callable[..., Context], stand: Any, kind: str
) -> None:
    annotator, parameters = JUDGES[kind]
    found = annotator(**parameters).run(tables("length", "length"), judging()).kept
    assert found["error"].to_list() == ["cut off at 256 tokens"] * 2
    assert not stand.asked


def test_a_solution_that_was_cut_off_is_not_searched_for_its_first_error_by_a_judge(
    judging: Callable[..., Context],
) -> None:
    found = FirstError(by="judge").run(tables("length"), judging("none")).kept
    assert found["error"].to_list() == ["cut off at 256 tokens"]
    found = FirstError(by="judge", cut="read").run(tables("length"), judging("none")).kept
    assert found.filter(pl.col("step").is_null())["value"].to_list() == [-1]


def test_a_judgement_that_was_cut_off_gives_no_grade(judging: Callable[..., Context]) -> None:
    made = tables("stop", "length", texts=["Score: 4", "Score: 4"])
    assert GradeMatch().run(made, judging()).kept["value"].to_list() == [0.0, None]
    assert GradeMatch(cut="read").run(made, judging()).kept["value"].to_list() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("annotator", "says"),
    [
        (Judge(**NONE, verdict="sampled"), "Score: 4"),
        (Judge(**NONE, verdict="sampled", mode="pairwise"), "Verdict: A"),
        (Judge(**NONE, verdict="sampled", mode="listwise"), "A B"),
        (FirstError(by="judge"), "First wrong step: 1"),
        (Checklist(**NONE, items=("Is it four?",), answers="sampled"), "Yes, it"),
        (Checklist(**NONE), "1. Is it four?\n2. Is it so?\n3. Is"),
    ],
)
def test_a_verdict_that_was_cut_off_is_not_read(
    judging: Callable[..., Context], annotator: Any, says: str
) -> None:
    made = tables("stop", "stop")
    found = annotator.run(made, judging(says, "length")).kept
    assert found["value"].null_count() == found.height == 2
    assert all("cut off at 7 tokens" in error for error in found["error"])
    read = annotator.model_copy(update={"cut_verdicts": "read"})
    found = read.run(made, judging(says, "length")).kept
    assert found["value"].null_count() == 0


def test_a_verdict_is_read_after_the_thought_and_not_in_it(judging: Callable[..., Context]) -> None:
    judge = Judge(**NONE, verdict="sampled")
    thinking = judging("<think>Score: 1, no</think>\n\nScore: 5")
    assert judge.run(tables("stop"), thinking).kept["value"].to_list() == [5.0]
    (error,) = judge.run(tables("stop"), judging("<think>Score: 1", "length")).kept["error"]
    assert error == "the thought was cut off at 7 tokens: there is no answer"
    reading = judge.model_copy(update={"cut_verdicts": "read"})
    found = reading.run(tables("stop"), judging("<think>Score: 1", "length")).kept
    assert found["value"].to_list() == [None]
