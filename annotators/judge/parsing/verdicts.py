"""Verdicts of a judge: its votes, read as grades, choices or rankings and aggregated.

A vote without one clear verdict raises `UnparseableVerdict` and is never a score.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from statistics import fmean, median
from typing import Literal

from annotators.judge.parsing.choices import CREDIT, read_choice
from annotators.judge.parsing.grades import read_grade
from annotators.judge.parsing.rankings import read_ranking
from annotators.judge.parsing.statements import UnparseableVerdict
from schemas import canonical

__all__ = [
    "CREDIT",
    "Aggregate",
    "UnparseableVerdict",
    "Verdict",
    "aggregated",
    "commonest",
    "dissent",
    "joined",
    "polled",
    "read_choice",
    "read_grade",
    "read_ranking",
    "weighed",
]

Aggregate = Literal["mean", "median", "majority"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict of a judge on one question. ``value`` is None if no vote could be read.

    ``raw``: the judge's text, or a JSON list of texts if there are several votes. ``votes``: the
    number of votes; ``unread``: how many could not be read; ``dissent``: how many of the others
    differ from the most frequent vote. ``named``: the value of the named answer. For a verdict by
    probability that is the most likely answer, and ``value`` is the expected value. ``mass``: for a
    verdict by probability, the probability of all allowed answers, in [0, 1], if it is known.
    """

    value: float | None
    raw: str | None
    error: str | None = None
    votes: int = 1
    unread: int = 0
    dissent: int = 0
    named: float | None = None
    mass: float | None = None


def weighed(
    answers: Mapping[str, float], logprobs: Sequence[float], *, mass: float | None = None
) -> Verdict:
    """The expected value of ``answers``, Σ value·p.

    Args:
        answers: the value of each answer.
        logprobs: their log-probabilities (natural log); they are normalised here.
        mass: the probability of all answers together, in [0, 1]; None if it is not known.

    Returns:
        The verdict. ``raw`` is a JSON object of the probabilities. ``named`` is the value of
            the most likely answer, or the mean if several are equally likely.
    """
    shares = dict(zip(answers, map(math.exp, logprobs), strict=True))
    # Probabilities may sum to slightly more than 1; the result must not exceed the best answer.
    total = math.fsum(shares.values())
    value = math.fsum(answers[answer] * share for answer, share in shares.items()) / total
    most = max(shares.values())
    return Verdict(
        value,
        canonical({name: round(share, 4) for name, share in shares.items()}),
        named=fmean(answers[answer] for answer, share in shares.items() if share == most),
        mass=mass,
    )


def polled(
    texts: Sequence[str],
    read: Callable[[str], float],
    how: Aggregate,
    *,
    refused: Sequence[str | None] = (),
) -> Verdict:
    """The votes ``texts`` as one verdict.

    Args:
        texts: the votes.
        read: reads one vote, or raises `UnparseableVerdict`.
        how: how the votes are aggregated.
        refused: for each vote why it is not read, or None.
    """
    values: list[float] = []
    errors: list[UnparseableVerdict] = []
    for text, refusal in zip_longest(texts, refused):
        try:
            if refusal is not None:
                raise UnparseableVerdict(refusal)
            values.append(read(text))
        except UnparseableVerdict as error:
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
    """One text unchanged; several texts as a JSON list; None if there are none."""
    if len(texts) == 1:
        return texts[0]
    return canonical(list(texts)) if texts else None


def aggregated(values: Sequence[float], how: Aggregate) -> float:
    """The votes as one value. ``majority``: the most frequent one, or the mean of the most frequent
    ones."""
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
    """The number of votes that differ from the most frequent one."""
    return len(values) - max(Counter(values).values(), default=0)
