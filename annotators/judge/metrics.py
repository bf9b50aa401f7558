"""What a judge did, counted as it goes, and the figures that a stage shows of it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations

from annotators.judge.pairing import Comparison
from annotators.judge.parsing.verdicts import Verdict
from schemas import Findings


def count_verdict(counts: Counter[str], verdict: Verdict) -> None:
    """The judge was asked a question, which it may not have answered."""
    counts["judgements"] += 1
    counts["votes"] += verdict.votes
    counts["unread"] += verdict.unread
    counts["unanswered"] += not verdict.votes
    read = verdict.votes - verdict.unread
    if read > 1:
        counts["polled"] += read
        counts["dissent"] += verdict.dissent


def count_comparison(counts: Counter[str], comparison: Comparison) -> None:
    """Two responses were compared."""
    counts["pairs"] += comparison.read
    counts["both orders"] += len(comparison.orders) == 2
    counts["flips"] += comparison.flipped
    counts["ties"] += comparison.tied
    counts["decided"] += sum(order != 0.5 for order in comparison.orders)
    counts["first won"] += sum(order > 0.5 for order in comparison.orders)


def count_ranking(counts: Counter[str], ranking: Sequence[int]) -> None:
    """A list was ranked, ``ranking[0]`` (its place as shown) best; it decides each of its pairs."""
    pairs = list(combinations(ranking, 2))
    counts["decided"] += len(pairs)
    counts["first won"] += sum(better < worse for better, worse in pairs)


def figures(counts: Mapping[str, int]) -> Findings:
    """The figures that the counts give. A share of nothing is None.

    ``judgements``: questions to the judge, ``unanswered`` of which the model refused. ``votes``,
    and ``parse_failures``, the share that could not be read. ``disagreement``: of the votes
    read where a judgement has several, the share that differ from its commonest. Of comparisons:
    ``pairs`` read; ``ties``, the share of them; ``flips``, of those asked in both orders, the share
    whose orders name different winners; ``first_position_wins``, of all verdicts that name a winner
    (and of all pairs that a ranking decides), the share in which it was shown first: 0.5 of a judge
    without bias. By probability a verdict names its likeliest answer.
    """
    counted = Counter(counts)
    found: dict[str, float | None] = {
        name: counted[name] for name in ("judgements", "votes", "unanswered")
    }
    found["parse_failures"] = _share(counted["unread"], counted["votes"])
    if counted["polled"]:
        found["disagreement"] = _share(counted["dissent"], counted["polled"])
    if counted["pairs"] or counted["both orders"]:
        found["pairs"] = counted["pairs"]
        found["ties"] = _share(counted["ties"], counted["pairs"])
        found["flips"] = _share(counted["flips"], counted["both orders"])
    if counted["decided"]:
        found["first_position_wins"] = _share(counted["first won"], counted["decided"])
    return dict(found)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
