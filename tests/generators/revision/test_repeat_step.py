"""A step is said twice: the one that is rewarded most, and nothing else changes."""

from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from engines.rows import Span, said_twice
from generators import RepeatStep
from schemas import Responses, Scores, rows

ORIGIN = {"operator": "t", "model": None, "parameters": "{}", "seed": None, "parents": []}


def cut(steps: list[str]) -> list[Span]:
    spans, place = [], 0
    for number, step in enumerate(steps):
        spans.append(Span(place, place + len(step), 2 * number, 2 * number + 2))
        place += len(step)
    return spans


@given(st.lists(st.text(min_size=1, max_size=4), min_size=1, max_size=5), st.data())
def test_the_steps_are_those_of_before_with_one_twice(steps: list[str], data: Any) -> None:
    step = data.draw(st.integers(0, len(steps) - 1))
    text, spans = said_twice("".join(steps), cut(steps), step)
    assert [text[span.start : span.end] for span in spans] == [*steps[: step + 1], *steps[step:]]
    assert list(spans) == [
        span._replace(start=place.start, end=place.end)
        for span, place in zip(spans, cut([*steps[: step + 1], *steps[step:]]), strict=True)
    ]
    assert [span.token_start for span in spans] == list(range(0, 2 * len(spans), 2))


def test_what_becomes_of_each_response(stand: Any) -> None:
    prompts = stand.prompts("q")
    answers = {
        "best": (["a\n", "b\n", "c"], [0.5, 0.9, 1.0]),
        "tie": (["a\n", "b\n", "c"], [0.5, 0.5, 0.1]),
        "one": (["a"], [0.5]),
        "unread": (["a\n", "b"], [None, 0.5]),
    }
    written, told = [], []
    for name, (steps, values) in answers.items():
        spans = [span._asdict() for span in cut(steps)]
        known = {"finish": "stop", "tokens": 1, "origin": ORIGIN, "steps": spans}
        written.append(
            {
                "response_id": name,
                "prompt_id": prompts["prompt_id"][0],
                "text": "".join(steps),
                **known,
            }
        )
        told += [
            {
                "response_id": name,
                "step": step,
                "annotator": "prm",
                "value": value,
                "error": "?" if value is None else None,
                "origin": ORIGIN,
            }
            for step, value in enumerate(values)
        ]
    tables = {
        "prompts": prompts,
        "responses": rows(Responses, written),
        "rewards": rows(Scores, told),
    }
    split = RepeatStep(by="rewards").run(tables, stand.context())
    Responses.validate(split.kept)
    assert split.kept["text"].to_list() == ["a\nb\nb\nc", "a\na\nb\nc"]
    assert split.kept["steps"].list.len().to_list() == [4, 4]
    assert split.kept["origin"].struct.field("parents").to_list() == [["best"], ["tie"]]
    assert split.dropped.select("row_id", "reason").rows() == [
        ("one", "fewer than two steps"),
        ("unread", "no step is scored"),
    ]
    uncut = tables["responses"].with_columns(steps=pl.lit(None, Responses.steps.dtype))
    none = RepeatStep(by="rewards").run(tables | {"responses": uncut}, stand.context())
    assert none.kept.is_empty()
