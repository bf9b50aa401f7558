"""Transcripts: a task, and what the model and its environment, or a user, then said in turn."""

from collections.abc import Sequence
from typing import Any

from assets.importers.shapes.reading import (
    attempted,
    boolean,
    listing,
    mapping,
    optional_text,
    prompt_messages,
    rated,
    text,
)
from assets.importers.shapes.sample import Row, Sample, SampleScore, Shape, ShapeError, Solution
from generators.sources.chats import ROLES, chat
from schemas import Message

Turns = tuple[tuple[str, int, int], ...]
"""Role, start and end of each turn, in characters of the text."""


def transcript(row: Row) -> Sample:
    """A conversation. What comes before the assistant's first message is the prompt; from there to
    its last message it is one response, in which only the assistant's turns are the model's. What
    follows is left out. Or a prompt, the text of the response, and its ``turns``: role, start and
    end of each.

    ``score`` is by ``annotator``, or by ``score`` if the row names nobody; ``label`` is 1 or 0.
    """
    if row.get("turns") is None and "messages" in row:
        before, said = _parted(chat(row["messages"], "'messages'"))
        solution = attempted(lambda: _joined(said, len(before), row), "the transcript")
        return Sample(prompt_messages({**row, "prompt": before}), (solution,))
    return Sample(prompt_messages(row), (attempted(lambda: _spanned(row), "'turns'"),))


def _parted(messages: Sequence[Message]) -> tuple[list[Message], Sequence[Message]]:
    """The prompt, and the turns up to the assistant's last one."""
    roles = [message["role"] for message in messages]
    first = next((place for place, role in enumerate(roles) if role == "assistant"), None)
    if not first:
        raise ShapeError("'messages' must have a task, and then what the assistant says to it")
    last = len(roles) - roles[::-1].index("assistant")
    return list(messages[:first]), messages[first:last]


def _joined(messages: Sequence[Message], first: int, row: Row) -> Solution:
    """The turns as one text, with a blank line around what the assistant did not say. ``first`` is
    the number of the first of them in the conversation."""
    for number, message in enumerate(messages, start=first):
        role, last = message["role"], message is messages[-1]
        if role not in ("assistant", "user", "tool"):
            raise ShapeError(f"message {number} is the {role}'s, and not part of a transcript")
        if "tool_calls" in message:
            raise ShapeError(
                f"message {number} calls a tool outside its text, which the text of a response "
                "cannot hold: write the call as text, or import the chat to imitate it (chat)"
            )
        if "reasoning" in message and not last:
            raise ShapeError(f"message {number} has a thought, which only the last answer can have")
    texts = [
        said if role == "assistant" else f"\n\n{said.strip()}\n\n"
        for role, said in ((message["role"], message["content"]) for message in messages)
    ]
    ends = [sum(map(len, texts[: number + 1])) for number in range(len(texts))]
    roles = [message["role"] for message in messages]
    turns = tuple(zip(roles, [0, *ends], ends, strict=False))
    return _solution(row, "".join(texts), turns, messages[-1].get("reasoning"))


def _spanned(row: Row) -> Solution:
    said = text(row, "response")
    turns = tuple(
        _turn(each, f"turn {place} of 'turns'") for place, each in enumerate(listing(row, "turns"))
    )
    place = 0
    for _, start, end in turns:
        if start != place or end <= start:
            break
        place = end
    if place != len(said) or turns[-1][2] != place:
        raise ShapeError(
            f"'turns' must cover the {len(said)} characters of 'response', one after the other"
        )
    if turns[0][0] != "assistant":
        raise ShapeError("'turns' must begin with the assistant's, which answers the prompt")
    return _solution(row, said, turns, optional_text(row, "reasoning"))


def _turn(given: Any, what: str) -> tuple[str, int, int]:
    turn = mapping(given, what)
    role = ROLES.get(str(turn.get("role")).lower())
    if role not in ("assistant", "user", "tool"):
        raise ShapeError(
            f"'role' of {what} must be assistant, user or tool, not {turn.get('role')!r}"
        )
    start, end = (turn.get(name) for name in ("start", "end"))
    if type(start) is not int or type(end) is not int:
        raise ShapeError(f"{what} must have 'start' and 'end', whole numbers of characters")
    return role, start, end


def _solution(row: Row, said: str, turns: Turns, reasoning: str | None) -> Solution:
    scores: list[SampleScore] = []
    if row.get("score") is not None:
        scores.append(rated(optional_text(row, "annotator") or "score", row["score"]))
    if row.get("label") is not None:
        scores.append(SampleScore("label", float(boolean(row, "label"))))
    return Solution(
        (said,),
        model=optional_text(row, "model"),
        reasoning=reasoning,
        scores=tuple(scores),
        turns=turns if len(turns) > 1 else None,
    )


FOUND = (
    Shape(
        ("transcript",),
        "a conversation, whose messages from the assistant's first on are one response of several "
        "turns; or a prompt, a response and its turns (`role`, `start`, `end` in characters); its "
        "score or label, if it has one",
        {
            "messages": ("messages", "conversations", "conversation"),
            "prompt": ("prompt", "question", "instruction"),
            "response": ("response", "text"),
            "turns": ("turns",),
            "reasoning": ("reasoning",),
            "score": ("score", "rating", "reward"),
            "annotator": ("annotator",),
            "label": ("label",),
            "model": ("model",),
            "system": ("system",),
            "tools": ("tools",),
        },
        transcript,
    ),
)
