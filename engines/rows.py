"""Rows of an operator's coroutine: prompts and responses."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from schemas import Message


@dataclass(frozen=True, slots=True)
class Prompt:
    """A task to answer, from `schemas.Prompts`."""

    prompt_id: str
    messages: tuple[Message, ...]
    reference: str | None
    source: str


class Span(NamedTuple):
    """A step's place in its text: characters [start, end) and tokens [token_start, token_end)."""

    start: int
    end: int
    token_start: int
    token_end: int


class Turn(NamedTuple):
    """What one speaker said in a transcript: characters [start, end) of its text. ``role`` is
    "assistant", "user" or "tool"."""

    role: str
    start: int
    end: int


BEGUN = "begun"
"""The ``finish`` of an unfinished response of a search, which will be continued."""


@dataclass(frozen=True, slots=True)
class Response:
    """One response to a prompt, from `schemas.Responses`. ``finish`` is "stop", "length" or
    `BEGUN`. ``steps`` is None if it is not cut into steps. ``tokens`` is 0 if unknown."""

    response_id: str
    prompt_id: str
    text: str
    finish: str
    origin: dict[str, Any]
    steps: tuple[Span, ...] | None = None
    tokens: int = 0
    reasoning: str | None = None

    def step_texts(self) -> list[str]:
        """The text of each step. Raises `ValueError` if the response was not cut into steps."""
        if self.steps is None:
            raise ValueError(
                "the response is not cut into steps: put a stage {use: generators.Segment} before"
            )
        return [self.text[span.start : span.end] for span in self.steps]


def spans(cell: Sequence[dict[str, int]] | None) -> tuple[Span, ...] | None:
    """A cell of `schemas.Responses.steps` as spans."""
    return None if cell is None else tuple(Span(**fields) for fields in cell)


def said_twice(text: str, steps: Sequence[Span], step: int) -> tuple[str, tuple[Span, ...]]:
    """``text`` with step ``step`` repeated right after itself, and the new spans of all steps."""
    twice = steps[step]
    length, tokens = twice.end - twice.start, twice.token_end - twice.token_start
    moved = [
        Span(
            span.start + length,
            span.end + length,
            span.token_start + tokens,
            span.token_end + tokens,
        )
        for span in steps[step:]
    ]
    return text[: twice.end] + text[twice.start :], (*steps[: step + 1], *moved)
