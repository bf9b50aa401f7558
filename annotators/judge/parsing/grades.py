"""Reads a grade from a judge's text."""

import re

from annotators.judge.parsing.markup import answered, plain
from annotators.judge.parsing.statements import (
    CLAUSE,
    SEPARATOR,
    UnparseableVerdict,
    lines,
    rest_of_line,
    shortened,
    statements,
    supposed,
)

_NUMBER = r"(?:\d+(?:\.\d+)?|\.\d+)"
_UNIT = r"(?:[ -]?(?:stars?|points?|pts?|marks?)\b|[ ]?[★⭐])?"
_VALUE = re.compile(
    rf"""
    (?:an?[ ])? [\[({{"'“\s]* (?P<grade>[-+]?{_NUMBER}) [\])}}"'”]* {_UNIT}
    (?P<percent>[ ]?(?:%|percent\b))?
    (?:\s*\(?\s*(?:/|(?:out[ ])?of(?:[ ]a)?(?:[ ](?:possible|maximum|total))?(?:[ ]of)?
            |\b(?:von|sur|sobre|de|su|di|van|av)\b)
        \s*[\[(]*(?P<most>{_NUMBER})[\])]*{_UNIT})?
    [\])}}"'”]*
    (?P<rest>\Z|\s*[.,;:!|]+(?:\s.*)?\Z|\s*[-–—(\[,].*|\s+(?:=\s+)?[a-z].*|\s*\Z)
    """,
    re.I | re.X | re.S,
)
"""A grade at the beginning of a text."""
_ANOTHER = re.compile(
    rf"\s*(?:[-–—~→,/&+=:|]|->|=>|to\b|or\b|and\b|vs\b)[\s\[(\"'+-]*{_NUMBER}"
    rf"|.*\b(?:or|maybe|perhaps|possibly|could be|might be|closer to|wait)\b[^.\n]{{0,20}}?"
    rf"{_NUMBER}"
    r"|.*\b(?:no|rather|actually|correction|reflection|sorry|(?:make|scratch) (?:it|that))\b"
    r"(?:[\s,:;–—-]|\b(?:an?|it|is|i|would|say|give|to|this)\b|['’](?:d|s)\b)*"
    rf"{_NUMBER}(?=\W*\Z|[.,;!)]\s|\s*/)"
    rf"|[^.,;(\n]*\b(?:score|rating|grade)\W{{1,4}}{_NUMBER}"
    r"|\s*(?:for|in|on)\s[^.\n]*\d[^.\n]*\s(?:for|in|on)\s"
    r"|\s+(?:if|unless|once|assuming|provided|or|plus|minus|times|at (?:best|most|least))\b"
    r"|\s*(?:and|,)\s*a\s*(?:half|quarter)|\s*[-–—]\s*(?:ish\b|\Z)",
    re.I,
)
"""Text after a grade that makes it unclear: a range, a second option, a fraction."""
_SCALE = re.compile(rf"(?:\d\s*(?:-|–|—|to)|out of|/|max\w*\W)\s*({_NUMBER})", re.I)
_ON_SCALE = re.compile(rf"\bscale\D{{0,12}}\d+\s*(?:-|–|—|to)\s*({_NUMBER})", re.I)
"""The end of a scale: next to a label, and anywhere."""
_IN_WORDS = re.compile(
    r"\A(?:very )?(?:excellent|outstanding|perfect|great|good|fair|average|poor|bad)\s+"
    r"(?=\(\s*[\d.]+\s*(?:/|out of)\s*\d)",
    re.I,
)
"""A grade in words before the same in digits: "Excellent (5/5)"."""
_UNDERSCORE = re.compile(r"(?<=[a-z])_(?=(?:score|rating|grade)\b)", re.I)
_STARS = re.compile(r"(?<!\d)(?<!\d )([★⭐]+)(☆*)")
_REASON = re.compile(r"(?:\s*[.!,;:]*\s*|\s*(?:[-–—,:(]|\s(?:because|since)\b)\D*)", re.I)
"""What may follow a grade without a label: nothing, or a reason."""
_FRACTION = re.compile(
    r"(?:(?:so|thus|overall)[ ,]+)?(?:(?:it|this)(?:['’]s| is) |i['’]d say )?(?:rated )?"
    rf"(?:an? (?:[a-z]+ ){{0,2}})?(?={_NUMBER} ?(?:/|out of))",
    re.I,
)
"""What may come before a grade without a label that names its scale: "A solid 7/10"."""
_PUNCTUATION = re.compile(r"[\s.!]*")
_MARKED = re.compile(r"\[\[([^\[\]\n]{1,20})\]\]")

