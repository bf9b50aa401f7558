"""Conversations: ShareGPT's, OpenAI's, and LLaMA-Factory's two layouts
(https://llamafactory.readthedocs.io/en/latest/getting_started/data_preparation.html)."""

from assets.shapes.reading import (
    Messages,
    answer,
    is_chat,
    one_answer,
    optional_text,
    text,
    truth,
)
from assets.shapes.sample import (
    Demonstration,
    Preference,
    Row,
    Sample,
    Score,
    Shape,
    ShapeError,
)
from generators.chats import asked_of, chat


def conversation(row: Row) -> Sample:
    """The last answer is the response, what comes before it the prompt; what the user says after
    it is left out. With ``chosen`` and ``rejected`` or ``label`` beside it, as LLaMA-Factory
    writes them."""
    turns = chat(row.get("messages"), "'messages'")
    system = optional_text(row, "system")
    if system is not None and turns[0]["role"] != "system":
        turns = [{"role": "system", "content": system}, *turns]
    if row.get("chosen") is not None:
        return _compared(row, tuple(asked_of(turns, "'messages'")))
    answered = [place for place, turn in enumerate(turns) if turn["role"] == "assistant"]
    if not answered:
        return Sample(tuple(asked_of(turns, "'messages'")))
    turns = turns[: answered[-1] + 1]
    return _answered(row, tuple(asked_of(turns, "'messages'")), turns[-1]["content"])


def alpaca(row: Row) -> Sample:
    """An instruction, with its input below it and earlier turns before it, and the output; or a
    chosen and a rejected one."""
    own = optional_text(row, "input")
    told = text(row, "prompt") if own is None else f"{text(row, 'prompt')}\n{own}"
    before = []
    if (system := optional_text(row, "system")) is not None:
        before.append({"role": "system", "content": system})
    for turn in row.get("history") or []:
        if not isinstance(turn, list | tuple) or len(turn) != 2:
            raise ShapeError("'history' must be a list of [question, answer]")
        said = {"user": turn[0], "assistant": turn[1]}
        before += [{"role": who, "content": text(said, who)} for who in said]
    prompt = (*before, {"role": "user", "content": told})
    if row.get("chosen") is not None:
        return _compared(row, prompt)
    if row.get("output") is None:
        return Sample(prompt)
    return _answered(row, prompt, row["output"])


def _compared(row: Row, prompt: Messages) -> Sample:
    sides = [_answer(row, side) for side in ("chosen", "rejected")]
    solutions = tuple(
        one_answer(said, repr(side))
        for side, said in zip(("chosen", "rejected"), sides, strict=True)
    )
    return Sample(prompt, solutions, preference=Preference(0))


def _answered(row: Row, prompt: Messages, said: str) -> Sample:
    if row.get("label") is None:
        return Sample(prompt, (one_answer(said, "the answer"),), demonstration=Demonstration())
    label = Score("label", float(truth(row, "label")))
    return Sample(prompt, (one_answer(said, "the answer", scores=(label,)),))


def _answer(row: Row, side: str) -> str:
    value = row.get(side)
    if isinstance(value, dict) or is_chat(value):
        return answer(value, repr(side))
    # An empty answer is a matter of its own, which the solution tells.
    return value if isinstance(value, str) else text(row, side)


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
