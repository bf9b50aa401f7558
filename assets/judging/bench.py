"""Measures roles as judges on benchmarks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from assets.config.errors import FactoryError
from assets.judging.equal_tokens import at_equal_tokens
from assets.judging.figures import EqualTokens, RoleFigures, role_figures
from assets.judging.items import Benchmark
from assets.judging.probes import probes_of
from assets.judging.verdicts import judges_of, verdicts_of
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
    probes: bool = False,
) -> Measured:
    """Ask each role about all items of a benchmark. Answers of models are journaled.

    Args:
        project: The project.
        roles: The roles; the others are compared with the first.
        benchmark: The items.
        context: The context, with the bindings of the roles.
        votes: As of `assets.judging.verdicts.judges_of`.
        probes: Whether each role is probed on pairs and choices (`assets.judging.probes`).

    Raises:
        FactoryError: A role cannot be asked so.
        EngineError: Too many items failed.
    """
    if all(item.vote == 0.5 for item in benchmark.items):
        raise FactoryError(f"all votes of {benchmark.name} are for neither response")
    choose = "choose" if votes is None else "generate"
    needs = {"generate" if item.kind == "solution" else choose for item in benchmark.items}
    for role in roles:
        binding = context.roles[role]
        for need in sorted(needs):
            if not binding.can(need):
                hint = " (or ask for written verdicts: --votes 1)" if need == "choose" else ""
                raise FactoryError(f"role {role!r} must {need}, {binding.lacking(need)}{hint}")

    defaults = dict(project.settings.defaults())
    stages = {role: f"{benchmark.name} {role}" for role in roles}
    several = votes is not None and votes > 1

    def ask(role: str, count: int | None) -> pl.DataFrame:
        judges = judges_of(role, defaults, count, drawn=several)
        return verdicts_of(judges, benchmark.items, replace(context, stage=stages[role]))

    def fooled(role: str) -> Mapping[str, Sequence[int]] | None:
        judges = judges_of(role, defaults, votes, drawn=several)
        kinds = {item.kind for item in benchmark.items}
        if not probes or kinds == {"solution"}:
            return None
        judge = judges.pairs if "pair" in kinds else judges.choices
        probe_context = replace(context, stage=f"{stages[role]} probes")
        results = probes_of(judge, benchmark.items, probe_context)
        return {each.probe: (each.passed, each.cases) for each in results}

    tables = {role: ask(role, votes) for role in roles}
    equal: Mapping[str, EqualTokens | None] = {}
    if votes is not None and several and len(roles) > 1:
        equal = at_equal_tokens(tables, votes, ask)
    figures = [
        role_figures(
            role,
            context.roles[role].model or str(context.roles[role].served_as),
            table,
            None if role == roles[0] else tables[roles[0]],
            equal.get(role),
            fooled(role),
        )
        for role, table in tables.items()
    ]
    return Measured(benchmark.name, len(benchmark.items), benchmark.refused, figures, tables)
