"""How often a pair's label is true, where the truth can be known."""

from collections.abc import Mapping
from concurrent.futures import Future

import polars as pl

from engines.checks import CheckError, bounded


def label_accuracy(
    pairs: pl.DataFrame, prompts: pl.DataFrame, checks: Mapping[str, str]
) -> float | None:
    """The share of ``pairs`` whose chosen answer is right and whose rejected one is wrong.

    Judged by the check of each prompt's source (``checks``: import path by source name), not by
    what the recipe's own annotators said. In [0, 1]; None where no pair can be judged: its source
    has no check, its reference says nothing, or the check came to no result.
    """
    asked = {
        row["prompt_id"]: row
        for row in prompts.filter(pl.col("source").is_in(list(checks))).iter_rows(named=True)
    }
    judges = {source: bounded(checks[source]) for source in {t["source"] for t in asked.values()}}
    answers: list[tuple[Future[bool], Future[bool]]] = []
    for pair in pairs.iter_rows(named=True):
        task = asked.get(pair["prompt_id"])
        if task is not None:
            judge, reference = judges[task["source"]], task["reference"]
            right, wrong = (
                judge.submit(pair["prompt"], reference, pair[side][-1]["content"])
                for side in ("chosen", "rejected")
            )
            answers.append((right, wrong))
    known = [label for label in map(_label, answers) if label is not None]
    return sum(known) / len(known) if known else None


def _label(answers: tuple[Future[bool], Future[bool]]) -> bool | None:
    chosen, rejected = answers
    try:
        return chosen.result() and not rejected.result()
    except (ValueError, CheckError):
        return None
