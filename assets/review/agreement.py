"""How often annotators, and a recipe's labels, side with the people who reviewed its pairs."""

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from assets.project.project import Project
from assets.review.decisions import Decision, Decisions, reviewers
from assets.storage.tables import Tables
from kernels.intervals import wilson_interval
from schemas import Scores

LABELS = "the labels"
"""Not the name of any stage, which has no space."""


@dataclass(frozen=True)
class WithPeople:
    """Of ``annotator``, on pairs of which a person said which answer is better: it said so too in
    ``same``, the opposite in ``other``, and told neither from the other in ``ties``. A pair that
    two people decided on counts twice."""

    recipe: str
    annotator: str
    same: int
    other: int
    ties: int

    @property
    def told(self) -> int:
        return self.same + self.other

    @property
    def rate(self) -> float | None:
        """``same`` of those that it told apart, in [0, 1]; half of them is chance, since sides are
        drawn. None where there are none."""
        return self.same / self.told if self.told else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Its 95 % interval (Wilson 1927)."""
        if not self.told:
            return None
        return wilson_interval(self.same, self.told)


def with_people(project: Project, recipe: str) -> list[WithPeople]:
    """The agreement of ``recipe``'s labels, and of each annotator whose scores of whole responses
    are kept, with the people who reviewed. Empty where nobody has."""
    reviews = project.settings.reviews_path
    decided = [
        (person, decision)
        for person in reviewers(reviews, recipe)
        for decision in Decisions(reviews, recipe, person)
        if decision.verdict != "reject"
    ]
    if not decided:
        return []
    pairs = pl.DataFrame([{"person": person, **_better(decision)} for person, decision in decided])
    accepted = sum(decision.verdict == "accept" for _, decision in decided)
    found = [WithPeople(recipe, LABELS, accepted, len(decided) - accepted, 0)]
    for name, values in _opinions(project, recipe):
        margins = pairs.select(_value(values, "better") - _value(values, "worse")).to_series()
        counts = [int((margins > 0).sum()), int((margins < 0).sum()), int((margins == 0).sum())]
        if any(counts):
            found.append(WithPeople(recipe, name, *counts))
    return found


def _better(decision: Decision) -> dict[str, str]:
    sides = (decision.chosen_id, decision.rejected_id)
    better, worse = sides if decision.verdict == "accept" else reversed(sides)
    return {"better": better, "worse": worse}


def _value(values: dict[str, float], side: str) -> pl.Expr:
    return pl.col(side).replace_strict(values, default=None, return_dtype=pl.Float64)


def _opinions(project: Project, recipe: str) -> Iterator[tuple[str, dict[str, float]]]:
    """Each annotator's values of whole responses: the stage's name, with its own where the stage
    has several. Stages that hold what people said themselves are left out."""
    from annotators import Reviewed

    tables = Tables(project.settings.root_path)
    for stage in project.recipes[recipe].planned(project.settings):
        if stage.gives is not Scores or isinstance(stage.operator, Reviewed):
            continue
        key = (recipe, stage.name)
        rows = [tables.read(key, refresh) for refresh in tables.refreshes(key)]
        if not rows or getattr(stage.operator, "names_steps", False):
            continue
        whole = pl.concat(rows).filter(pl.col("step").is_null() & pl.col("value").is_not_null())
        for (annotator,), said in sorted(whole.partition_by("annotator", as_dict=True).items()):
            alone = whole["annotator"].n_unique() == 1
            name = stage.name if alone else f"{stage.name} · {annotator}"
            yield name, dict(said.select("response_id", "value").iter_rows())
