"""Separates a model's thought from its answer.

The journal keeps a generation as it came. The thought is taken out when the generation is read.
Marks that are ordinary text (``<think>``) are searched in the text. Marks that are special tokens
(``[THINK]``, GPT-OSS's channels) are not in the text, so the tokens are decoded again. If the
template opens the thought in the generation header, the text has only the closing mark.

The marks are those of published chat templates and of vLLM's reasoning parsers.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from engines.protocol import Generation, Marks, Rendered, RowError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


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
    # GPT-OSS, if a server leaves out the special tokens and does not separate the channels
    Marks("analysis", "assistantfinal"),
)
"""Marks of ordinary words. They count only at the beginning of a text, and only if both occur."""

_WRAPPERS = (
    Marks("<answer>", "</answer>"),
    Marks("<response>", "</response>"),
    Marks("<|START_RESPONSE|>", "<|END_RESPONSE|>"),
    Marks("<|begin_of_solution|>", "<|end_of_solution|>"),
    Marks("<|open|>response<|sep|>", "<|close|>response<|sep|>"),
    Marks("<|message_model|><|content_text|>", "<|end_message|>"),
)
"""Marks that some models put around the answer after a thought."""

_CHANNEL = "<|channel|>"
_RECIPIENT = "to="
_MESSAGE = "<|message|>"
# GPT-OSS's harmony format names a channel, Muse Glimmer a recipient.
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
"""A mark is searched in this many characters at the end of a prompt."""
_OF = {marks.opens: marks for marks in MARKS}
_HINTS = ("think", "THINK", "thought", "analysis", "<|")
"""Every mark contains one of these, and few other texts do. This test takes a hundredth of the
time of a full search."""
_FENCE = "```"
_BEFORE = re.compile(r"\s*\n| (?=\S)")
"""Blank lines, or a space, between a thought and its answer. Indentation belongs to the answer."""


def apart(prompt: Rendered, raw: Generation) -> Generation:
    """``raw`` with its thought in ``reasoning`` and its answer in ``text``. The answer is empty if
    the thought did not end. A text without a thought is unchanged."""
    text = with_marks(prompt, raw).text
    thoughts, answer = split(text, within=open_thought(prompt.text))
    if not thoughts:
        if raw.reasoning is None:
            return raw
        answer = _bare(raw.text)
    stripped = [thought.strip() for thought in (raw.reasoning or "", *thoughts)]
    reasoning = "\n\n".join(filter(None, stripped))
    # An empty thought counts only if the answer is empty too.
    return replace(raw, text=answer, reasoning=reasoning or (None if answer.strip() else ""))


def with_marks(prompt: Rendered, raw: Generation) -> Generation:
    """``raw`` with the marks of thoughts in its text, also those that are special tokens."""
    return raw if prompt.marked is None else replace(raw, text=prompt.marked(raw))


def split(text: str, *, within: Marks | None = None) -> tuple[list[str], str]:
    """The thoughts of ``text`` and its answer, which is all other text.

    The answer is "" if the last thought did not end. ``within``: the marks of a thought that was
    opened before the text.
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
    blocks, rest = _blocks(text)
    thoughts += blocks
    return thoughts, _bare(rest) if thoughts else rest


def open_thought(header: str) -> Marks | None:
    """The marks of the thought that is open at the end of a prompt's text; None if none is."""
    end = header[-_LONGEST:].rstrip()
    return next((marks for marks in MARKS if end.endswith(marks.opens)), None)


def answering(header: str, *, begins: str = "", form: Marks | None = None) -> str:
    """A prompt's text before an answer without a thought: the thought that the model would write
    is there, empty.

    If the answer ``begins`` with a thought, there is none; an opening mark at the end of the header
    is removed.

    Args:
        header: the prompt's text, with the generation header.
        begins: the beginning of the answer.
        form: what the template writes around a thought (`engines.chat.template.thought_form`).
    """
    marks = open_thought(header)
    if marks is None:
        return header if form is None or _begins(begins, form) else after_thought(header, "", form)
    if _begins(begins, marks):
        return header.rstrip().removesuffix(marks.opens)
    return after_thought(header, "", form)


def after_thought(header: str, thought: str, form: Marks | None) -> str:
    """A prompt's text after ``thought``, before the answer.

    Raises:
        RowError: the header opens no thought, and the template has none.
    """
    marks = open_thought(header)
    if marks is not None:
        line = "\n" if header.endswith("\n") else ""
        return f"{header}{thought}{line}{marks.closes}\n\n"
    if form is None:
        raise RowError(
            "the chat template has no place for a thought, or the binding's template_arguments "
            "switch thinking off: bind a model that thinks"
        )
    return f"{header}{form.opens}{thought}{form.closes}"


