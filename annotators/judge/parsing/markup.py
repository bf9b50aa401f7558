"""Reduces a judge's text to the words that may give a verdict.

Reasoning, markup, quotations and questions are removed. JSON becomes lines ``key: value``. If
something follows ``[RESULT]`` or is in ``<answer>``, only that is kept.
"""

import html
import re

from annotators.judge.parsing.json_lines import flattened
from annotators.judge.parsing.statements import SENTENCE_END, UnparseableVerdict, shortened
from engines.chat.thinking import split


def answered(text: str) -> str:
    """``text`` without its reasoning.

    Raises:
        UnparseableVerdict: the reasoning does not end.
    """
    thoughts, answer = split(text)
    if (thoughts and not answer.strip()) or _UNENDED.search(answer):
        raise UnparseableVerdict(f"a thought that does not end in {shortened(text)}")
    return answer


def plain(text: str) -> str:
    """The words of ``text`` that may give a verdict.

    Raises:
        UnparseableVerdict: the text is only reasoning.
    """
    text = answered(text).translate(_CHARACTERS)
    text = _result(_OWN_THOUGHT.sub("", text))
    text = html.unescape(flattened(_without_quotations(_unfenced(text))))
    for pattern, by in _MARKUP:
        text = pattern.sub(by, text)
    text = "\n".join(_without_questions(line) for line in text.splitlines()).strip()
    while (outer := _IN_QUOTES.fullmatch(text)) is not None:
        text = outer[1].strip()
    return text


# Fullwidth forms become their normal characters; characters without width are removed.
_CHARACTERS: dict[int, int | str | None] = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_CHARACTERS |= dict.fromkeys((*range(0x200B, 0x2010), 0x2060, 0xFE0F, 0xFEFF))
_CHARACTERS |= {
    0xA0: " ",
    0x202F: " ",
    0x3000: " ",
    0x3010: "[",
    0x3011: "]",
    0x2212: "-",
    0x3002: ".",
}
_CHARACTERS |= {0x2028: "\n", 0x2029: "\n", 0x85: "\n", 0xB: "\n", 0xC: "\n", ord("\r"): "\n"}

_UNENDED = re.compile(r"(?<!`)(?:<think(?:ing)?>|\[THINK\]|◁think▷)", re.I)
_THOUGHT_TAGS = (
    "analysis|critique|eval|evaluation|explanation|feedback|rationale|reasoning|rubric|scratchpad"
)
_OWN_THOUGHT = re.compile(rf"<({_THOUGHT_TAGS})>(?:(?!<\1>).)*?</\1>", re.I | re.S)
_RESULT = re.compile(
    r"\[RESULT\]:?(.*?)(?=\[RESULT\]|\Z)"
    r"|<((?:final_)?(?:answer|verdict|score|rating|grade|result|judge?ment|ranking|choice|winner))>"
    r"(.*?)(?:</\2>|\Z)"
    r"|<\|begin_of_box\|>(.*?)(?:<\|end_of_box\|>|\Z)",
    re.I | re.S,
)
_FENCE = re.compile(r"^[ \t]*(```+|~~~+)[^\n`]*\n(.*?)(?:^[ \t]*\1[ \t]*$|\Z)", re.M | re.S)
_QUOTATION = re.compile(r"^[ \t]*>[ \t]+", re.M)
_QUESTION = re.compile(r"\?[\s\"'”’»)]*\Z")
_FOR_THE_WORSE = re.compile(r"\b(?:worse|worst|weaker|weakest|inferior)\b", re.I)
"""A question for the worse one: a letter after it is not the better one."""
_IN_QUOTES = re.compile(r"[\"“«']([^\"“”«»'\n]*)[\"”»']\.?")
_TAGS = "a|b|body|br|center|code|div|em|font|h[1-6]|html|i|mark|p|pre|small|span|strong|u"
_MARKUP = (
    # Emoji, except stars and those that mean no.
    (
        re.compile(
            "[\U0001f000-\U0001f44d\U0001f44f-\U0001f6aa\U0001f6ac-\U0001faff"
            "\u2600-\u2604\u2607-\u26ff\u2705\u2714\u20e3]"
        ),
        "",
    ),
    # Text that is struck out does not count.
    (re.compile(r"~~[^~\n]*~~|<(del|s|strike)>[^<]*</\1>", re.I), ""),
    (re.compile(rf"</?(?:{_TAGS})\b[^<>]*>", re.I), ""),
    (re.compile(r"\\(?:text|mathbf|mathrm|textbf|textit|emph|bf|rm)\s*\{([^{}]*)\}"), r"\1"),
    (re.compile(r"\\f?box(?:ed)?\s*\{([^{}]*)\}"), r"[[\1]]"),
    (re.compile(r"\\(?:succ|gt)\b"), ">"),
    (re.compile(r"\\(?:prec|lt)\b"), "<"),
    (re.compile(r"\\[()\[\]]|\$|`+|(?<!\d)\*+|\*+(?!\d)|(?<!\w)_+(?=\S)|(?<=\S)_+(?!\w)"), ""),
    (re.compile(r"^[ \t]*#+[ \t]+", re.M), ""),
    (re.compile(r"^[ \t]*[-•][ \t]+(?=[^\s\d])", re.M), ""),
    # The line under the head of a table, a rule.
    (re.compile(r"^(?=[^\n]*--)[ \t|:-]+$", re.M), ""),
)


def _result(text: str) -> str:
    """The parts that are marked as the result, one a line; all of ``text`` if there are none."""
    results = [
        "".join(part for part in one.group(1, 3, 4) if part) for one in _RESULT.finditer(text)
    ]
    return "\n".join(part.strip() for part in results) if results else text


def _unfenced(text: str) -> str:
    """``text`` without fenced blocks. Of JSON, and of a block at the end, only the fence is
    removed. Other blocks are quotations."""
    end = len(text.rstrip())

    def block(match: re.Match[str]) -> str:
        inside = match[2].strip()
        return inside if match.end() >= end or inside.startswith(("{", "[")) else ""

    return _FENCE.sub(block, text)


def _without_quotations(text: str) -> str:
    """``text`` without its quoted lines (``> …``). If all lines are quoted, only the marks are
    removed."""
    unquoted = [line for line in text.splitlines() if not _QUOTATION.match(line)]
    return "\n".join(unquoted) if any(map(str.strip, unquoted)) else _QUOTATION.sub("", text)


def _without_questions(line: str) -> str:
    if "?" not in line:
        return line
    return " ".join(
        part
        for part in SENTENCE_END.split(line)
        if not _QUESTION.search(part) or _FOR_THE_WORSE.search(part)
    )
