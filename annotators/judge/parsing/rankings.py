"""Reads a ranking of responses from a judge's text."""

import re
from itertools import pairwise
from string import ascii_uppercase

from annotators.judge.parsing.markup import answered, plain
from annotators.judge.parsing.statements import UnparseableVerdict, lines, shortened

_NOUN = r"(?i:(?:responses?|answers?|assistants?|models?|options?|outputs?|candidates?)[ _:]?)"
_BARE = rf"(?:{_NOUN}[ ]?)?[A-Z]"
_NAME = rf"(?:{_BARE}|(?:{_NOUN}[ ]?)?(?:\({_BARE}\)|\[+{_BARE}\]+|[\"'“]{_BARE}[\"'”]))"
_THEN = (
    *(r"[ ]*[>≫≻≥]+=?[ ]*", r"[ ]*(?:->|=>|→)[ ]*", r"[ ]*/[ ]*", r"[ ]*;[ ]*", r"[ ]*\|[ ]*"),
    *(r"[ ]*[-–—][ ]*", r",?[ ](?:and[ ])?then[ ]", r",?[ ]followed[ ]by[ ]", r"[ ]+"),
)
"""What may separate the letters of a ranking; one ranking uses one separator."""
_DOWNWARD = (
    "|".join(rf"[\[(]?{_NAME}(?:{then}{_NAME})+[\])]?" for then in _THEN)
    + rf"|[\[(]?{_NAME}(?:,[ ]*{_NAME})*(?:,|,?[ ]and[ ])[ ]*{_NAME}[\])]?"
)
"""A ranking without words. Not compiled here: that takes 0.1 s, and few commands need it."""
_COMPARED = re.compile("|".join(rf"{_NAME}(?:{then}{_NAME})+" for then in _THEN[:2]))
"""A ranking with signs, which may be part of a sentence."""
_REASON = re.compile(
    r"[\s.]*|(?:,? (?:because|since|as|given|due to|with)\b|[.;:] | ?[-–—(])"
    r"(?!.*(?:\b(?:or|but|tie[ds]?|equal\w*|same|close\w*|maybe|perhaps|could|might|wait|actually"
    r"|though|however|swap\w*|worst)\b|[<>=≈~?])).*",
    re.I,
)
"""What may follow it: a reason."""
_ASIDE = re.compile(
    r"(?<=[A-Z]) ?\((?!tie|equal)[a-z ,]+\)(?=[ ]*[>≫≻→])|(?<=^[A-Z]) \(best\)"
    r"|(?<=[A-Z]) \((?:worst|best to worst)\)$"
)
"""A remark about one response inside a ranking."""
_SMALL = re.compile(r"[\[(]?[a-z](?:[ ,>→]+[a-z])+[\])]?")
_UPWARD = re.compile(rf"{_NAME}(?:[ ]*[<≪≺≤]+=?[ ]*{_NAME})+")
_NUMBERS = re.compile(r"\[?\d+\]?(?:[ ]*[>≫≻]+[ ]*\[?\d+\]?)+")
_GLUED = re.compile(r"[A-Z]{2,}")
_LETTER = re.compile(r"\b[A-Z]\b|[A-Z](?![a-z])")

_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")
_PLACE = re.compile(
    rf"""
    (?:^|(?<=[\s,;|]))[#\[(]? (?i:(?:rank|place|position|no\.?)[ \#:=]*)?
    (?:(?P<number>\d{{1,2}})(?i:st|nd|rd|th)?|(?i:(?P<word>{"|".join(_ORDINALS)})))
    (?i:[ ](?:place|rank))? (?:[ ]*[.):\]=|–—,-][ .):\]=|–—,-]*|[ ]+(?=[\[(]))
    {_NOUN}?[ ]?[\[(\"'“]*(?P<letter>[A-Z])\b[\])\"'”]*(?=\W*$|[ ]*[:,.;|(–—-]|[ ]+\d)
    """,
    re.M | re.X,
)
"""A letter after its place: "1. B", "2nd: Response A", "rank 3: C", "First: B"."""
_RANKED = re.compile(
    r"\b(?P<letter>[A-Z])[\])\"'”]*[ ]*[,:=|(–—-]*[ ]*"
    r"(?i:rank(?:ed|s)?|place)[ #:=]*(?P<number>\d{1,2})\b"
)
"""A letter before its place: "C, rank 3"."""

_SEPARATOR = re.compile(r"(?::|(?<![<>=])=(?!=)|\bis\b:?)[ ]*")
_LABEL = re.compile(r"\b(?:rank\w*|order\w*|final|verdict|answer|result|best|preferences?)\b", re.I)
_ANY = re.compile("")
_I_RANK = re.compile(
    r"(?:^|[.,;:!] )(?:I|We)(?:['’]d| would| will)? (?:rank|order) (?:them|these|the \w+)"
    r"(?: as(?: follows)?)?[ ]+"
)
_LONGEST = 60
"""The maximum length of a heading, in characters."""
_MARKED = re.compile(r"^\[\[([^\[\]]+)\]\]$")
_WORST_FIRST = re.compile(
    r"\b(?:worst|lowest|least|weakest)[ \w]*(?:to|first|->|→)|\bascending\b|\bties?:"
    r"|\b(?:from|by) worst\b",
    re.I,
)
_DENIED = re.compile(
    r"\b(?:not|never|instead of|rather than|wrong|no|wrote|writes|claim\w*|says?|said|asks?|asked"
    r"|wants?|states?|stated|demand\w*|would be|tempting)\b|n['’]t\b",
    re.I,
)
"""A ranking that is denied, or in another person's words."""


