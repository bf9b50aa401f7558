"""How texts are cut into words and sentences."""

import re

_WORD = re.compile(r"\d+(?:[.,]\d+)+|[^\W_]+(?:['’-][^\W_]+)*")
_STOP = re.compile(r"(?P<mark>[.!?…]+)(?P<closing>[\"'”’)\]*_]*)\s+")
_OPENING = "\"'“‘([*_"
_ABBREVIATION = re.compile(r"(?:^\W*\d+|\b(?:[A-Za-z]|Dr|Mr|Mrs|Ms|St|vs|approx))\.$")
_FEWEST_WORDS = 2
"""A sentence has at least so many words: a heading or a single word is none."""


def words(text: str) -> list[str]:
    """The words of a text in lower case. ``well-known``, ``don't`` and ``1,000`` are one each."""
    return [word.casefold().replace("’", "'") for word in _WORD.findall(text)]


def sentences(text: str) -> list[str]:
    """The sentences of a text. A line break ends one too. The period of an abbreviation, of an
    initial, or of the number of a list does not."""
    found = []
    for line in text.splitlines():
        begin = 0
        for stop in _STOP.finditer(line):
            before = line[begin : stop.end()].strip()
            after = line[stop.end() :].lstrip(_OPENING)
            # He said "Why?" and left. It was ... large.
            inside = stop["closing"] or stop["mark"] in ("...", "…")
            if not (_ABBREVIATION.search(before) or (inside and after[:1].islower())):
                found.append(before)
                begin = stop.end()
        found.append(line[begin:].strip())
    return [each for each in found if words(each)]


def whole_sentences(text: str) -> int | None:
    """The number of sentences, or None if one of them has a single word."""
    found = sentences(text)
    return len(found) if all(len(words(each)) >= _FEWEST_WORDS for each in found) else None
