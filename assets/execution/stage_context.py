"""Makes the context in which a stage of a recipe runs at a refresh."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

import polars as pl
from upath import UPath

from assets.config.settings import Settings
from assets.policy.carried import carried_tables
from assets.policy.lineage import roles_at
from assets.policy.promotion import Gate, gate_of
from assets.project.recipe import RecipeSpec
from assets.project.recipe_plan import Stage, policy_stage
from assets.prompts.sample_prompts import offered
from assets.storage.tables import Tables, read_table
from engines.context import Context
from engines.opening import open_engine
from schemas import first_by_id, source_table


@dataclass(frozen=True)
class RecipeContext:
    """The recipe that a stage belongs to.

    Attributes:
        recipe: The name of the recipe.
        trains: The stage that trains its policy; None if no stage does.
        seed: The recipe's seed.
        folder: The folder of its ``defs.yaml``, which holds its templates.
        gate: What its policies must pass to be promoted.
        stages: Its stages, in running order.
        fixed: Those of its sources that are the same at every refresh.
    """

    recipe: str
    trains: str | None
    seed: int
    folder: Path | None = None
    gate: Gate | None = None
    stages: Sequence[Stage] = ()
    fixed: frozenset[str] = frozenset()

    @classmethod
    def of(cls, recipe: RecipeSpec, stages: Sequence[Stage]) -> Self:
        """The context of a recipe with these stages."""
        trains = policy_stage(stages)
        return cls(
            recipe.name,
            trains.name if trains else None,
            recipe.seed,
            Path(recipe.file).parent,
            gate_of(recipe.name, stages, trains, recipe.gate, recipe.seed),
            stages,
            recipe.fixed_sources,
        )


def stage_context(
    stage: str,
    recipe: RecipeContext,
    *,
    refresh: str,
    settings: Settings,
    tables: Tables,
    checks: Mapping[str, str],
    progress: bool = True,
) -> Context:
    """The context of a stage at a refresh. Its ``policy`` is that of an earlier refresh or, if the
    role is bound to a downstream model, the newest promoted version of that model.

    Args:
        stage: The name of the stage.
        recipe: The recipe that it belongs to.
        refresh: A day, such as ``2026-01-31``.
        settings: The configuration of the project.
        tables: The stored tables, which name the earlier policies.
        checks: The import path of each source's check, by the name of the source.
        progress: Whether progress is shown on standard error.

    Raises:
        FactoryError: The folder of an earlier policy is missing, or no server serves the policy.
    """
    roles, downstream = settings.bindings(before=refresh), settings.policies(before=refresh)
    if downstream is not None:
        roles |= downstream
    else:
        roles = roles_at(
            refresh,
            recipe=recipe.recipe,
            stage=recipe.trains,
            bindings=roles,
            tables=tables,
            gate=recipe.gate,
        )
    return Context(
        recipe=recipe.recipe,
        stage=stage,
        refresh=refresh,
        roles=roles,
        journal=settings.journal_path,
        models=settings.models_path / recipe.recipe,
        checks=checks,
        imports=settings.imports_path,
        reviews=settings.reviews_path / recipe.recipe,
        seed=recipe.seed,
        window=settings.window,
        failure_limit=settings.failure_limit,
        progress=progress,
        folder=recipe.folder,
        open_engine=partial(open_engine, cluster=settings.cluster),
    )


def carried(
    stage: Stage, recipe: RecipeContext, *, refresh: str, settings: Settings, tables: Tables
) -> dict[str, pl.DataFrame]:
    """The tables that a stage reads from an earlier refresh (`assets.policy.carried`). A recipe
    whose policy is a downstream model goes on from its own last refresh."""
    downstream = settings.policies(before=refresh) is not None
    return carried_tables(
        stage,
        refresh,
        recipe=recipe.recipe,
        trains=None if downstream else recipe.trains,
        tables=tables,
        gate=recipe.gate,
    )


def offered_to(
    stage: Stage, recipe: RecipeContext, *, refresh: str, tables: Tables
) -> dict[str, pl.DataFrame]:
    """The prompts of the sources that a stage reads, by the names that its operator has for them
    (`schemas.source_table`)."""
    return {
        source_table(source): offered(
            tables, source, recipe=recipe.recipe, refresh=refresh, fixed=source in recipe.fixed
        )
        for source in stage.sources
    }


def with_held_out(
    stage: Stage, tables: Mapping[str, UPath], most: int | None
) -> Mapping[str, UPath | pl.DataFrame]:
    """The tables of a stage, with at most so many held-out prompts if it asks about these; None:
    all."""
    if most is None or not stage.asks_held_out:
        return tables
    return {**tables, "held_out": first_by_id(read_table(tables["held_out"]), most)}