def thought_of(text: str) -> tuple[int, int, int]:
    """Where the thought is with which ``text`` begins: the offsets in characters of its first
    character, of its closing mark, and of the answer. All are 0 if there is none; the last two are
    the end of the text if the thought does not end."""
    start = len(text) - len(text.lstrip())
    marks = next((marks for marks in MARKS if text.startswith(marks.opens, start)), None)
    if marks is None:
        return 0, 0, 0
    begin = start + len(marks.opens)
    end = _find(text, marks.closes, begin)
    if end < 0:
        return begin, len(text), len(text)
    after = end + len(marks.closes)
    return begin, end, after + len(text[after:]) - len(text[after:].lstrip())


def unended(text: str) -> bool:
    """Whether ``text`` begins with a thought and does not end it."""
    begin, end, _ = thought_of(text)
    return begin > 0 and end == len(text)


def _begins(text: str, marks: Marks) -> bool:
    return bool(text) and text.startswith(marks.opens.strip())


def marking(tokenizer: "PreTrainedTokenizerBase") -> Callable[[Generation], str] | None:
    """A function that decodes a generation with the marks of thoughts in its text.

    None if no mark is a special token of ``tokenizer``: then the text has the marks already.
    """
    special = {
        number: token.content
        for number, token in tokenizer.added_tokens_decoder.items()
        if token.special and token.content
    }
    opening = [_CHANNEL, _MESSAGE, *(marks.opens for marks in MARKS)]
    if not any(token in mark for token in special.values() for mark in opening):
        return None
    all_marks = _PART_MARKS + "".join(map("".join, (*MARKS, *_WRAPPERS)))
    mark_tokens = {number: token for number, token in special.items() if token in all_marks}

    def decoded(ids: list[int]) -> str:
        text: Any = tokenizer.decode(
            ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return str(text)

    def marked(generation: Generation) -> str:
        parts: list[str] = []
        plain: list[str] = []
        since: list[int] = []
        tokens = generation.token_ids
        if tokens and mark_tokens.get(tokens[-1]) in _ENDS:
            tokens = tokens[:-1]  # the end of the turn is not a mark
        for token in tokens:
            if token in mark_tokens:
                plain.append(decoded(since))
                parts += (plain[-1], mark_tokens[token])
                since = []
            else:
                since.append(token)
        plain.append(decoded(since))
        if not parts:
            return generation.text
        # The tokens include a stop string and what follows it; the text does not.
        beyond = max(len("".join(plain)) - len(generation.text), 0)
        last = plain[-1]
        return "".join([*parts, last[: len(last) - beyond] if beyond <= len(last) else ""])

    return marked


def _channels(text: str) -> tuple[list[str], str]:
    """Thoughts and answer of a text whose parts name a channel or a recipient."""
    thoughts: list[str] = []
    answers: list[str] = []
    for part in _PART.finditer(text):
        answers_user = part["channel"] == "final" or part["to"] == "user"
        (answers if answers_user else thoughts).append(part["said"])
    return thoughts or [""], "".join(answers)


def _closed_only(text: str) -> Marks | None:
    """The marks of a thought that began before the text: its closing mark comes first."""
    closed = [(at, marks) for marks in MARKS if (at := _find(text, marks.closes)) >= 0]
    if not closed:
        return None
    at, marks = min(closed)
    before = _OPENS.finditer(text, 0, at)
    return marks if all(_in_backticks(text, *opened.span()) for opened in before) else None


def _find(text: str, mark: str, start: int = 0) -> int:
    """The index of ``mark`` at or after ``start``, or -1. A mark between backticks is skipped."""
    at = text.find(mark, start)
    while at >= 0 and _in_backticks(text, at, at + len(mark)):
        at = text.find(mark, at + len(mark))
    return at


def _in_backticks(text: str, start: int, end: int) -> bool:
    return text[start - 1 : start] == "`" == text[end : end + 1]


def _blocks(text: str) -> tuple[list[str], str]:
    """Thoughts with an opening mark, and the rest of ``text``. A thought without a closing mark
    counts if it begins a line. Marks in fenced code do not count."""
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
        if marks in unending or _in_backticks(text, begin, at):
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
    """An answer without the blank lines after its thought and without wrapper marks."""
    answer = _BEFORE.sub("", answer, count=1) if _BEFORE.match(answer) else answer
    start = answer.lstrip()
    for marks in _WRAPPERS:
        if start.startswith(marks.opens):
            inside, _, after = start.removeprefix(marks.opens).partition(marks.closes)
            return inside.strip() + after.rstrip()
    return answer
