"""Conversations: ShareGPT's, OpenAI's, and LLaMA-Factory's two layouts
(https://llamafactory.readthedocs.io/en/latest/getting_started/data_preparation.html)."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from assets.importers.shapes.reading import (
    Messages,
    answer,
    answered,
    asked,
    listing,
    one_answer,
    optional_text,
    text,
    truth,
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

SIDES = ("chosen", "rejected")


def conversation(row: Row) -> Sample:
    """The last answer is the response, what comes before it the prompt; what the user says after
    it is left out. With ``chosen`` and ``rejected`` or ``label`` beside it, as LLaMA-Factory
    writes them."""
    turns = listing(row, "messages")
    if _is_ranking(row):
        return _compared(row, asked(row, "messages"))
    while len(turns) > 1 and _author(turns[-1]) == "user" and "assistant" in map(_author, turns):
        turns = turns[:-1]
    if _author(turns[-1]) == "user":
        return Sample(asked(row, "messages"))
    before, said = answered(turns, "'messages'")
    return _answered(row, asked({**row, "messages": before}, "messages"), said)


def alpaca(row: Row) -> Sample:
    """An instruction, with its input below it and earlier turns before it, and the output; or a
    chosen and a rejected one, also as the two outputs of a list."""
    own = optional_text(row, "input")
    told = text(row, "prompt") if own is None else f"{text(row, 'prompt')}\n{own}"
    before = []
    if (system := optional_text(row, "system")) is not None:
        before.append({"role": "system", "content": system})
    for turn in listing(row, "history") if row.get("history") else []:
        if not isinstance(turn, list | tuple) or len(turn) != 2:
            raise ShapeError("'history' must be a list of [question, answer]")
        said = {"user": turn[0], "assistant": turn[1]}
        before += [{"role": who, "content": text(said, who)} for who in said]
    prompt = (*before, {"role": "user", "content": told})
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


def _answered(row: Row, prompt: Messages, said: Callable[[], str]) -> Sample:
    if "label" not in row:
        return Sample(prompt, (one_answer(said, "the answer"),), demonstration=Demonstration())
    label = SampleScore("label", float(truth(row, "label")))
    return Sample(prompt, (one_answer(said, "the answer", scores=(label,)),))


def _author(message: Any) -> str | None:
    """The role of a message, if it has one that is known."""
    told = message.get("role", message.get("from")) if isinstance(message, Mapping) else None
    return ROLES.get(told.lower()) if isinstance(told, str) else None


_SAID = {
    "system": ("system",),
    "chosen": ("chosen",),
    "rejected": ("rejected",),
    "label": ("label", "kto_tag"),
}
FOUND = (
    Shape(
        ("chat", "sharegpt", "openai"),
        "a conversation (`{role, content}` or `{from, value}`, content as text or parts), whose "
        "last answer is the response; LLaMA-Factory's chosen and rejected or kto_tag beside it",
        {"messages": ("messages", "conversations", "conversation"), **_SAID},
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
            **_SAID,
        },
        alpaca,
    ),
)
