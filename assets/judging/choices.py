"""Rows of RewardBench 2: one right response, or several, among wrong ones; each is graded alone.

Source: Malik et al. 2025, RewardBench 2 (arXiv:2506.01937): a row is right if the right response is
above all wrong ones; of w responses that share the highest grade, a right one counts 1/w. Of a row
with several right ones, such as those of the subset Ties, every right one must be above every wrong
one.
"""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import polars as pl

from engines.operators.scores import Score

SHAPE = "reward-bench-2"
"""The name of the shape."""


def texts_of(row: Mapping[str, Any]) -> tuple[str, list[str], list[str]] | str:
    """The prompt, the right responses and the wrong ones of a row; or why there are none."""
    prompt, right, wrong = (row.get(name) for name in ("prompt", "chosen", "rejected"))
    if not isinstance(prompt, str):
        return "the row has no text prompt"
    if not (isinstance(right, list) and isinstance(wrong, list) and right and wrong):
        return "the row has no lists chosen and rejected"
    texts = [*right, *wrong]
    if not all(isinstance(text, str) and text for text in texts):
        return "a response is not text"
    if len(set(texts)) < len(texts):
        return "two responses are the same"
    return prompt, right, wrong


def graded_choice(scores: Sequence[Score], right: int) -> dict[str, Any]:
    """The verdict on a row, by the grades of its responses.

    Args:
        scores: The score of each response, the right ones first.
        right: The number of right responses.

    Returns:
        Columns of `assets.judging.verdicts.COLUMNS`: ``gap``, the lowest grade of a right response
            less the highest of a wrong one; ``spread``, the highest grade of a right one less the
            lowest of one, null if there is one only.
    """
    masses = [one.mass for one in scores if one.mass is not None]
    common = {
        "mass": min(masses, default=None),
        "said": "\n".join(one.raw for one in scores if one.raw is not None) or None,
    }
    error = next((one.error for one in scores if one.value is None), None)
    # Expected grades that are equal may differ in their last bits.
    grades = [round(one.value, 9) for one in scores if one.value is not None]
    if len(grades) < len(scores):
        return {**common, "verdict": "unread", "credit": 0.0, "error": error}
    ours, others = grades[:right], grades[right:]
    gap = min(ours) - max(others)
    credit = float(gap > 0)
    if right == 1 and gap == 0:
        credit = 1 / grades.count(max(grades))
    verdict = "right" if credit == 1 else "tie" if credit else "wrong"
    spread = max(ours) - min(ours) if right > 1 else None
    return {**common, "verdict": verdict, "credit": credit, "gap": gap, "spread": spread}


def ties_score(table: pl.DataFrame) -> float | None:
    """RewardBench 2's score of its subset Ties, in [−0.01, 1.01]: ``ref:N`` names the row with one
    right response, ``tied:N`` that of the same question with several. None without rows of both.

    30 % are rows ``tied`` and 30 % rows ``ref`` that are right; 20 % rows ``tied`` whose ``gap`` is
    above their ``spread``, and 20 % those where the gap of the ``ref`` row is too; and a hundredth
    of the mean tanh(lower gap / spread − 1), which is 0 where both are 0. The last three are of
    numbers N that have both rows. A row that was not read is wrong, and has no gap.
    """
    rows: dict[str, dict[str, tuple[float, float | None, float | None]]] = {"ref": {}, "tied": {}}
    for name, credit, gap, spread in table.select("name", "credit", "gap", "spread").iter_rows():
        kind, _, number = (name or "").partition(":")
        if kind in rows:
            rows[kind][number] = (credit, gap, spread)
    ref, tied = rows["ref"], rows["tied"]
    both = ref.keys() & tied.keys()
    if not both:
        return None
    preferred, hard, margins = [], [], []
    for number in both:
        (_, of_ref, _), (_, of_tied, spread) = ref[number], tied[number]
        lower = None if of_ref is None or of_tied is None else min(of_ref, of_tied)
        preferred.append(of_tied is not None and spread is not None and of_tied > spread)
        hard.append(lower is not None and spread is not None and lower > spread)
        margins.append(0.0 if lower is None or spread is None else _margin(lower, spread))
    return (
        0.3 * fmean(credit == 1 for credit, *_ in tied.values())
        + 0.3 * fmean(credit == 1 for credit, *_ in ref.values())
        + 0.2 * fmean(preferred)
        + 0.2 * fmean(hard)
        + 0.01 * fmean(margins)
    )


def _margin(gap: float, spread: float) -> float:
    if spread == 0:
        return 0.0 if gap == 0 else math.copysign(1.0, gap)
    return math.tanh(gap / spread - 1)
