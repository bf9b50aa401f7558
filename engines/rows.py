"""One row as an operator's coroutine sees it."""

from dataclasses import dataclass
from typing import Any

from schemas import Message


@dataclass(frozen=True, slots=True)
class Prompt:
    """A task to answer, from `schemas.Prompts`."""

    prompt_id: str
    messages: tuple[Message, ...]
    reference: str | None
    source: str


@dataclass(frozen=True, slots=True)
class Response:
    """One text written for a prompt, from `schemas.Responses`."""

    response_id: str
    prompt_id: str
    text: str
    finish: str
    origin: dict[str, Any]
