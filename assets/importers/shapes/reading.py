"""Reads the fields of a row. Each function raises a `ValueError` that names the field."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from assets.importers.shapes.sample import Row, SampleScore, ShapeError, Solution
from generators.sources.chats import asked_of, chat, one_text, whole_text
from generators.sources.columns import reference_text
from generators.sources.tool_use import tools_text, with_tools
from schemas import Message
from schemas.wrong_values import what_is_wrong

Messages = tuple[Message, ...]
Part = TypeVar("Part")
ReadAnswer = Callable[[], Message]
"""Reads an answer. If it raises, only this answer is refused."""


def text(row: Row, field: str, *, of: str | None = None) -> str:
    """A text that is not blank. Several parts are joined."""
    where = f"{field!r} of {of}" if of else repr(field)
    if field not in row:
        raise ShapeError(f"no column {where}; there is {', '.join(map(repr, row)) or 'none'}")
    return whole_text(one_text(row[field], where), where)


def optional_text(row: Row, field: str) -> str | None:
    """A text, or None if the field is missing or empty."""
    value = row.get(field)
    return None if value is None or value == "" else text(row, field)


def listing(row: Row, field: str) -> Sequence[Any]:
    """A list that is not empty."""
    value = row.get(field)
    if not isinstance(value, Sequence) or isinstance(value, str | bytes) or not value:
        raise ShapeError(f"{field!r} must be a list that is not empty")
    return value


def mapping(value: Any, what: str) -> Mapping[str, Any]:
    """``value``, if it is a mapping."""
    if not isinstance(value, Mapping):
        raise ShapeError(f"{what} must be a mapping, not {type(value).__name__}")
    return value


def number(value: Any, what: str) -> float:
    """A finite number, also as text (``"4"``)."""
    try:
        result = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        result = math.nan
    if not math.isfinite(result):
        raise ShapeError(f"{what} must be a number, not {str(value)[:60]!r}")
    return result


def optional_number(row: Row, field: str) -> float | None:
    """A finite number, or None if the field is missing, empty or NaN."""
    value = row.get(field)
    missing = value is None or value == "" or (isinstance(value, float) and math.isnan(value))
    return None if missing else number(value, repr(field))


def boolean(row: Row, field: str) -> bool:
    """True or false, 1 or 0, also as text (``"True"``)."""
    value = row.get(field)
    parsed = _BOOLEANS.get(value.strip().lower()) if isinstance(value, str) else value
    if parsed in (0, 1) and isinstance(parsed, bool | int | float):
        return bool(parsed)
    raise ShapeError(f"{field!r} must be true or false (1 or 0), not {str(value)[:60]!r}")


_BOOLEANS = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}


def reference(row: Row, field: str = "reference") -> str | None:
    """The right answer as text, or None."""
    return reference_text(row.get(field), repr(field))


def rated(annotator: str, value: Any, *, raw: Any = None) -> SampleScore:
    """A score. If ``value`` cannot be read, the score has no value but an error."""
    raw_text = raw if isinstance(raw, str) else None
    try:
        return SampleScore(annotator, number(value, "a rating"), raw=raw_text)
    except ShapeError:
        return SampleScore(annotator, None, raw=raw_text, error=f"no rating: {str(value)[:60]}")


def attempted(make: Callable[[], Part], what: str) -> Part | str:
    """The result of ``make``, or the text of its error, which then names ``what``."""
    try:
        return make()
    except ValueError as error:
        reason = one_line(error)
        return reason if what in reason else f"{what}: {reason}"


def one_line(error: ValueError) -> str:
    """An error on one line. A pydantic error names the field and its value."""
    if not hasattr(error, "errors"):
        return str(error)
    first = error.errors()[0]
    place = next((part for part in reversed(first["loc"]) if isinstance(part, str)), "it")
    return f"{place}: {what_is_wrong(first)}"


def user(content: str) -> Messages:
    """A prompt of one message."""
    return ({"role": "user", "content": content},)


def prompt_messages(row: Row, field: str = "prompt", *, cut: bool = False) -> Messages:
    """The prompt: a text, a transcript, or a conversation that ends with the user.

    The field ``system`` becomes the first message, and ``tools`` are those of the first message.
    The ``input`` of an instruction is put below it.

    Args:
        cut: Leave out an answer at the end of the conversation; otherwise it is an error.
    """
    value, what = row.get(field), repr(field)
    system = optional_text(row, "system")
    before = () if system is None else ({"role": "system", "content": system},)
    turns = assistant_turns(transcript(value)) if isinstance(value, str) else []
    if is_chat(value):
        turns = chat(value, what)
        before = () if turns[0]["role"] == "system" else before
    if not turns:
        given = optional_text(row, "input") if row.get("instruction") == value else None
        question = text(row, field) if given is None else f"{text(row, field)}\n{given}"
        return offered(row, (*before, *user(question)))
    asking = asked_of(turns, what) if cut else ending_with_user(turns, what)
    return offered(row, (*before, *asking))


def offered(row: Row, messages: Sequence[Message]) -> Messages:
    """``messages`` with the field ``tools``, if the row has it."""
    return tuple(with_tools(messages, tools_text(row.get("tools"), "'tools'"), "'tools'"))


def ending_with_user(turns: list[Message], what: str) -> list[Message]:
    """``turns``, if the last one is the user's, or what a tool gave."""
    if not turns or turns[-1]["role"] not in ("user", "tool"):
        raise ShapeError(f"{what} must end with a message of the user, who asks")
    return turns


