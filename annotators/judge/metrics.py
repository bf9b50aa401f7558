"""Counts of what a judge did, and the figures that a stage shows of it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations

from annotators.judge.pairing import Comparison
from annotators.judge.parsing.verdicts import Verdict
from schemas import Findings


def count_verdict(counts: Counter[str], verdict: Verdict) -> None:
    """Count one question to the judge and its votes."""
    counts["judgements"] += 1
    counts["votes"] += verdict.votes
    counts["unread"] += verdict.unread
    counts["unanswered"] += not verdict.votes
    read = verdict.votes - verdict.unread
    if read > 1:
        counts["polled"] += read
        counts["dissent"] += verdict.dissent


def count_comparison(counts: Counter[str], comparison: Comparison) -> None:
    """Count one comparison of two responses."""
    counts["pairs"] += comparison.read
    counts["both orders"] += len(comparison.orders) == 2
    counts["flips"] += comparison.flipped
    counts["ties"] += comparison.tied
    counts["decided"] += sum(order != 0.5 for order in comparison.orders)
    counts["first won"] += sum(order > 0.5 for order in comparison.orders)


def count_ranking(counts: Counter[str], ranking: Sequence[int]) -> None:
    """Count one ranking. ``ranking`` lists the places as shown, the best first. It decides each of
    its pairs."""
    pairs = list(combinations(ranking, 2))
    counts["decided"] += len(pairs)
    counts["first won"] += sum(better < worse for better, worse in pairs)


def figures(counts: Mapping[str, int]) -> Findings:
    """The figures from the counts. A share of nothing is None.

    ``judgements``: questions to the judge; ``unanswered`` of them were refused by the model.
    ``votes``, and ``parse_failures``, the share of votes that could not be read. ``disagreement``:
    the share of readable votes that differ from the most frequent vote, for judgements with several
    votes. For comparisons: ``pairs``, the number that could be read; ``ties``, their share of ties;
    ``flips``, the share of pairs asked in both orders whose orders name different winners.
    ``first_position_wins``: the share of verdicts with a winner (and of all pairs that a ranking
    decides) in which the winner was shown first: 0.5 for a judge without position bias. A verdict
    by probability names its most likely answer.
    """
    counted = Counter(counts)
    shares: dict[str, float | None] = {
        name: counted[name] for name in ("judgements", "votes", "unanswered")
    }
    shares["parse_failures"] = _share(counted["unread"], counted["votes"])
    if counted["polled"]:
        shares["disagreement"] = _share(counted["dissent"], counted["polled"])
    if counted["pairs"] or counted["both orders"]:
        shares["pairs"] = counted["pairs"]
        shares["ties"] = _share(counted["ties"], counted["pairs"])
        shares["flips"] = _share(counted["flips"], counted["both orders"])
    if counted["decided"]:
        shares["first_position_wins"] = _share(counted["first won"], counted["decided"])
    return dict(shares)


def _share(part: int, total: int) -> float | None:
    return part / total if total else None
