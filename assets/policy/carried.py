"""The tables that a stage reads from an earlier refresh: ``<stage>@previous`` in a recipe."""

import polars as pl

from assets.policy.lineage import line_before
from assets.policy.promotion import Gate
from assets.project.recipe_plan import Stage, carried_name
from assets.storage.tables import Tables
from schemas import empty


def carried_tables(
    stage: Stage,
    refresh: str,
    *,
    recipe: str,
    trains: str | None,
    tables: Tables,
    gate: Gate | None = None,
) -> dict[str, pl.DataFrame]:
    """The tables of an earlier refresh that ``stage`` reads, by the names that its operator has for
    them. They are empty if there is no such refresh.

    It is the refresh whose policy this one starts from. If there is none, because the recipe trains
    no policy, it is the last one before with that table.

    Args:
        stage: The stage.
        refresh: A day, such as ``2026-01-31``.
        recipe: The name of the recipe.
        trains: The stage that trains the policy; None if no stage does.
        tables: The stored tables.
        gate: What a policy must pass to be promoted; None promotes every policy.
    """
    found: dict[str, pl.DataFrame] = {}
    for name, table in stage.carried.items():
        stored = tables.refreshes((recipe, name))
        if trains is None:
            days = [day for day in reversed(stored) if day < refresh]
        else:
            line = line_before(refresh, recipe=recipe, stage=trains, tables=tables, gate=gate)
            days = [day for day, _ in line.promoted[:1] if day in stored]
        found[carried_name(name)] = tables.read((recipe, name), days[0]) if days else empty(table)
    return found
