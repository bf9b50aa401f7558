"""A model's thought apart from its answer.

What a model wrote is journaled as it came; the thought is taken out of it when it is read. Where
the marks of a thought are ordinary text (``<think>``), they are found there; where they are special
tokens, which a text leaves out (``[THINK]``, GPT-OSS's channels), the text is read again from its
tokens. A template may open the thought in the generation header: then the text has only the closing
mark.

The marks are those of published chat templates and of vLLM's reasoning parsers.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from engines.protocol import Generation, Rendered

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class Marks(NamedTuple):
    """What stands before a thought, and between it and the answer."""

    opens: str
    closes: str


MARKS = (
    # Qwen, DeepSeek, GLM, Nemotron, Kimi, MiniMax, Hunyuan, ERNIE, OLMo, LFM, Granite 3.3, Phi-4
    Marks("<think>", "</think>"),
    Marks("<thinking>", "</thinking>"),
    Marks("<thought>", "</thought>"),  # Gemini's server
    Marks("[THINK]", "[/THINK]"),  # Mistral, Magistral
    Marks("<seed:think>", "</seed:think>"),
    Marks("<mm:think>", "</mm:think>"),  # MiniMax M3
    Marks("<ifm|think>", "</ifm|think>"),  # K2 Horizon
    Marks("<ifm|think_fast>", "</ifm|think_fast>"),
    Marks("<ifm|think_faster>", "</ifm|think_faster>"),
    Marks("◁think▷", "◁/think▷"),  # Kimi-VL
    Marks("<|channel>thought", "<channel|>"),  # Gemma 4
    Marks("<|START_THINKING|>", "<|END_THINKING|>"),  # Cohere
    Marks("<|begin_of_thought|>", "<|end_of_thought|>"),  # Sky-T1
    Marks("<|open|>think<|sep|>", "<|close|>think<|sep|>"),  # Kimi K3
    Marks("<|content_thinking|>", "<|end_message|>"),  # Inkling
    Marks("<|plamo:begin_think:plamo|>", "<|plamo:end_think:plamo|>"),
)
_WORDS = (
    # Granite 3.2
    Marks("Here is my thought process:", "Here is my response:"),
    Marks("Here's my thought process:", "Here's my response:"),
    Marks("Here is my thought process:", "Here's my response:"),
    Marks("Here's my thought process:", "Here is my response:"),
    # GPT-OSS, where a server leaves out the special tokens and does not tell the channels apart
    Marks("analysis", "assistantfinal"),
)
"""Marks that are ordinary words: they count only at the beginning of a text, and both together."""

_WRAPPERS = (
    Marks("<answer>", "</answer>"),
    Marks("<response>", "</response>"),
    Marks("<|START_RESPONSE|>", "<|END_RESPONSE|>"),
    Marks("<|begin_of_solution|>", "<|end_of_solution|>"),
    Marks("<|open|>response<|sep|>", "<|close|>response<|sep|>"),
    Marks("<|message_model|><|content_text|>", "<|end_message|>"),
)
"""What some models put around the answer that follows a thought."""

_CHANNEL = "<|channel|>"
_RECIPIENT = "to="
_MESSAGE = "<|message|>"
# GPT-OSS's harmony names a channel, Muse Glimmer to whom it speaks.
_PART = re.compile(
    r"(?:<\|channel\|>\s{0,9}(?P<channel>\w{1,99}+)|\bto=(?P<to>[^\s<]{1,99}+))"
    r"[^<]{0,99}+(?:<\|constrain\|>[^<]{0,99}+)?<\|message\|>"
    r"(?P<said>.*?)(?=<\|(?:end|return|call|eom|eot|start|channel)\|>|\Z)",
    re.DOTALL,
)
_ENDS = ("<|end|>", "<|return|>", "<|call|>", "<|eom|>", "<|eot|>")
_PART_MARKS = "".join(("<|channel|><|constrain|><|message|><|start|>", *_ENDS))

_OPENS = re.compile("|".join(re.escape(marks.opens) for marks in MARKS))
_LONGEST = 2 * max(len(marks.opens) for marks in MARKS)
"""Characters at the end of a prompt in which a mark is looked for."""
_OF = {marks.opens: marks for marks in MARKS}
_HINTS = ("think", "THINK", "thought", "analysis", "<|")
"""Every mark holds one of these, and few texts without a mark do: a hundredth of the time."""
_FENCE = "```"
_BEFORE = re.compile(r"\s*\n| (?=\S)")
"""Blank lines, or a space, between a thought and its answer. Indentation belongs to the answer."""


def apart(prompt: Rendered, raw: Generation) -> Generation:
    """``raw`` as it is read: its thought in ``reasoning`` and the rest in ``text``, which is empty
    where the thought did not end. A text without a thought is unchanged."""
    text = raw.text if prompt.marked is None else prompt.marked(raw)
    thoughts, answer = split(text, within=open_thought(prompt.text))
    if not thoughts:
        if raw.reasoning is None:
            return raw
        answer = _bare(raw.text)
    found = [thought.strip() for thought in (raw.reasoning or "", *thoughts)]
    reasoning = "\n\n".join(filter(None, found))
    # A thought that says nothing is none, unless there is nothing else.
    return replace(raw, text=answer, reasoning=reasoning or (None if answer.strip() else ""))


def split(text: str, *, within: Marks | None = None) -> tuple[list[str], str]:
    """The thoughts of ``text``, and its answer: all else, "" where the last thought did not end.

    ``within``: the marks of a thought that was opened before the text begins.
    """
    if within is None and not any(hint in text for hint in _HINTS):
        return [], text
    start = text.lstrip()
    if start.startswith(_CHANNEL) or (start.startswith(_RECIPIENT) and _MESSAGE in start):
        return _channels(text)
    for marks in _WORDS:
        if start.startswith(marks.opens) and marks.closes in start:
            thought, _, rest = start.removeprefix(marks.opens).partition(marks.closes)
            return [thought], _bare(rest)
    thoughts: list[str] = []
    if within is None:
        within = _closed_only(text)
    if within is not None:
        end = _find(text, within.closes)
        thought = text if end < 0 else text[:end]
        thoughts.append(thought.lstrip().removeprefix(within.opens))
        if end < 0:
            return thoughts, ""
        text = text[end + len(within.closes) :]
    found, rest = _blocks(text)
    thoughts += found
    return thoughts, _bare(rest) if thoughts else rest


def open_thought(header: str) -> Marks | None:
    """The marks of the thought that a prompt's text ends within, if it does."""
    end = header[-_LONGEST:].rstrip()
    return next((marks for marks in MARKS if end.endswith(marks.opens)), None)


