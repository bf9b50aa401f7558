"""How often annotators, and a recipe's labels, agree with the people who reviewed its pairs."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl

from assets.project.project import Project
from assets.review.decisions import Decision, Decisions, reviewers
from assets.storage.tables import Tables
from kernels.intervals import wilson_interval
from schemas import Scores

LABELS = "the labels"
"""A label that no stage can have, because the name of a stage has no space."""


@dataclass(frozen=True)
class WithPeople:
    """How ``annotator`` ranks the pairs that people decided on: like the person (``same``) or the
    opposite (``other``). ``ties`` are the pairs that the person or the annotator ranks equal: they
    neither agree nor disagree. ``unmeasured`` are the pairs that the person skipped or rejected. A
    pair that two people reviewed counts twice."""

    recipe: str
    annotator: str
    same: int
    other: int
    ties: int
    unmeasured: int = 0

    @property
    def decided(self) -> int:
        return self.same + self.other

    @property
    def rate(self) -> float | None:
        """The share of ``same`` among pairs without a tie, in [0, 1]; None if there are none.
        Chance is 1/2, because the sides are drawn at random."""
        return self.same / self.decided if self.decided else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of ``rate`` (Wilson 1927)."""
        if not self.decided:
            return None
        return wilson_interval(self.same, self.decided)


def with_people(project: Project, recipe: str) -> list[WithPeople]:
    """The agreement of ``recipe``'s labels and annotators with the people who reviewed its pairs.

    Annotators count by their scores of whole responses. Empty if nobody has reviewed.
    """
    reviews = project.settings.reviews_path
    decisions = [
        decision
        for person in reviewers(reviews, recipe)
        for decision in Decisions(reviews, recipe, person)
    ]
    if not decisions:
        return []
    counts = Counter(decision.verdict for decision in decisions)
    unmeasured = counts["skip"] + counts["reject"]
    agreements = [
        WithPeople(recipe, LABELS, counts["accept"], counts["flip"], counts["tie"], unmeasured)
    ]
    measured = [_ranked(each) for each in decisions if each.verdict in ("accept", "flip", "tie")]
    if not measured:
        return agreements
    pairs = pl.DataFrame(measured)
    for name, values in _response_scores(
        project, recipe, pl.concat([pairs["better"], pairs["worse"]])
    ):
        margins = pairs.select(
            pl.when(pl.col("tie"), margin.is_not_null()).then(0.0).otherwise(margin)
            for margin in [_value(values, "better") - _value(values, "worse")]
        ).to_series()
        same, other, ties = (int(ranks.sum()) for ranks in (margins > 0, margins < 0, margins == 0))
        if same + other + ties:
            agreements.append(WithPeople(recipe, name, same, other, ties, unmeasured))
    return agreements


def _ranked(decision: Decision) -> dict[str, Any]:
    sides = (decision.chosen_id, decision.rejected_id)
    better, worse = reversed(sides) if decision.verdict == "flip" else sides
    return {"better": better, "worse": worse, "tie": decision.verdict == "tie"}


def _value(values: dict[str, float], side: str) -> pl.Expr:
    return pl.col(side).replace_strict(values, default=None, return_dtype=pl.Float64)


def _response_scores(
    project: Project, recipe: str, responses: pl.Series
) -> Iterator[tuple[str, dict[str, float]]]:
    """The name of each annotator, and its scores of these whole responses by id.

    The name is that of the stage; if the stage has several annotators, the annotator's name is
    added. Stages with people's own decisions are left out.
    """
    from annotators import Reviewed

    tables = Tables(project.settings.root_path)
    reviewed = pl.col("response_id").is_in(responses.unique().implode())
    for stage in project.recipes[recipe].planned(project.settings):
        if stage.gives is not Scores or isinstance(stage.operator, Reviewed):
            continue
        key = (recipe, stage.name)
        rows = [
            tables.select(key, refresh, lambda scores: scores.filter(reviewed))
            for refresh in tables.refreshes(key)
        ]
        if not rows or getattr(stage.operator, "names_steps", False):
            continue
        response_scores = pl.concat(rows).filter(
            pl.col("step").is_null() & pl.col("value").is_not_null()
        )
        for (annotator,), scores in sorted(
            response_scores.partition_by("annotator", as_dict=True).items()
        ):
            alone = response_scores["annotator"].n_unique() == 1
            name = stage.name if alone else f"{stage.name} · {annotator}"
            yield name, dict(scores.select("response_id", "value").iter_rows())
