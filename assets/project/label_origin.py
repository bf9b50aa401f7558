"""Whether the check that tells whether labels are true also made them.

Such labels are true by construction, and their accuracy says nothing about them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

from assets.project.recipe_plan import Stage
from schemas import Checkpoints, Pairs, StepLabels, TruthNeed


@dataclass(frozen=True)
class LabelOrigin:
    """The part of a check in labels whose truth the same check tells.

    Attributes:
        by: ``construction``: it checked what is labelled. ``rollouts``: it checked how the labelled
            texts are continued.
        stage: The stage that called the check.
    """

    by: Literal["construction", "rollouts"]
    stage: str

    def __str__(self) -> str:
        if self.by == "construction":
            return f"by construction: stage {self.stage!r} labelled with the same check"
        return f"by rollouts of the same check (stage {self.stage!r})"


def label_origin(
    stage: Stage, stages: Sequence[Stage], rows: pl.DataFrame, checks: Mapping[str, str]
) -> LabelOrigin | None:
    """The part that the check of the source had in the labels of a stage.

    Labels by a model that was trained on checked data are not labels by the check.

    Args:
        stage: The stage that gives the labels.
        stages: The stages of its recipe.
        rows: The labelled rows. An answer that does not end is labelled by how it is continued.
        checks: The import path of each source's check, by the name of the source.

    Returns:
        None if the check had no part: then it measures the labels.
    """
    uses = [
        (need.truth, name)
        for name, needs in _needs(stage, stages).items()
        for need in needs
        if need.check is None or need.check in checks.values()
    ]
    by_check = [name for truth, name in uses if truth == "check"]
    by_steps = [name for truth, name in uses if truth == "steps"]
    by_rollouts = [name for truth, name in uses if truth == "rollouts"]
    direct = by_steps if stage.gives is StepLabels else by_check if _complete(stage, rows) else []
    if direct:
        return LabelOrigin("construction", direct[0])
    continued = [*by_rollouts, *by_check]
    return LabelOrigin("rollouts", continued[0]) if continued else None


def _needs(stage: Stage, stages: Sequence[Stage]) -> Mapping[str, Sequence[TruthNeed]]:
    """The needs of a stage and of the stages that its rows were made from, the nearest first."""
    by_name = {each.name: each for each in stages}
    needs_by_stage: dict[str, Sequence[TruthNeed]] = {}
    waiting = [stage]
    while waiting:
        one = waiting.pop(0)
        if one.name not in needs_by_stage and one.gives is not Checkpoints:
            needs_by_stage[one.name] = one.operator.truth_needs()
            waiting += [by_name[read] for read in one.reads if read in by_name]
    return needs_by_stage


def _complete(stage: Stage, rows: pl.DataFrame) -> bool:
    """Whether the answers that are labelled as right are complete."""
    if stage.gives is not Pairs or rows.is_empty():
        return True
    return bool(rows["ends"].struct.field("chosen").fill_null(True).all())
