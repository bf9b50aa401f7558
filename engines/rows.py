"""Rows of an operator's coroutine: prompts and responses."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from schemas import Message, transcript


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
    `BEGUN`. ``steps`` is None if it is not cut into steps. ``tokens`` is 0 if unknown.
    ``turns`` are those of a transcript."""

    response_id: str
    prompt_id: str
    text: str
    finish: str
    origin: dict[str, Any]
    steps: tuple[Span, ...] | None = None
    tokens: int = 0
    reasoning: str | None = None
    turns: tuple[Turn, ...] | None = None

    def step_texts(self) -> list[str]:
        """The text of each step. Raises `ValueError` if the response was not cut into steps."""
        if self.steps is None:
            raise ValueError(
                "the response is not cut into steps: put a stage {use: generators.Segment} before"
            )
        return [self.text[span.start : span.end] for span in self.steps]

    def messages(self) -> list[Message]:
        """The answer as messages: one of the assistant or, of a transcript, all of its turns up to
        the assistant's last."""
        if self.turns is None:
            return [{"role": "assistant", "content": self.text}]
        said = transcript(self.text, self.turns)
        while said[-1]["role"] != "assistant":
            said.pop()
        return said


def spans(cell: Sequence[dict[str, int]] | None) -> tuple[Span, ...] | None:
    """A cell of `schemas.Responses.steps` as spans."""
    return None if cell is None else tuple(Span(**fields) for fields in cell)


RESPONSE = ("response_id", "text", "finish", "origin", "steps", "tokens", "reasoning", "turns")
"""The columns of `schemas.Responses` that `response_of` reads."""


def response_of(prompt_id: str, cells: Sequence[Any]) -> Response:
    """The response to a prompt in a row of `schemas.Responses`, from its cells of `RESPONSE`."""
    response_id, text, finish, origin, steps, tokens, reasoning, said = cells
    turns = None if said is None else tuple(Turn(**fields) for fields in said)
    return Response(
        response_id, prompt_id, text, finish, origin, spans(steps), tokens, reasoning, turns
    )


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
