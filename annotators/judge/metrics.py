"""What a judge did, counted as it goes, and the figures that a stage shows of it.

The counts lie in ``context.findings`` while the stage runs, so those of the probes, which are run
with findings of their own, are not among them.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from typing import Any

from annotators.judge.pairing import Comparison
from annotators.judge.parsing.verdicts import Verdict

_COUNTS = "counted"


def count_verdict(findings: dict[str, Any], verdict: Verdict) -> None:
    """The judge was asked a question, which it may not have answered."""
    counts = _counts(findings)
    counts["judgements"] += 1
    counts["votes"] += verdict.votes
    counts["unread"] += verdict.unread
    counts["unanswered"] += not verdict.votes
    read = verdict.votes - verdict.unread
    if read > 1:
        counts["polled"] += read
        counts["dissent"] += verdict.dissent


def count_comparison(findings: dict[str, Any], comparison: Comparison) -> None:
    """Two responses were compared."""
    counts = _counts(findings)
    counts["pairs"] += comparison.read
    counts["both orders"] += len(comparison.orders) == 2
    counts["flips"] += comparison.flipped
    counts["ties"] += comparison.tied
    counts["decided"] += sum(order != 0.5 for order in comparison.orders)
    counts["first won"] += sum(order > 0.5 for order in comparison.orders)


def count_ranking(findings: dict[str, Any], ranking: Sequence[int]) -> None:
    """A list was ranked, ``ranking[0]`` (its place as shown) best; it decides each of its pairs."""
    counts = _counts(findings)
    pairs = list(combinations(ranking, 2))
    counts["decided"] += len(pairs)
    counts["first won"] += sum(better < worse for better, worse in pairs)


def tell(findings: dict[str, Any]) -> None:
    """Put figures in the place of the counts. A share of nothing is None.

    ``judgements``: questions to the judge, ``unanswered`` of which the model refused. ``votes``,
    and ``parse_failures``, the share that could not be read. ``disagreement``: of the votes
    read where a judgement has several, the share that differ from its commonest. Of comparisons:
    ``pairs`` read; ``ties``, the share of them; ``flips``, of those asked in both orders, the share
    whose orders name different winners; ``first_position_wins``, of all verdicts that name a winner
    (and of all pairs that a ranking decides), the share in which it was shown first: 0.5 of a judge
    without bias. By probability a verdict names its likeliest answer.
    """
    counts = findings.pop(_COUNTS, Counter())
    findings |= {name: counts[name] for name in ("judgements", "votes", "unanswered")}
    findings["parse_failures"] = _share(counts["unread"], counts["votes"])
    if counts["polled"]:
        findings["disagreement"] = _share(counts["dissent"], counts["polled"])
    if counts["pairs"] or counts["both orders"]:
        findings["pairs"] = counts["pairs"]
        findings["ties"] = _share(counts["ties"], counts["pairs"])
        findings["flips"] = _share(counts["flips"], counts["both orders"])
    if counts["decided"]:
        findings["first_position_wins"] = _share(counts["first won"], counts["decided"])


def _counts(findings: dict[str, Any]) -> Counter[str]:
    counts: Counter[str] = findings.setdefault(_COUNTS, Counter())
    return counts


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
