"""Responses of a policy to sums, with scores and steps."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from schemas import Prompts, Responses, Scores, rows

GROUPS: Sequence[Sequence[tuple[str, float]]] = (
    (("1", 1.0), ("xx", 0.0), ("12", 0.25), ("x", 0.0)),
    (("2", 1.0), ("2x2", 0.5), ("y", -1.0), ("22", 1.0)),
)
"""For each prompt its responses with their rewards."""
ORIGIN = {"operator": "test", "model": None, "parameters": "{}", "seed": None, "parents": []}


def scores(values: Mapping[str, Any]) -> pl.DataFrame:
    """`Scores` by response: a number for the whole, None for an error, or a list for its steps. A
    mapping has the step of each number."""
    found = []
    for response, value in values.items():
        steps = dict(enumerate(value)) if isinstance(value, list) else value
        for step, number in (steps if isinstance(steps, Mapping) else {None: value}).items():
            error = "unread" if number is None else None
            known = {"step": step, "annotator": "test", "value": number, "error": error}
            found.append({"response_id": response, "origin": ORIGIN, **known})
    return rows(Scores, found)


def sampled(groups: Any = GROUPS, **fields: Any) -> dict[str, pl.DataFrame]:
    """The tables ``prompts``, ``responses`` (``a0``, ``a1``, …, ``b0``, …) and ``scores``. Keyword
    arguments replace fields of each response."""
    asked, written, rewards = [], [], {}
    for name, group in zip("abcdefgh", groups, strict=False):
        asked.append(
            {
                "prompt_id": name,
                "messages": [{"role": "user", "content": f"{name} + 1 ="}],
                "source": "test",
                "source_revision": "1",
                "licence": "CC0-1.0",
            }
        )
        for n, (text, reward) in enumerate(group):
            known = {"response_id": f"{name}{n}", "prompt_id": name, "text": text}
            made = {"finish": "stop", "tokens": len(text) + 1, "origin": ORIGIN}
            written.append({**known, **made, **fields})
            rewards[f"{name}{n}"] = reward
    return {
        "prompts": rows(Prompts, asked),
        "responses": rows(Responses, written),
        "scores": scores(rewards),
    }


def in_steps(responses: pl.DataFrame, length: int = 1) -> pl.DataFrame:
    """``responses`` cut into steps of so many characters, each of which is a token."""

    def cut(text: str) -> list[dict[str, int]]:
        places = [(start, min(start + length, len(text))) for start in range(0, len(text), length)]
        return [{"start": a, "end": b, "token_start": a, "token_end": b} for a, b in places]

    steps = [cut(text) for text in responses["text"]]
    return responses.with_columns(steps=pl.Series(steps, dtype=responses.schema["steps"]))
