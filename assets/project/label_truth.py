"""Correctness of responses and labels, from the check of each prompt's source.

The scores of a recipe's annotators are not used.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from engines.checks import BoundedCheck, CheckError, bounded
from engines.operators.step_ends import line_ends
from kernels.ranks import kendall
from schemas import named_rows


class LabelCounts(NamedTuple):
    """How many labels of pairs are right, of those that can be checked. If both answers are right,
    or both are wrong, no label could be: such pairs are counted apart."""

    right: int = 0
    wrong: int = 0
    both_right: int = 0
    both_wrong: int = 0

    @property
    def accuracy(self) -> float | None:
        """The share in [0, 1] of right labels among the pairs with one right answer; None if there
        is no such pair."""
        decided = self.right + self.wrong
        return self.right / decided if decided else None

    @property
    def others(self) -> str:
        """The pairs that have no right label, in words; empty if there are none."""
        counts = {"both right": self.both_right, "both wrong": self.both_wrong}
        return ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)

    def __str__(self) -> str:
        decided = self.right + self.wrong
        if not decided + self.both_right + self.both_wrong:
            return "no pair's truth can be known"
        if not decided:
            return f"no pair has just one right answer ({self.others})"
        share = f"{self.right / decided:.1%}"
        if not self.others:
            return share
        pairs = "pair" if decided == 1 else "pairs"
        return f"{share} of {decided:,} {pairs} with one right answer ({self.others})"


def label_counts(
    pairs: pl.DataFrame, prompts: pl.DataFrame, checks: Mapping[str, str]
) -> LabelCounts:
    """The number of pairs with right and wrong labels.

    For an unfinished answer, its last step is checked. A pair is not counted if it cannot be
    checked: there is no check, the reference is missing or cannot be read, the check gave no
    result, or it cannot check steps.

    Args:
        pairs: A `schemas.Pairs` table.
        prompts: Their prompts.
        checks: The import path of each source's check, by the name of the source.
    """
    counts = Counter(_sides(pairs, prompts, checks))
    kinds = ((True, False), (False, True), (True, True), (False, False))
    return LabelCounts(*(counts[kind] for kind in kinds))


def pair_labels(
    pairs: pl.DataFrame, prompts: pl.DataFrame, checks: Mapping[str, str]
) -> list[bool | None]:
    """For each pair, whether its label is right.

    Returns:
        Bool[pairs]: True if only the chosen answer is right, False if only the rejected one is.
        None if both or neither are right, or if that cannot be checked.
    """
    return [
        None if chosen is None or rejected is None or chosen == rejected else chosen
        for chosen, rejected in _sides(pairs, prompts, checks)
    ]


def right_responses(
    responses: pl.DataFrame, prompts: pl.DataFrame, checks: Mapping[str, str]
) -> list[bool | None]:
    """For each response, whether it is right.

    Args:
        responses: Columns ``prompt_id`` and ``text``. If a column ``ended`` is False, the response
            is unfinished and its last step is checked.
        prompts: Their prompts.
        checks: The import path of each source's check, by the name of the source.

    Returns:
        Bool[responses]. None if it cannot be checked, and for a response that was cut off at the
        token limit.
    """
    ended = pl.col("ended") if "ended" in responses.columns else pl.lit(True)
    results = _right(responses.select("prompt_id", "text", ended).iter_rows(), prompts, checks)
    if "finish" not in responses.columns:
        return results
    truncated = responses["finish"].cast(pl.String) == "length"
    return [None if cut else right for right, cut in zip(results, truncated, strict=True)]


def ranked_pairs(
    responses: pl.DataFrame, scores: pl.DataFrame, prompts: pl.DataFrame, checks: Mapping[str, str]
) -> pl.DataFrame:
    """Count the pairs of a right and a wrong response that scores rank correctly.

    Only responses with a score of the complete response count.

    Returns:
        One row for each prompt: ``prompt_id``; ``count``, the number of pairs; ``hits``, the
        number of pairs whose right response scores higher. A tie counts as half a hit.
    """
    scored = known_responses(responses, prompts, checks).join(
        mean_scores(scores).drop_nulls(), on="response_id"
    )
    right = scored.filter("right").select("prompt_id", right_value="value")
    wrong = scored.filter(~pl.col("right")).select("prompt_id", wrong_value="value")
    better = (pl.col("right_value") > pl.col("wrong_value")).cast(pl.Float64)
    same = (pl.col("right_value") == pl.col("wrong_value")).cast(pl.Float64)
    return by_prompt(right.join(wrong, on="prompt_id"), better + same / 2)


def rank_agreement(
    responses: pl.DataFrame, scores: pl.DataFrame, prompts: pl.DataFrame, checks: Mapping[str, str]
) -> float | None:
    """Kendall's tau-b of scores with what is right, in [−1, 1]: its mean over the prompts with a
    right and a wrong response. It is 0 of a prompt without scores, or whose scores are all equal.

    Returns:
        None if there is no such prompt.
    """
    checked = known_responses(responses, prompts, checks)
    both = checked.join(mean_scores(scores), on="response_id", how="left").filter(
        pl.col("right").n_unique().over("prompt_id") > 1
    )
    groups = both["prompt_id"].rank("dense").to_numpy().astype(np.int64) - 1
    taus = kendall(
        groups,
        both["right"].cast(pl.Float64).to_numpy(),
        both["value"].cast(pl.Float64).fill_null(float("nan")).to_numpy(),
        count=both["prompt_id"].n_unique(),
    ).value
    return float(np.nan_to_num(taus).mean()) if len(taus) else None


def by_prompt(frame: pl.DataFrame, hits: pl.Expr) -> pl.DataFrame:
    """One row for each prompt: ``count``, its rows in ``frame``, and the sum of their ``hits``."""
    return frame.group_by("prompt_id").agg(
        hits=hits.cast(pl.Float64).sum(), count=pl.len().cast(pl.Float64)
    )


def known_responses(
    responses: pl.DataFrame, prompts: pl.DataFrame, checks: Mapping[str, str]
) -> pl.DataFrame:
    """``prompt_id``, ``response_id`` and ``right`` of the responses that can be checked."""
    right = pl.Series(right_responses(responses, prompts, checks), dtype=pl.Boolean)
    return responses.select("prompt_id", "response_id", right=right).drop_nulls()


def mean_scores(scores: pl.DataFrame) -> pl.DataFrame:
    """The mean score of each complete response; scores of steps are left out.

    Returns:
        ``response_id`` and ``value``, which is null if no score could be parsed.
    """
    of_responses = scores.filter(pl.col("step").is_null())
    return of_responses.group_by("response_id").agg(pl.col("value").drop_nulls().mean())


def sides(pairs: pl.DataFrame, side: str) -> pl.DataFrame:
    """One side of pairs, as `right_responses` takes it: ``prompt_id``, ``text``, ``ended``,
    ``finish``.

    A side that does not end is a step after a shared prefix. Without such a prefix it is an answer
    that was cut off.
    """
    ended = pl.col("ends").struct.field(side).fill_null(True)
    cut = ~ended & pl.col("shared_prefix").is_null()
    return pairs.select(
        "prompt_id",
        text=pl.col(side).list.last().struct.field("content"),
        ended=ended,
        finish=pl.when(cut).then(pl.lit("length")).otherwise(pl.lit("stop")),
    )


def _sides(
    pairs: pl.DataFrame, prompts: pl.DataFrame, checks: Mapping[str, str]
) -> Iterable[tuple[bool | None, bool | None]]:
    results = (
        right_responses(sides(pairs, side), prompts, checks) for side in ("chosen", "rejected")
    )
    return zip(*results, strict=True)


def _right(
    texts: Iterable[tuple[str, str, bool]], prompts: pl.DataFrame, checks: Mapping[str, str]
) -> list[bool | None]:
    """Whether each (prompt_id, text, ended) is a right answer, or ends with a right step."""
    by_id: dict[str, dict[str, Any]] = {
        row["prompt_id"]: row
        for row in named_rows(prompts.filter(pl.col("source").is_in(list(checks))))
    }
    check_of = {source: bounded(checks[source]) for source in {t["source"] for t in by_id.values()}}
    results: list[Future[bool] | bool | None] = []
    for prompt_id, text, ended in texts:
        task = by_id.get(prompt_id)
        if task is None:
            results.append(None)
        elif ended:
            check = check_of[task["source"]]
            results.append(check.submit(task["messages"], task["reference"], text))
        else:
            results.append(_last_step(task, text, check_of[task["source"]]))
    return [_result(result) for result in results]


def _last_step(task: Mapping[str, Any], text: str, check: BoundedCheck) -> bool | None:
    """Whether the last line of an unfinished answer is right; None if it cannot be checked."""
    if not check.knows_steps:
        return None
    steps = [text[start:end] for start, end in pairwise([0, *line_ends(text)])]
    try:
        return check.steps(task["messages"], task["reference"], steps)[-1] if steps else None
    except CheckError:
        return None


def _result(result: "Future[bool] | bool | None") -> bool | None:
    try:
        return result.result() if isinstance(result, Future) else result
    except (ValueError, CheckError):
        return None
