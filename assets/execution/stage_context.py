"""What a stage of a recipe runs with at one refresh."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from assets.config.settings import Settings
from assets.policy.lineage import roles_at
from assets.policy.promotion import Gate
from assets.storage.tables import Tables
from engines.context import Context


@dataclass(frozen=True)
class RecipeContext:
    """The recipe that a stage belongs to.

    Attributes:
        recipe: the recipe's name.
        trains: the stage that trains its policy, if any does.
        seed: the recipe's seed.
        folder: the folder of its ``defs.yaml``, where its templates are.
        gate: what its policies must pass to be promoted.
    """

    recipe: str
    trains: str | None
    seed: int
    folder: Path | None = None
    gate: Gate | None = None


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
    """The context of a stage at a refresh, its roles bound to the policies of earlier refreshes.

    Args:
        stage: the stage's name.
        recipe: the recipe that it belongs to.
        refresh: a date, as 2026-01-31.
        settings: the project's configuration.
        tables: the stored tables, in which earlier policies are found.
        checks: the import path of each source's check, by the source's name.
        progress: whether progress is shown on standard error.

    Raises:
        FactoryError: a policy that an earlier refresh trained is gone, or is not served.
    """
    return Context(
        recipe=recipe.recipe,
        stage=stage,
        refresh=refresh,
        roles=roles_at(
            refresh,
            recipe=recipe.recipe,
            stage=recipe.trains,
            bindings=settings.bindings(),
            tables=tables,
            gate=recipe.gate,
        ),
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
    )
