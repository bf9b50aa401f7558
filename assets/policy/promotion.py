"""Whether the policy that a refresh trained becomes the next one's start: only if its gate passes.

A recipe's ``gate`` is ``no_worse`` unless it says ``none``: what the recipe itself measures of the
policy (its stages of `schemas.Evaluations`) must not be worse than of the policy it started from,
as the check ``no_worse`` has it. A recipe that measures nothing has no gate.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from assets.project.recipe import Rule
from assets.project.recipe_plan import Stage
from assets.storage.tables import MissingTableError, Tables
from schemas import Evaluations

UNPROMOTED = "not promoted: the next refresh starts where this one started"
"""Said of a policy whose gate is closed."""


@dataclass(frozen=True)
class Gate:
    """The stages of ``recipe`` that measure its policy; none of them: every policy passes."""

    recipe: str
    measured_by: tuple[str, ...] = ()
    seed: int = 0

    def closed(self, refresh: str, tables: Tables) -> str | None:
        """Why the policy of ``refresh`` is not promoted, in words; None where it is."""
        for stage in self.measured_by:
            try:
                measured = tables.read((self.recipe, stage), refresh)
            except MissingTableError:
                return (
                    f"{self.recipe}/{stage} has not measured it (factory run {self.recipe} "
                    f"--refresh {refresh} does)"
                )
            worse = worsened(measured, seed=self.seed)
            if worse is not None:
                return worse
        return None


def gate_of(
    recipe: str, stages: Sequence[Stage], trains: Stage | None, rule: Rule, seed: int
) -> Gate:
    """The gate of a recipe whose stage ``trains`` makes its policy."""
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
    """By how much the policy is worse than the one it started from, in words; None where it is not,
    or where nothing was measured."""
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
