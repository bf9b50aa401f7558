"""What a judge said, read: grades, choices and rankings from words, and votes made one verdict.

A vote that does not say one thing clearly is `Unread`: it is never a score.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from statistics import fmean, median
from string import ascii_uppercase
from typing import Literal

from schemas import canonical

Aggregate = Literal["mean", "median", "majority"]

FIRST, SECOND, TIE = "A", "B", "C"
"""The answers to "which is better": the one shown first, the one shown second, neither."""
CREDIT = {FIRST: 1.0, SECOND: 0.0, TIE: 0.5}
"""What each of them is worth to the one shown first."""

_MARKS = "*_`[]()\"'"
# "4 to 5" is no grade.
_NUMBER = r"-?\d+(?:\.\d+)?(?!\.?\d)(?!\s*(?:[-–]|to|or|and)\s*\d)"
_OF = r"(?:\s*(?:/|out\s+of)\s*(\d+))?"
_LABELLED_GRADE = re.compile(
    rf"\b(?:score|rating|grade)\b[\s:={re.escape(_MARKS)}]*(?:(?:is|of)\s+)?({_NUMBER}){_OF}", re.I
)
_BARE_GRADE = re.compile(rf"({_NUMBER}){_OF}")
_CHOICE = (
    r"(?:(?i:response|answer|option)\s+)?([ABC])\b"
    # "A is better" chooses, "A careful answer" does not.
    r"(?!\s+(?!is\b|wins\b|because\b)[a-z])|\b(?i:(tie))\b"
)
_LABELLED_CHOICE = re.compile(
    rf"\b(?i:verdict|winner|better|choice|answer)\b[{re.escape(_MARKS)}]*\s*[:=]"
    rf"[\s{re.escape(_MARKS)}]*(?:{_CHOICE})"
)
_BARE_CHOICE = re.compile(_CHOICE)
_RANKING = re.compile(r"(?:.*:)?\s*([A-Z](?:[\s,>=]*[A-Z])*)")


class Unread(ValueError):
    """A vote that does not say one thing clearly; the message says why."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the judge said to one question: ``value`` None where no vote could be read.

    ``raw``: its own words, a JSON list of them where there are several votes. ``votes`` were
    asked for, ``unread`` of them could not be read, ``dissent`` of the others differ from the
    commonest. ``named``: what the answer that it names is worth; of a probability the likeliest
    one, where ``value`` is the expectation over all.
    """

    value: float | None
    raw: str | None
    error: str | None = None
    votes: int = 1
    unread: int = 0
    dissent: int = 0
    named: float | None = None


def read_grade(text: str, scale: tuple[int, int], pattern: str | None = None) -> float:
    """The grade that ``text`` gives, from ``scale[0]`` to ``scale[1]``.

    A grade stands after "Score:", "Rating:" or "Grade:" or is all there is. ``pattern``: a
    regular expression whose one group is the grade, instead. Raises `Unread` where there is none,
    one off the scale ("4/10" on a scale to 5 too), or two different ones.
    """
    low, high = scale
    if pattern is not None:
        found = [(grade, "") for grade in re.findall(pattern, text)]
    else:
        bare = _BARE_GRADE.fullmatch(text.strip(_MARKS + " \t\n."))
        matches = [bare] if bare else list(_LABELLED_GRADE.finditer(text))
        found = [(match[1], match[2] or "") for match in matches]
    if not found:
        raise Unread(f"no grade in {_quoted(text)}")
    if any(most and int(most) != high for _, most in found):
        raise Unread(f"a grade on another scale than {low} to {high} in {_quoted(text)}")
    try:
        grades = {float(grade) for grade, _ in found}
    except ValueError:
        raise Unread(f"what {pattern!r} finds in {_quoted(text)} is no number") from None
    if len(grades) > 1:
        raise Unread(f"different grades in {_quoted(text)}")
    grade = grades.pop()
    if not low <= grade <= high:
        raise Unread(f"grade {grade:g} is not from {low} to {high}")
    return grade


def read_choice(text: str, pattern: str | None = None) -> float:
    """What ``text`` is worth to the response shown first: 1 for "A", 0 for "B", 0.5 for "C" or
    "tie". It stands after "Verdict:", "Winner:", "Better:", "Choice:" or "Answer:", or is all
    there is. Raises `Unread` where there is none, or two different ones."""
    if pattern is not None:
        found = list(re.findall(pattern, text))
    else:
        bare = _BARE_CHOICE.fullmatch(text.strip(_MARKS + " \t\n."))
        matches = [bare] if bare else list(_LABELLED_CHOICE.finditer(text))
        found = [match[1] or TIE for match in matches]
    chosen = {choice.upper() for choice in found}
    if not chosen:
        raise Unread(f"no choice in {_quoted(text)}")
    if len(chosen) > 1:
        raise Unread(f"different choices in {_quoted(text)}")
    (choice,) = chosen
    if choice not in CREDIT:
        raise Unread(f"choice {choice!r} is none of {', '.join(CREDIT)}")
    return CREDIT[choice]


def read_ranking(text: str, count: int, pattern: str | None = None) -> list[int]:
    """Which of ``count`` responses (from 0, as shown) comes first, second, …: from letters, best
    first, on the last line ("B A C", "Ranking: B > A > C"). Raises `Unread` unless each letter
    is there once."""
    if pattern is not None:
        found = re.findall(pattern, text)
        line = found[-1] if found else ""
    else:
        lines = [line for line in text.splitlines() if line.strip()]
        matched = _RANKING.fullmatch(lines[-1].strip(_MARKS + " \t.")) if lines else None
        line = matched[1] if matched else ""
    letters = re.findall("[A-Z]", line)
    if sorted(letters) != list(ascii_uppercase[:count]):
        raise Unread(f"no ranking of {count} in {_quoted(text)}")
    return [ascii_uppercase.index(letter) for letter in letters]


def weighed(answers: Mapping[str, float], logprobs: Sequence[float]) -> Verdict:
    """The expected worth of ``answers``, Σ worth·p: ``logprobs`` are theirs (natural log), and
    normalised. ``raw`` is a JSON object of the probabilities. The likeliest answer is named, or
    where several are as likely the mean of these."""
    shares = dict(zip(answers, map(math.exp, logprobs), strict=True))
    # Floats that add up to a little more than 1 must not give more than the best answer.
    total = math.fsum(shares.values())
    value = math.fsum(answers[answer] * share for answer, share in shares.items()) / total
    most = max(shares.values())
    return Verdict(
        value,
        canonical({name: round(share, 4) for name, share in shares.items()}),
        named=fmean(answers[answer] for answer, share in shares.items() if share == most),
    )


def polled(
    texts: Sequence[str],
    read: Callable[[str], float],
    how: Aggregate,
    *,
    refused: Sequence[str | None] = (),
) -> Verdict:
    """The votes ``texts``, each read by ``read`` (which raises `Unread`), as one verdict.
    ``refused``: why a vote is not read, None where it is."""
    values: list[float] = []
    errors: list[Unread] = []
    for text, refusal in zip_longest(texts, refused):
        try:
            if refusal is not None:
                raise Unread(refusal)
            values.append(read(text))
        except Unread as error:
            errors.append(error)
    value = aggregated(values, how) if values else None
    return Verdict(
        value,
        raw=joined(texts),
        error=None if values else str(errors[0]),
        votes=len(texts),
        unread=len(errors),
        dissent=dissent(values),
        named=value,
    )


def joined(texts: Sequence[str]) -> str | None:
    """The words of several votes as a JSON list; of one, as they are; None of none."""
    if len(texts) == 1:
        return texts[0]
    return canonical(list(texts)) if texts else None


def aggregated(values: Sequence[float], how: Aggregate) -> float:
    """Votes as one value. ``majority``: the commonest, or the mean of those that are as common."""
    if how == "median":
        return float(median(values))
    if how == "majority":
        values = commonest(values)
    return fmean(values)


def commonest(values: Sequence[float]) -> list[float]:
    """The values that occur most often, in ascending order."""
    counts = Counter(values)
    most = max(counts.values())
    return sorted(value for value, count in counts.items() if count == most)


def dissent(values: Sequence[float]) -> int:
    """How many votes differ from the commonest."""
    return len(values) - max(Counter(values).values(), default=0)


def _quoted(text: str, longest: int = 80) -> str:
    short = " ".join(text.split())
    return repr(short if len(short) <= longest else short[:longest] + "…")
