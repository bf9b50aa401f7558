"""The edit in a model's reply to "write this again": without what the model says about it."""

import re

from engines.operators.refusal import Refusal
from generators.revision.removal import PREFIX

_EDIT = (
    r"(?:revised|improved|corrected|rewritten|updated|modified|edited|new|better|final|refined"
    r"|polished|changed|altered|incorrect|wrong|flawed|revision|rewrite)"
)
_WORK = r"(?:answer|response|solution|version|text|reply|draft|revision|rewrite)"
_YES = r"(?:(?:sure|certainly|of course|okay|ok|absolutely|yes|great)\b[ \t]*[,.!:]*[ \t]*)"
_PREAMBLE = re.compile(
    rf"\A{_YES}?(?:"
    # "Here is the revised answer:", "Below is the solution with one small mistake:"
    rf"(?:here|below|this|the following)\b[^\n]{{0,80}}\b{_WORK}\b[^\n:]{{0,80}}:"
    rf"|(?:I['’]ve|I have|I)\b[^\n]{{0,30}}\b{_EDIT}\b[^\n]{{0,120}}:"
    # "Revised answer:", "**Corrected Solution:**", "### Improved version"
    rf"|[#*_ \t]*(?:the )?{_EDIT} {_WORK}[*_ \t]*(?:\([^()\n]*\)[ \t]*)?(?::[*_]*|(?=\n))"
    rf"|[#*_ \t]*(?:answer|solution)[*_ \t]*:[*_]*"
    r")[ \t]*\n?",
    re.I,
)
_WRAPPED = re.compile(r"<(answer|solution|response)>[ \t]*\n?(.*?)\n?[ \t]*</\1>", re.S | re.I)
_FENCED = re.compile(r"\A```(?:markdown|md|text|plaintext)?[ \t]*\n(.*)\n```\Z", re.S)
_QUOTED = re.compile(r"\A(?:\"([^\"]*)\"|“([^“”]*)”)\Z")
_ABOUT = re.compile(
    # The work as an edit: "the original answer", "this revised version".
    rf"\b(?:original|previous|earlier|revised|corrected|rewritten|improved) {_WORK}\b"
    r"|\bthe (?:critique|reviewer)\b"
    r"|\bI(?:['’]ve| have)? (?:revised|improved|corrected|rewritten|rewrote|modified|edited|changed"
    r"|altered|introduced|fixed|replaced|kept|made)\b[^.\n]{0,60}"
    rf"\b(?:{_WORK}|mistakes?|errors?|changes?|wording|structure|requested)\b"
    r"|\b(?:deliberate|intentional|small|subtle) (?:mistake|error)\b"
    r"|^[*_ ]*(?:changes|changes made|explanation of (?:the )?changes?)\b[*_ ]*:"
    # The model declines, or goes on with the question.
    r"|\A(?:I['’]m sorry|I apologi[sz]e|as an AI\b|I can(?:not|['’]t)\b|I(?:['’]m| am) unable\b)"
    r"|</?(?:task|answer|solution|critique|problem)>",
    re.I | re.M,
)


def edit_in(reply: str, original: str) -> str | Refusal:
    """The edit of ``original`` that ``reply`` holds, with the space around the text of
    ``original``.

    Removed: a preamble ("Here is the revised answer:"), the tags or the fence around the edit, and
    a last paragraph about it ("I changed …"), unless the original has the same.

    Returns:
        The edit, or a refusal: it is empty, it is the same text as the original, or it speaks about
            the editing.
    """
    text = _unwrapped(reply.strip(), original)
    text = _without_remark(text, original).strip()
    if not text:
        return Refusal("the edit is empty")
    if text.split() == original.split():
        return Refusal("the edit changed nothing")
    if (phrase := _about(text, original)) is not None:
        return Refusal("the edit speaks about the edit", {"says": phrase})
    content = original.strip()
    start = original.index(content)
    return original[:start] + text + original[start + len(content) :]


def same_layout(text: str, other: str) -> bool:
    """Whether both texts have the same lines as far as layout goes: blank or not, indentation and
    markers."""
    return _frame(text) == _frame(other)


def _frame(text: str) -> list[str | None]:
    """The indentation and marker of each line; None for a blank line."""
    matches = ((line, PREFIX.match(line)) for line in text.strip().split("\n"))
    return [prefix[0] if line.strip() and prefix else None for line, prefix in matches]


def _unwrapped(text: str, original: str) -> str:
    """``text`` without a preamble, and without tags, a fence or quotation marks around it."""
    for _ in range(2):
        wrapped = _WRAPPED.search(text)
        if wrapped is not None and f"<{wrapped[1]}>" not in original:
            text = wrapped[2].strip("\n")
        elif (preamble := _PREAMBLE.match(text)) and not _PREAMBLE.match(original.lstrip()):
            text = text[preamble.end() :].strip()
        for around in (_FENCED, _QUOTED):
            if (inner := around.match(text)) and not around.match(original.strip()):
                text = next(part for part in inner.groups() if part is not None)
    return text


def _without_remark(text: str, original: str) -> str:
    """``text`` without a last paragraph that speaks about the edit."""
    rest, gap, last = text.rstrip().rpartition("\n\n")
    if gap and rest.strip() and _about(last, original) is not None:
        return rest
    return text


def _about(text: str, original: str) -> str | None:
    """The first words of ``text`` about the edit that are not in the original."""
    original_words = original.casefold()
    for match in _ABOUT.finditer(text):
        if match[0].casefold() not in original_words:
            return match[0]
    return None
