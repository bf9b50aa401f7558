"""Whether a trained policy is promoted: whether the next refresh starts from it.

With the default gate ``no_worse``, a policy is promoted if it was measured (by stages of
`schemas.Evaluations`) and is not worse than the policy that it started from. The check ``no_worse``
uses the same rule. A policy that nothing measured is not promoted. With ``gate: none``, every
policy is promoted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from assets.project.recipe import Rule
from assets.project.recipe_plan import Stage
from assets.storage.tables import MissingTableError, Tables
from schemas import EVALUATIONS

HELD_BACK = "held back: the next refresh starts where this one started"
"""The notice about a policy that is not promoted."""

UNMEASURED = "nothing was measured"
NO_STAGE = (
    "no stage measures it: add validated: {use: trainers.Validate, of: ...}, or set gate: none"
)


@dataclass(frozen=True)
class Gate:
    """The condition for the promotion of a recipe's policies.

    Attributes:
        recipe: The name of the recipe.
        measured_by: The stages that evaluate the policy. Without one, no policy is promoted.
        seed: The seed of the bootstrap interval.
        tolerances: How much worse the policy may be in a stage; a stage without one tells only
            whether the policy is worse.
    """

    recipe: str
    measured_by: tuple[str, ...] = ()
    seed: int = 0
    tolerances: Mapping[str, float | None] = field(default_factory=dict)

    def closed(self, refresh: str, tables: Tables) -> str | None:
        """The reason why the policy of ``refresh`` is not promoted; None if it is."""
        if not self.measured_by:
            return NO_STAGE
        for stage in self.measured_by:
            try:
                measured = tables.read((self.recipe, stage), refresh)
            except MissingTableError:
                return (
                    f"{self.recipe}/{stage} has not measured it (factory run {self.recipe} "
                    f"--refresh {refresh} does)"
                )
            reason = worsened(measured, seed=self.seed, tolerance=self.tolerances.get(stage))
            if reason is not None:
                return reason
        return None


def gate_of(
    recipe: str, stages: Sequence[Stage], trains: Stage | None, rule: Rule, seed: int
) -> Gate | None:
    """The gate of a recipe; None if every policy is promoted.

    Args:
        recipe: The name of the recipe.
        stages: Its stages.
        trains: The stage that trains the policy; None if no stage does.
        rule: The recipe's field ``gate``.
        seed: The recipe's seed.
    """
    if rule == "none" or trains is None:
        return None
    measuring = [
        stage for stage in stages if stage.gives in EVALUATIONS and trains.name in stage.reads
    ]
    tolerances = {stage.name: tolerance_of(stage) for stage in measuring}
    return Gate(recipe, tuple(tolerances), seed, tolerances)


def tolerance_of(stage: Stage) -> float | None:
    """How much worse than its start a stage lets a policy be; None if it names no tolerance."""
    tolerance: float | None = getattr(stage.operator, "tolerance", None)
    return tolerance


def worsened(evaluations: pl.DataFrame, *, seed: int, tolerance: float | None = None) -> str | None:
    """Why a policy is not promoted: how much worse it is than the one that it started from.

    Args:
        evaluations: A `schemas.Evaluations` table.
        seed: The seed of the bootstrap interval.
        tolerance: How much worse it may be, if the stage names a tolerance.

    Returns:
        The sentence, or that nothing was measured; None if the policy is not worse.
    """
    from trainers.evaluation.metrics import regressed, summary
    from trainers.evaluation.sentences import change, difference

    if evaluations.is_empty():
        return UNMEASURED
    figures = summary(evaluations, seed=seed, tolerance=tolerance)
    if not regressed(figures):
        return None
    return f"{change(figures)}, difference {difference(figures)}"