def read_ranking(text: str, count: int, pattern: str | None = None) -> list[int]:
    """The order of ``count`` responses (numbered from 0, as shown), best first.

    A ranking is their letters in order on one line, after a label or on the last line ("B > A > C",
    "Ranking: B, A, C", "BAC"), or one letter a line, or a place for each ("1. B", "first: B").
    ``pattern`` replaces these rules: a regular expression whose one group is the letters.

    Raises:
        UnparseableVerdict: a response is missing or named twice, some are tied, or two rankings
            differ.
    """
    if pattern is not None:
        matches = re.findall(pattern, answered(text))
        rankings = [re.findall("[A-Z]", matches[-1])] if matches else []
    else:
        rankings = _rankings(plain(text))
    named = list(ascii_uppercase[:count])
    if not rankings or any(sorted(one) != named for one in rankings):
        raise UnparseableVerdict(f"no ranking of {count} in {shortened(text)}")
    if any(one != rankings[0] for one in rankings):
        raise UnparseableVerdict(f"different rankings in {shortened(text)}")
    return [named.index(letter) for letter in rankings[0]]


def _rankings(words: str) -> list[list[str]]:
    """All rankings in ``words``, by the most reliable rule that finds any."""
    if _WORST_FIRST.search(words):
        return []
    all_lines = lines(words)
    rankings = [letters for line in all_lines for letters in _labelled(line, _LABEL)]
    rankings += [
        letters
        for heading, line in pairwise(all_lines)
        if _LABEL.search(heading) and not _DENIED.search(heading) and len(heading) <= _LONGEST
        for letters in [_letters(line)]
        if letters
    ]
    rankings += [letters for letters in map(_letters, all_lines[:1] + all_lines[-1:]) if letters]
    rankings += _column(all_lines)
    if not rankings and all_lines:
        rankings = _labelled(all_lines[-1], _ANY)
    places = _places(words)
    return [*rankings, places] if len(places) > 1 else rankings


def _column(all_lines: list[str]) -> list[list[str]]:
    """The letters on lines of their own, below a heading or alone."""
    if len(all_lines) > 1 and _LABEL.search(all_lines[0]) and not _DENIED.search(all_lines[0]):
        all_lines = all_lines[1:]
    names = [re.fullmatch(_NAME, line.strip(" .,")) for line in all_lines]
    letters = [_LETTER.findall(one[0])[-1] for one in names if one]
    return [letters] if len(letters) > 1 and len(letters) == len(all_lines) else []


def _labelled(line: str, label: re.Pattern[str]) -> list[list[str]]:
    """The letters in a line after ``label`` and the first or last separator."""
    starts = [separator.end() for separator in _SEPARATOR.finditer(line)]
    starts += [match.end() for match in _I_RANK.finditer(line)]
    for start in starts[:1] + starts[-1:]:
        before, letters = line[:start], _letters(line[start:])
        if letters and label.search(before) and not _DENIED.search(before):
            return [letters]
    return []


def _letters(line: str) -> list[str]:
    """The letters of a line that contains only letters in order; else empty."""
    line = _ASIDE.sub("", _MARKED.sub(r"\1", line.strip(" .|")))
    if _SMALL.fullmatch(line):
        line = line.upper()
    if _UPWARD.fullmatch(line):
        return _LETTER.findall(line)[::-1]
    if _NUMBERS.fullmatch(line):
        numbers = map(int, re.findall(r"\d{1,2}", line))
        return [ascii_uppercase[number - 1] for number in numbers if 0 < number <= 26]
    if re.fullmatch(_DOWNWARD, line) or _GLUED.fullmatch(line):
        return _LETTER.findall(line)
    compared = _COMPARED.match(line)
    if compared and _REASON.fullmatch(line, compared.end()):
        return _LETTER.findall(compared[0])
    return []


def _places(words: str) -> list[str]:
    """The letters in the order of their places in ``words``; empty if a place or a letter is
    repeated."""
    for pattern in (_RANKED, _PLACE):
        given = {(_number(one), one["letter"]) for one in pattern.finditer(words)}
        if given and sorted(number for number, _ in given) == list(range(1, len(given) + 1)):
            return [letter for _, letter in sorted(given)]
    return []


def _number(match: re.Match[str]) -> int:
    named = match.groupdict()
    word = named.get("word")
    return int(named["number"]) if not word else _ORDINALS.index(word.lower()) + 1
