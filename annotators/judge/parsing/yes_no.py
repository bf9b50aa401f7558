"""Reads yes or no from a judge's text."""

import re

from annotators.judge.parsing.markup import plain
from annotators.judge.parsing.statements import (
    CLAUSE,
    SEPARATOR,
    UnparseableVerdict,
    lines,
    shortened,
    statements,
)

_LABEL = re.compile(
    rf"{CLAUSE}(?:(?:so|thus|therefore|the|my|final|short)[ ,]+)*"
    rf"(?:answer|verdict|judge?ment|result|decision|reply|response)(?:{SEPARATOR})",
    re.I | re.X | re.M,
)
_ANSWER = re.compile(
    r"[\W_]*(yes|no)\b(?=[\W_]*\Z|[\"'”’)\]]*[.,;:!\n(]|[ ]+[-–—(]|[ ]+because\b)", re.I
)
_SENTENCE = re.compile(r"\b(?:is|was|would be)\W*\Z", re.I)
"""The end of a label that may be the beginning of a sentence: "The response is clear"."""
_BOTH = re.compile(r"\W*(?:yes|no|maybe|partly|partially|mostly|somewhat)\b", re.I)
"""After a yes or no: it is not the answer, or only a part of it."""


def read_yes(text: str) -> bool:
    """Whether ``text`` answers yes: after a label ("Answer:"), as its first word, or as its last
    line.

    Raises:
        UnparseableVerdict: it answers neither ("No doubt, …"), or both.
    """
    words = plain(text)
    replies = [
        one.text
        for one in statements(words, _LABEL)
        if not (one.quoted or one.supposed)
        if _answer(one.text) is not None or not _SENTENCE.search(one.label[0])
    ]
    if not replies:
        all_lines = lines(words)
        replies = all_lines[:1] + [
            line for line in all_lines[1:][-1:] if re.fullmatch(r"\W*(?:yes|no)\W*", line, re.I)
        ]
    answers = {answer for answer in map(_answer, replies) if answer is not None}
    if len(answers) != 1:
        raise UnparseableVerdict(
            f"{'both yes and no' if answers else 'neither yes nor no'} in {shortened(text)}"
        )
    return answers.pop()


def _answer(text: str) -> bool | None:
    match = _ANSWER.match(text)
    if match is None or _BOTH.match(text, match.end()):
        return None
    return match[1].lower() == "yes"
