"""Measures roles as judges on benchmarks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from assets.config.errors import FactoryError
from assets.judging.figures import RoleFigures, role_figures
from assets.judging.items import Benchmark
from assets.judging.verdicts import verdicts_of
from assets.project.project import Project
from engines.context import Context
from schemas.near import near


@dataclass(frozen=True)
class Measured:
    """The figures of all roles on one benchmark.

    Attributes:
        benchmark: Its name.
        items: The number of items that were judged.
        refused: The rows that are no item, by reason.
        roles: The figures of each role, in the order in which they were named.
        verdicts: The table of verdicts (`assets.judging.verdicts.COLUMNS`) of each role.
    """

    benchmark: str
    items: int
    refused: Mapping[str, int]
    roles: Sequence[RoleFigures]
    verdicts: Mapping[str, pl.DataFrame]

    def as_json(self) -> dict[str, Any]:
        return {
            "benchmark": self.benchmark,
            "items": self.items,
            "refused": dict(self.refused),
            "roles": [each.as_json() for each in self.roles],
        }

    def rows(self) -> pl.DataFrame:
        """The verdicts of all roles."""
        return pl.concat(
            table.select(pl.lit(self.benchmark).alias("benchmark"), pl.lit(role).alias("role"), "*")
            for role, table in self.verdicts.items()
        )


def check_roles(project: Project, roles: Sequence[str]) -> None:
    """Raise `FactoryError` if a role is not bound, or named twice."""
    bound = project.settings.roles
    for role in roles:
        if role not in bound:
            raise FactoryError(f"no role {role!r} is bound in factory.yaml; {near(role, bound)}")
    if len(set(roles)) < len(roles):
        raise FactoryError("name each role once")


def judged(
    project: Project,
    roles: Sequence[str],
    benchmark: Benchmark,
    context: Context,
    *,
    votes: int | None = None,
) -> Measured:
    """Ask each role about all items of a benchmark. Answers of models are journaled.

    Args:
        project: The project.
        roles: The roles; the others are compared with the first.
        benchmark: The items.
        context: The context, with the bindings of the roles.
        votes: As of `assets.judging.verdicts.verdicts_of`.

    Raises:
        FactoryError: A role cannot be asked so.
        EngineError: Too many items failed.
    """
    choose = "choose" if votes is None else "generate"
    needs = {choose if item.kind == "pair" else "generate" for item in benchmark.items}
    tables: dict[str, pl.DataFrame] = {}
    figures: list[RoleFigures] = []
    for role in roles:
        binding = context.roles[role]
        for need in sorted(needs):
            if not binding.can(need):
                hint = " (or ask for written verdicts: --votes 1)" if need == "choose" else ""
                raise FactoryError(f"role {role!r} must {need}, {binding.lacking(need)}{hint}")
        found = verdicts_of(
            role,
            benchmark.items,
            replace(context, stage=f"{benchmark.name} {role}"),
            dict(project.settings.defaults()),
            votes=votes,
        )
        first = tables[roles[0]] if tables else None
        figures.append(
            role_figures(
                role, binding.model or str(binding.served_as), found.table, found.usage, first
            )
        )
        tables[role] = found.table
    return Measured(benchmark.name, len(benchmark.items), benchmark.refused, figures, tables)
