"""Reads the questions of a written checklist."""

import re
from collections.abc import Iterator

LEAST = 2
"""The fewest questions of a checklist."""

# "1.", "(2)", "a)", "-", "*", "•", "[ ]" and "Q3:" before a question, several of them too.
_MARKER = re.compile(
    r"\s*(?:(?:[-*+•–](?=\s)|\[[ xX]?\]|\(?(?:[Qq](?:uestion)? ?)?\d{1,3}[.):](?=\s)"
    r"|\(?[A-Za-z][.):](?=\s))\s*)+"
)
_LABEL = re.compile(r"[^?:\"“]{1,40}:\s+(?=\S)")
"""A label before a question, such as "Length:"."""
_ONE = re.compile(r"(?<=\?)\s+(?=[^\W\d_a-z])")
"""Between two questions of one line."""
_AUXILIARY = (
    r"(?:is|are|was|were|does|do|did|has|have|had|can|could|will|would|should|shall|may|might|must"
    r"|isn['’]t|aren['’]t|doesn['’]t|don['’]t)\b"
)
_YES_NO = re.compile(_AUXILIARY, re.I)
_OPEN = re.compile(
    r"(?:(?:in|at|by|for|from|of|on|to|with|about) )?(?:what|which|who|whom|whose|why|when|where"
    r"|how)(?:['’]?s)?\b",
    re.I,
)
_UNFILLED = re.compile(r"(?:…|\.\.\.|[\])>_])\s*\?\Z")
"""The place of a question's words, as in "Does the answer …?"."""
_TO_THE_READER = re.compile(rf"{_AUXILIARY} (?:you|i|we)\b", re.I)


def questions(text: str) -> tuple[str, ...]:
    """The yes/no questions of a written checklist, in order and without repeats.

    If lines with a number or a bullet have questions, only these count. The number, emphasis, a
    label ("Length: …") and what follows the question are left out. Questions that ask for more than
    yes or no ("What is …?"), speak to the reader ("Would you like …?"), quote another question at
    their end or have a gap ("Is it …?") do not count.
    """
    lines = [line.replace("**", "") for line in text.splitlines() if "?" in line]
    marked = [line for line in lines if _MARKER.match(line)]
    by_words: dict[str, str] = {}
    for line in marked or lines:
        for question in _of_line(line):
            if marked or _YES_NO.match(question):
                by_words.setdefault(" ".join(question.casefold().split()), question)
    return tuple(by_words.values())


def _of_line(line: str) -> Iterator[str]:
    bare = line
    if (marker := _MARKER.match(line)) is not None:
        bare = line[marker.end() :]
    for part in _ONE.split(bare[: bare.rindex("?") + 1]):
        question = part.strip(" \t\"'`“”*_")
        if (label := _LABEL.match(question)) is not None:
            question = question[label.end() :].strip(" \t\"'`“”*_")
        if question.endswith("?") and any(map(str.isalpha, question)) and not _unfit(question):
            yield question


def _unfit(question: str) -> bool:
    quoted = question.count('"') % 2 or question.count("“") != question.count("”")
    patterns = (_OPEN.match, _TO_THE_READER.match, _UNFILLED.search)
    return bool(quoted) or any(pattern(question) for pattern in patterns)