def answer(value: Any, what: str, *, place: int = 0) -> Message:
    """A response: a text, or one message of the assistant, alone or in a list. ``place`` is the
    number of the message in the conversation."""
    message = [value] if isinstance(value, Mapping) else value
    if not is_chat(message):
        return assistant(whole_text(one_text(value, what), what))
    turns = chat(message, what, first=place)
    if len(turns) != 1 or turns[0]["role"] != "assistant":
        raise ShapeError(f"{what} must be one message of the assistant")
    return turns[0]


def assistant(content: str) -> Message:
    """A message of the assistant."""
    return {"role": "assistant", "content": content}


def is_chat(value: Any) -> bool:
    """Whether ``value`` is a list of messages, and not the list of a message's parts."""
    return (
        isinstance(value, Sequence)
        and not isinstance(value, str | bytes)
        and any(isinstance(one, Mapping) and ("role" in one or "from" in one) for one in value)
    )


_SPEAKER = re.compile(r"(?:^|\n\n)(Human|Assistant): ?")


def transcript(value: str) -> list[Message]:
    """The turns of ``\\n\\nHuman: …\\n\\nAssistant: …``; empty if ``value`` is not a transcript.

    The texts are not changed.
    """
    before, *rest = _SPEAKER.split(value)
    if before.strip() or not rest or rest[0] != "Human":
        return []
    roles = {"Human": "user", "Assistant": "assistant"}
    turns: list[Message] = [
        {"role": roles[speaker], "content": content}
        for speaker, content in zip(rest[::2], rest[1::2], strict=True)
    ]
    return turns


def assistant_turns(turns: list[Message]) -> list[Message]:
    """``turns`` without an empty last turn. Raises `ValueError` if another turn is blank."""
    if turns and not turns[-1]["content"].strip():
        turns = turns[:-1]
    for place, turn in enumerate(turns):
        whole_text(turn["content"], f"turn {place}")
    return turns


def one_answer(read: ReadAnswer, what: str, **about: Any) -> Solution | str:
    """A solution of one step, the message that ``read`` gives, or the reason why there is none."""
    return attempted(lambda: solution(read(), what, **about), what)


def solution(message: Message, what: str, **about: Any) -> Solution:
    """A solution of one step: the text of ``message``, its thought and its calls of tools."""
    calls = tuple(message.get("tool_calls", ()))
    text = message["content"] if calls else whole_text(message["content"], what)
    return Solution((text,), reasoning=message.get("reasoning"), calls=calls, **about)


def answered(conversation: Any, what: str) -> tuple[list[Message], ReadAnswer]:
    """Split a conversation into the turns before its last answer, and a function that reads it."""
    if not is_chat(conversation) or len(conversation) < 2:
        raise ShapeError(f"{what} must be a conversation that ends with an answer")
    before = ending_with_user(chat(conversation[:-1], what), f"{what} before its answer")
    return before, partial(answer, conversation[-1], what, place=len(conversation) - 1)
