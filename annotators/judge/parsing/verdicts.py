"""What a judge said: grades, choices and rankings read from its words, and votes made one verdict.

A vote that does not say one thing clearly is `UnparseableVerdict`: it is never a score.
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
