"""Conversations: ShareGPT's, OpenAI's, and LLaMA-Factory's two layouts
(https://llamafactory.readthedocs.io/en/latest/getting_started/data_preparation.html)."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from assets.importers.shapes.reading import (
    Messages,
    ReadAnswer,
    answer,
    answered,
    boolean,
    listing,
    one_answer,
    optional_text,
    prompt_messages,
    text,
)
from assets.importers.shapes.sample import (
    Demonstration,
    Preference,
    Row,
    Sample,
    SampleScore,
    Shape,
    ShapeError,
)
from generators.sources.chats import ROLES
from schemas import Message

SIDES = ("chosen", "rejected")


def conversation(row: Row) -> Sample:
    """A conversation. The last answer is the response and the turns before it are the prompt. Later
    turns of the user are left out. The row may also have LLaMA-Factory's ``chosen`` and
    ``rejected``, or ``label``."""
    turns = listing(row, "messages")
    if _is_ranking(row):
        return _compared(row, prompt_messages(row, "messages"))
    while len(turns) > 1 and _author(turns[-1]) == "user" and "assistant" in map(_author, turns):
        turns = turns[:-1]
    if _author(turns[-1]) in ("user", "tool"):
        return Sample(prompt_messages(row, "messages"))
    before, read_answer = answered(turns, "'messages'")
    return _answered(row, prompt_messages({**row, "messages": before}, "messages"), read_answer)


def alpaca(row: Row) -> Sample:
    """An instruction and its output. The instruction may have an input and earlier turns. There may
    be a chosen and a rejected output, also as a list of two."""
    given = optional_text(row, "input")
    question = text(row, "prompt") if given is None else f"{text(row, 'prompt')}\n{given}"
    before: list[Message] = []
    if (system := optional_text(row, "system")) is not None:
        before.append({"role": "system", "content": system})
    for turn in listing(row, "history") if row.get("history") else []:
        if not isinstance(turn, list | tuple) or len(turn) != 2:
            raise ShapeError("'history' must be a list of [question, answer]")
        messages = {"user": turn[0], "assistant": turn[1]}
        before += [{"role": role, "content": text(messages, role)} for role in messages]
    prompt: Messages = (*before, {"role": "user", "content": question})
    if _is_ranking(row):
        return _compared(row, prompt)
    if "output" not in row:
        return Sample(prompt)
    if isinstance(row["output"], list) and len(row["output"]) == len(SIDES):
        return _compared(dict(zip(SIDES, row["output"], strict=True)), prompt)
    return _answered(row, prompt, partial(answer, row["output"], "'output'"))


def _is_ranking(row: Row) -> bool:
    return any(row.get(side) is not None for side in SIDES)


def _compared(row: Row, prompt: Messages) -> Sample:
    solutions = tuple(
        one_answer(partial(answer, row.get(side), repr(side)), repr(side)) for side in SIDES
    )
    return Sample(prompt, solutions, preference=Preference(0))


def _answered(row: Row, prompt: Messages, read_answer: ReadAnswer) -> Sample:
    if "label" not in row:
        answer = one_answer(read_answer, "the answer")
        return Sample(prompt, (answer,), demonstration=Demonstration())
    label = SampleScore("label", float(boolean(row, "label")))
    return Sample(prompt, (one_answer(read_answer, "the answer", scores=(label,)),))


def _author(message: Any) -> str | None:
    """The role of a message, or None if it has no known role."""
    role = message.get("role", message.get("from")) if isinstance(message, Mapping) else None
    return ROLES.get(role.lower()) if isinstance(role, str) else None


_OPTIONAL = {
    "system": ("system",),
    "tools": ("tools",),
    "chosen": ("chosen",),
    "rejected": ("rejected",),
    "label": ("label", "kto_tag"),
}
FOUND = (
    Shape(
        ("chat", "sharegpt", "openai"),
        "a conversation (`{role, content}` or `{from, value}`, content as text or parts), whose "
        "last answer is the response; LLaMA-Factory's chosen and rejected or kto_tag beside it",
        {"messages": ("messages", "conversations", "conversation"), **_OPTIONAL},
        conversation,
    ),
    Shape(
        ("alpaca",),
        "an instruction with input, system and history, and its output, or chosen and rejected, "
        "or kto_tag",
        {
            "prompt": ("instruction", "prompt"),
            "input": ("input", "query"),
            "output": ("output", "response"),
            "history": ("history",),
            **_OPTIONAL,
        },
        alpaca,
    ),
)
