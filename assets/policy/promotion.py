"""Whether a trained policy is promoted: whether the next refresh starts from it.

With the default gate ``no_worse``, a policy is promoted if its evaluations (stages of
`schemas.Evaluations`) are not worse than those of the policy that it started from. The check
``no_worse`` uses the same rule. With ``gate: none``, or without evaluations, every policy is
promoted.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from assets.project.recipe import Rule
from assets.project.recipe_plan import Stage
from assets.storage.tables import MissingTableError, Tables
from schemas import Evaluations

UNPROMOTED = "not promoted: the next refresh starts where this one started"
"""The notice about a policy that is not promoted."""


@dataclass(frozen=True)
class Gate:
    """The condition for the promotion of a recipe's policies.

    Attributes:
        recipe: The name of the recipe.
        measured_by: The stages that evaluate the policy. Without one, every policy is promoted.
        seed: The seed of the bootstrap interval.
    """

    recipe: str
    measured_by: tuple[str, ...] = ()
    seed: int = 0

    def closed(self, refresh: str, tables: Tables) -> str | None:
        """The reason why the policy of ``refresh`` is not promoted; None if it is."""
        for stage in self.measured_by:
            try:
                measured = tables.read((self.recipe, stage), refresh)
            except MissingTableError:
                return (
                    f"{self.recipe}/{stage} has not measured it (factory run {self.recipe} "
                    f"--refresh {refresh} does)"
                )
            reason = worsened(measured, seed=self.seed)
            if reason is not None:
                return reason
        return None


def gate_of(
    recipe: str, stages: Sequence[Stage], trains: Stage | None, rule: Rule, seed: int
) -> Gate:
    """The gate of a recipe.

    Args:
        recipe: The name of the recipe.
        stages: Its stages.
        trains: The stage that trains the policy; None if no stage does.
        rule: The recipe's field ``gate``.
        seed: The recipe's seed.
    """
    measured_by = tuple(
        stage.name
        for stage in stages
        if rule != "none"
        and trains is not None
        and stage.gives is Evaluations
        and trains.name in stage.reads
    )
    return Gate(recipe, measured_by, seed)


def worsened(evaluations: pl.DataFrame, *, seed: int) -> str | None:
    """A sentence on how much worse the policy is than the one that it started from.

    Args:
        evaluations: A `schemas.Evaluations` table.
        seed: The seed of the bootstrap interval.

    Returns:
        The sentence, or None if the policy is not worse or nothing was measured.
    """
    from trainers.evaluation.metrics import regressed, summary

    if evaluations.is_empty():
        return None
    figures = summary(evaluations, seed=seed)
    if not regressed(figures):
        return None
    return (
        f"held-out accuracy fell from {figures['before']:.1%} to {figures['after']:.1%} "
        f"(difference {figures['difference']:+.1%} [{figures['low']:+.1%}, {figures['high']:+.1%}])"
    )