_LABEL = re.compile(
    rf"""
    {CLAUSE} (?P<words>(?:[a-z'’]+[ \t]+){{0,5}}?)
    (?:(?P<noun>score|rating|grade)|(?:final|overall|total|verdict|judge?ment|assessment
        |result|evaluation|correction|on[ ]a[ ]scale)
        (?:[ ](?:quality|evaluation|assessment|verdict|judge?ment|result))?)
    (?P<aside>[ \t]*[(\[][^()\[\]\n]{{0,60}}[)\]]
        |[ \t]+(?:on|for|from|of|out)[ \t][^:\n]{{1,40}}?(?=:|[ ]is[ ]))?
    (?:{SEPARATOR}|[ \t]+(?=-?\d[\d./]*\W*$))
    """,
    re.I | re.X | re.M,
)
_OF = r"(?P<{}>(?:score|rating|grade|mark)[ ]of[ ])"
_SENTENCE = re.compile(
    rf"""
    (?P<gives>
        (?:\b(?:i|we)(?:['’](?:d|ll)|[ ](?:would|will))?[ ](?:(?:therefore|thus|also)[ ])?
            (?:(?:give|gave|rate|grade|score|assign|award)[ ](?:it|this|that|the)
                (?:[ ][\w'’]+){{0,3}}?
            |(?:give|say|award|assign)
                (?=[ ](?:an?[ ])?[\d.]+(?:[ ]?(?:points?[ ])?(?:/|out[ ]of)[ ]?\d+)?
                    (?:[.,;!]|\s*$|[ ](?:because|since)\b)
                |[ ]an?[ ](?:(?:overall|final|total)[ ])?(?:score|rating|grade|mark)[ ]of[ ]))
        |\b(?:deserves|earns|merits|warrants|gets|receives)
        |\bscores(?=[ ]\d[\d.]*[ ]?(?:/|out[ ]of)[ ]?\d+\W*$))
        [ ](?:(?:as|at|with)[ ])?(?:an?[ ])?(?:(?:overall|final|total)[ ])?
    )
    (?:{_OF.format("given_of")}|(?=[\[(]*\d))
    |\b{_OF.format("of")}
    """,
    re.I | re.X,
)
"""A sentence that gives a grade ("I give it a 4"), or names one ("a score of 4")."""
_NEEDS = re.compile(
    r"\W*(?:would|needs?|requires?|means?|could|might|must|implies|calls|demands|goes|if|is\s"
    r"(?:for|only|reserved|given))\b",
    re.I,
)
_BOUND = re.compile(
    r"\b(?:between|above|below|over|under|around|about|near\w*|almost|not|than|least|most|up to)\b",
    re.I,
)
"""Words with which a sentence does not give a grade."""
_OF_THE_WHOLE = re.compile(
    r"(?:(?:an?|and|answer's|assigned|assessment|conclusion|evaluation|final|first|given|gets|hence|i"
    r"|in|initial|is|it's|its|judge's|my|numeric|numerical|our|overall|preliminary|previous|quality"
    r"|response's|resulting|say|single|so|that|the|therefore|this|thus|total|would|your)\s+)*",
    re.I,
)
"""Words before "score" that mark the overall grade; other words mark a criterion."""
_NO_GRADE = re.compile(
    r"\b(?:baseline|best|confidence|expected|full|highest|human|lowest|max|maximum|min|minimum"
    r"|passing|perfect|possible|reference|target|top|worst)\b"
    r"|\b(?:output|print|write|return|give|say|with)\s*\Z",
    re.I,
)


def read_grade(text: str, scale: tuple[int, int], pattern: str | None = None) -> float:
    """The grade in ``text``, from ``scale[0]`` to ``scale[1]``.

    A grade follows a label ("Score:", "Final rating:", a heading), or is given in a sentence ("I
    give it a 4"), or is a line of its own ("A solid 4/5"). An overall grade comes before grades of
    criteria. ``pattern`` replaces these rules: a regular expression whose one group is the grade.

    Raises:
        UnparseableVerdict: there is no grade, or it is not on the scale ("4/10" on a scale to 5
            too), or there are two different grades, even if one of them is only quoted or
            mentioned.
    """
    low, high = scale
    if pattern is not None:
        grades = {_number(one, pattern) for one in re.findall(pattern, answered(text))}
    else:
        grades = _grades(plain(text), high)
    if not grades:
        raise UnparseableVerdict(f"no grade in {shortened(text)}")
    if len(grades) > 1:
        raise UnparseableVerdict(f"different grades in {shortened(text)}")
    (grade,) = grades
    if not low <= grade <= high:
        raise UnparseableVerdict(f"grade {grade:g} is not from {low} to {high}")
    return grade