def answering(header: str, *, begins: str = "") -> str:
    """A prompt's text as an answer follows it: a thought that its header opens is ended, empty.

    Where the answer ``begins`` with a thought of its own, that is the one.
    """
    marks = open_thought(header)
    if marks is None:
        return header
    if begins.startswith(marks.opens):
        return header.rstrip().removesuffix(marks.opens)
    line = "\n" if header.endswith("\n") else ""
    return f"{header}{line}{marks.closes}\n\n"


def marking(tokenizer: "PreTrainedTokenizerBase") -> Callable[[Generation], str] | None:
    """What gives a generation's text with the marks of thoughts in it, where ``tokenizer`` has some
    of them as special tokens; else None, for then the text has them."""
    special = {
        number: token.content
        for number, token in tokenizer.added_tokens_decoder.items()
        if token.special and token.content
    }
    opening = [_CHANNEL, _MESSAGE, *(marks.opens for marks in MARKS)]
    if not any(token in mark for token in special.values() for mark in opening):
        return None
    said = _PART_MARKS + "".join(map("".join, (*MARKS, *_WRAPPERS)))
    shown = {number: token for number, token in special.items() if token in said}

    def decoded(ids: list[int]) -> str:
        text: Any = tokenizer.decode(
            ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return str(text)

    def marked(written: Generation) -> str:
        parts: list[str] = []
        plain: list[str] = []
        since: list[int] = []
        tokens = written.token_ids
        if tokens and shown.get(tokens[-1]) in _ENDS:
            tokens = tokens[:-1]  # of the turn, and so no mark in it
        for token in tokens:
            if token in shown:
                plain.append(decoded(since))
                parts += (plain[-1], shown[token])
                since = []
            else:
                since.append(token)
        plain.append(decoded(since))
        if not parts:
            return written.text
        # A stop string, and what was written after it, is among the tokens but not in the text.
        beyond = max(len("".join(plain)) - len(written.text), 0)
        last = plain[-1]
        return "".join([*parts, last[: len(last) - beyond] if beyond <= len(last) else ""])

    return marked


def _channels(text: str) -> tuple[list[str], str]:
    """Thoughts and answer of parts that say for whom they are."""
    thoughts: list[str] = []
    answers: list[str] = []
    for part in _PART.finditer(text):
        answers_user = part["channel"] == "final" or part["to"] == "user"
        (answers if answers_user else thoughts).append(part["said"])
    return thoughts or [""], "".join(answers)


def _closed_only(text: str) -> Marks | None:
    """The marks of a thought whose beginning is not in the text: its closing mark comes first."""
    closed = [(at, marks) for marks in MARKS if (at := _find(text, marks.closes)) >= 0]
    if not closed:
        return None
    at, marks = min(closed)
    before = _OPENS.finditer(text, 0, at)
    return marks if all(_spoken_of(text, *opened.span()) for opened in before) else None


def _find(text: str, mark: str, start: int = 0) -> int:
    """Where ``mark`` is, at ``start`` or after it, or -1. One between backticks is passed over."""
    at = text.find(mark, start)
    while at >= 0 and _spoken_of(text, at, at + len(mark)):
        at = text.find(mark, at + len(mark))
    return at


def _spoken_of(text: str, start: int, end: int) -> bool:
    return text[start - 1 : start] == "`" == text[end : end + 1]


def _blocks(text: str) -> tuple[list[str], str]:
    """Thoughts with both of their marks, and the rest of ``text``. One without an end is one if it
    begins a line. What stands in a fence of code is code."""
    thoughts: list[str] = []
    rest: list[str] = []
    unending: set[Marks] = set()
    kept, at, fences, counted = 0, 0, 0, 0
    while opened := _OPENS.search(text, at):
        begin, at = opened.span()
        fences += text.count(_FENCE, counted, begin)
        counted = begin
        marks = _OF[opened[0]]
        if fences % 2:
            at = text.find(_FENCE, at)
            if at < 0:
                break
            continue
        if marks in unending or _spoken_of(text, begin, at):
            continue
        end = _find(text, marks.closes, at)
        if end < 0:
            unending.add(marks)
            if text[text.rfind("\n", 0, begin) + 1 : begin].strip():
                continue
        rest.append(text[kept:begin])
        thoughts.append(text[at:] if end < 0 else text[at:end])
        kept = at = counted = len(text) if end < 0 else end + len(marks.closes)
    return thoughts, "".join([*rest, text[kept:]])


def _bare(answer: str) -> str:
    """An answer without what stands between it and its thought, and what is put around it."""
    answer = _BEFORE.sub("", answer, count=1) if _BEFORE.match(answer) else answer
    start = answer.lstrip()
    for marks in _WRAPPERS:
        if start.startswith(marks.opens):
            inside, _, after = start.removeprefix(marks.opens).partition(marks.closes)
            return inside.strip() + after.rstrip()
    return answer
