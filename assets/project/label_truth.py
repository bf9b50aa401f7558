"""What is true of responses and pairs, where the truth can be known: by the check of each prompt's
source, not by what a recipe's own annotators said."""

from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from itertools import pairwise
from typing import Any

import polars as pl

from engines.checks import BoundedCheck, CheckError, bounded
from engines.operators.line_steps import line_ends


def label_accuracy(
    pairs: pl.DataFrame, prompts: pl.DataFrame, checks: Mapping[str, str]
) -> float | None:
    """The share of ``pairs`` whose chosen answer is right and whose rejected one is wrong. Of a
    side that does not end, it is its last step that is right or wrong.

    In [0, 1]; None where no pair can be judged: its source has no check, its reference says
    nothing, or the check came to no result, or knows nothing of steps.
    """
    known = [
        chosen and not rejected
        for chosen, rejected in _sides(pairs, prompts, checks)
        if chosen is not None and rejected is not None
    ]
    return sum(known) / len(known) if known else None


def pair_labels(
    pairs: pl.DataFrame, prompts: pl.DataFrame, checks: Mapping[str, str]
) -> list[bool | None]:
    """For each pair whether it is the chosen answer that is right; None where not just one of the
    two is, or it cannot be known."""
    return [
        None if chosen is None or rejected is None or chosen == rejected else chosen
        for chosen, rejected in _sides(pairs, prompts, checks)
    ]


def right_responses(
    responses: pl.DataFrame, prompts: pl.DataFrame, checks: Mapping[str, str]
) -> list[bool | None]:
    """For each of ``responses`` whether it is right; None where that cannot be known, as of one
    that was cut off. Of one that column ``ended`` (if there is such a column) says is only begun:
    whether its last step is."""
    ended = pl.col("ended") if "ended" in responses.columns else pl.lit(True)
    found = _right(responses.select("prompt_id", "text", ended).iter_rows(), prompts, checks)
    if "finish" not in responses.columns:
        return found
    cut = responses["finish"].cast(pl.String) == "length"
    return [None if unended else right for right, unended in zip(found, cut, strict=True)]


def ranked_pairs(
    responses: pl.DataFrame, scores: pl.DataFrame, prompts: pl.DataFrame, checks: Mapping[str, str]
) -> pl.DataFrame:
    """One row a prompt: ``count`` pairs of a right and a wrong response that are both scored as a
    whole, and ``hits``, of how many of them the right one scores higher (a tie is half a hit)."""
    known = known_responses(responses, prompts, checks).join(
        mean_scores(scores).drop_nulls(), on="response_id"
    )
    right = known.filter("right").select("prompt_id", right_value="value")
    wrong = known.filter(~pl.col("right")).select("prompt_id", wrong_value="value")
    better = (pl.col("right_value") > pl.col("wrong_value")).cast(pl.Float64)
    same = (pl.col("right_value") == pl.col("wrong_value")).cast(pl.Float64)
    return by_prompt(right.join(wrong, on="prompt_id"), better + same / 2)


def by_prompt(frame: pl.DataFrame, hits: pl.Expr) -> pl.DataFrame:
    """One row a prompt: ``count`` rows of ``frame``, and the sum of their ``hits``."""
    return frame.group_by("prompt_id").agg(
        hits=hits.cast(pl.Float64).sum(), count=pl.len().cast(pl.Float64)
    )


def known_responses(
    responses: pl.DataFrame, prompts: pl.DataFrame, checks: Mapping[str, str]
) -> pl.DataFrame:
    """``prompt_id``, ``response_id`` and ``right`` of the responses of which that is known."""
    right = pl.Series(right_responses(responses, prompts, checks), dtype=pl.Boolean)
    return responses.select("prompt_id", "response_id", right=right).drop_nulls()


def mean_scores(scores: pl.DataFrame) -> pl.DataFrame:
    """``response_id`` and ``value``: the mean of the scores of a response as a whole, null where
    none could be read."""
    whole = scores.filter(pl.col("step").is_null())
    return whole.group_by("response_id").agg(pl.col("value").drop_nulls().mean())


def sides(pairs: pl.DataFrame, side: str) -> pl.DataFrame:
    """One side of ``pairs`` as `right_responses` reads it: ``prompt_id``, ``text``, ``ended``."""
    return pairs.select(
        "prompt_id",
        text=pl.col(side).list.last().struct.field("content"),
        ended=pl.col("ends").struct.field(side).fill_null(True),
    )


def ranked_correctly(
    responses: pl.DataFrame, scores: pl.DataFrame, prompts: pl.DataFrame, checks: Mapping[str, str]
) -> pl.DataFrame:
    """One row a prompt: ``count`` pairs of a right and a wrong response that are both scored as a
    whole, and ``hits``, how many of them are ranked correctly (a tie is half a hit)."""
    known = responses.select(
        "prompt_id",
        "response_id",
        pl.Series("right", right_responses(responses, prompts, checks), dtype=pl.Boolean),
    ).drop_nulls()
    values = (
        scores.filter(pl.col("step").is_null())
        .group_by("response_id")
        .agg(pl.col("value").drop_nulls().mean())
        .drop_nulls()
    )
    known = known.join(values, on="response_id")
    right = known.filter("right").select("prompt_id", right_value="value")
    wrong = known.filter(~pl.col("right")).select("prompt_id", wrong_value="value")
    better, same = (
        pl.col("right_value") > pl.col("wrong_value"),
        pl.col("right_value") == pl.col("wrong_value"),
    )
    return (
        right.join(wrong, on="prompt_id")
        .group_by("prompt_id")
        .agg(hits=better.sum().cast(pl.Float64) + same.sum() / 2, count=pl.len().cast(pl.Float64))
    )


def _sides(
    pairs: pl.DataFrame, prompts: pl.DataFrame, checks: Mapping[str, str]
) -> Iterable[tuple[bool | None, bool | None]]:
    told = (right_responses(sides(pairs, side), prompts, checks) for side in ("chosen", "rejected"))
    return zip(*told, strict=True)


def _right(
    texts: Iterable[tuple[str, str, bool]], prompts: pl.DataFrame, checks: Mapping[str, str]
) -> list[bool | None]:
    """Whether each (prompt_id, text, ended) answers its prompt rightly, or begins to."""
    asked: dict[str, dict[str, Any]] = {
        row["prompt_id"]: row
        for row in prompts.filter(pl.col("source").is_in(list(checks))).iter_rows(named=True)
    }
    judges = {source: bounded(checks[source]) for source in {t["source"] for t in asked.values()}}
    answers: list[Future[bool] | bool | None] = []
    for prompt_id, text, ended in texts:
        task = asked.get(prompt_id)
        if task is None:
            answers.append(None)
        elif ended:
            judge = judges[task["source"]]
            answers.append(judge.submit(task["messages"], task["reference"], text))
        else:
            answers.append(_last_step(task, text, judges[task["source"]]))
    return [_result(answer) for answer in answers]


def _last_step(task: Mapping[str, Any], text: str, judge: BoundedCheck) -> bool | None:
    """Whether the last line of a begun answer is right; None where nobody knows."""
    if not judge.knows_steps:
        return None
    steps = [text[begin:end] for begin, end in pairwise([0, *line_ends(text)])]
    try:
        return judge.steps(task["messages"], task["reference"], steps)[-1] if steps else None
    except CheckError:
        return None


def _result(answer: "Future[bool] | bool | None") -> bool | None:
    try:
        return answer.result() if isinstance(answer, Future) else answer
    except (ValueError, CheckError):
        return None