def _grades(words: str, high: int) -> set[float]:
    """All grades in ``words``, by the most reliable rule that finds any."""
    words = _UNDERSCORE.sub(" ", _STARS.sub(_counted, words))
    if any(float(end) != high for end in _ON_SCALE.findall(words)):
        raise UnparseableVerdict(f"a grade on another scale than one to {high}: {shortened(words)}")
    overall: list[float] = []
    criteria: list[float] = []
    doubts: list[float] = []
    for one in statements(words, _LABEL):
        about = one.label["words"]
        if one.supposed or _NO_GRADE.search(about):
            continue
        grade = _value(one.text, high, one.label["aside"] or "")
        if grade is None:
            if one.label["noun"] and one.text[:1].isdecimal():
                return set()
        elif one.quoted:
            doubts.append(grade)
        else:
            (overall if _OF_THE_WHOLE.fullmatch(about) else criteria).append(grade)
    given, named = _in_sentences(words, high)
    doubts += named
    if overall:
        return {*overall, *doubts, *_own_lines(words, high)}
    if criteria:
        return {*criteria, *doubts} if len(criteria) == 1 else set()
    grades = {*given, *_own_lines(words, high), *_marked(words, high)}
    return grades | {*doubts} if grades else grades


def _in_sentences(words: str, high: int) -> tuple[list[float], list[float]]:
    """The grades that sentences give, and those that they only name."""
    given, named = [], []
    for match in _SENTENCE.finditer(words):
        line = rest_of_line(words, match.end())
        value = _VALUE.match(line)
        if value is None or _NEEDS.match(value["rest"]) or _BOUND.search(match[0]):
            continue
        if supposed(words, match.start()):
            continue
        grade = _value(line, high)
        if grade is None:
            continue
        if match["given_of"] or match["of"]:
            named.append(grade)
        if match["gives"] or words[: match.start()].strip() in ("", "A", "a"):
            given.append(grade)
    return given, named


def _own_lines(words: str, high: int) -> list[float]:
    """The grade that is the whole of the first or the last line, or the only line with a reason."""
    all_lines = lines(words)
    may_follow = _REASON if len(all_lines) == 1 else _PUNCTUATION
    grades = []
    for line in all_lines[:1] + all_lines[-1:]:
        lead = _FRACTION.match(line)
        if lead is not None and not supposed(line, lead.end()):
            line = line[lead.end() :]
        value = _VALUE.match(line)
        if (
            value is not None
            and (may_follow.fullmatch(value["rest"]) or _explained(value, all_lines))
            and not _is_item(line, all_lines)
        ):
            grades.append(_value(line, high))
    return [grade for grade in grades if grade is not None]


def _explained(value: re.Match[str], all_lines: list[str]) -> bool:
    """Whether a grade that names its scale begins the only line: "4/5 - right, but 2 typos"."""
    alone = len(all_lines) == 1 and value["most"] is not None
    return alone and re.match(r"\s*[-–—:]\s", value["rest"]) is not None


def _is_item(line: str, all_lines: list[str]) -> bool:
    """Whether a line that begins with a number is an item of a list, by its neighbours in the
    list."""
    number = re.match(r"\d{1,3}", line)
    neighbours = () if number is None else (int(number[0]) - 1, int(number[0]) + 1)
    return any(
        other.startswith((f"{one}.", f"{one})")) for one in neighbours for other in all_lines
    )


def _marked(words: str, high: int) -> list[float]:
    """The grades in double brackets, if one of them ends the text."""
    marked = list(_MARKED.finditer(words))
    if not marked or words[marked[-1].end() :].strip(" .!\n"):
        return []
    grades = [_value(one[1], high) for one in marked]
    return [grade for grade in grades if grade is not None]


def _value(words: str, high: int, aside: str = "") -> float | None:
    """The grade at the beginning of ``words``, if it is clear.

    Raises:
        UnparseableVerdict: the grade is on another scale than to ``high``.
    """
    value = _VALUE.match(_IN_WORDS.sub("", words))
    if value is None or _ANOTHER.match(value["rest"]):
        return None
    ends = [value["most"], value["percent"] and "100", *_SCALE.findall(aside)[-1:]]
    if any(end is not None and float(end) != high for end in ends):
        raise UnparseableVerdict(f"a grade on another scale than one to {high}: {shortened(words)}")
    return float(value["grade"])


def _counted(stars: re.Match[str]) -> str:
    given, missing = len(stars[1]), len(stars[2])
    return f"{given}/{given + missing}" if missing else str(given)


def _number(text: str, pattern: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UnparseableVerdict(
            f"what {pattern!r} finds, {shortened(text)}, is no number"
        ) from None
