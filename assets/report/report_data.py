"""All that a report reads: the tables of a recipe at some refreshes, each read once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from assets.config.errors import FactoryError, near
from assets.project.find_rows import data_stage, found_refreshes
from assets.project.label_truth import right_responses
from assets.project.project import Project
from assets.project.recipe import RecipeSpec
from assets.project.recipe_plan import GIVEN, Stage
from assets.storage.tables import Tables
from schemas import Demonstrations, Pairs, Prompts, Responses, StepLabels, Table, empty

BROWSED: tuple[type[Table], ...] = (Pairs, StepLabels, Demonstrations, Responses)
"""The tables whose rows a page can show."""


@dataclass(frozen=True)
class ReportData:
    """What ``recipe`` has made at ``refreshes`` (oldest first), of which ``stage`` is reported.

    ``checks``: import path of each source's check, by the source's name.
    """

    project: Project
    recipe: RecipeSpec
    stages: Sequence[Stage]
    stage: Stage
    refreshes: Sequence[str]
    tables: Tables
    checks: Mapping[str, str]
    _kept: dict[tuple[str, str], pl.DataFrame] = field(default_factory=dict)

    def at(self, name: str, refresh: str) -> pl.DataFrame:
        """The rows that a stage kept at one refresh. Raises `MissingTableError`."""
        if (name, refresh) not in self._kept:
            if name == "held_out":
                found = self.tables.read(("prompts", self.project.settings.held_out), None)
            else:
                found = self.tables.read((self.recipe.name, name), refresh)
            self._kept[name, refresh] = found
        return self._kept[name, refresh]

    def rows(self, name: str) -> pl.DataFrame:
        """The rows of a stage at all refreshes that it ran at, with the column ``refresh``."""
        return self._over(name, refused=False)

    def refused(self, name: str) -> pl.DataFrame:
        """The `schemas.Dropped` rows of a stage at all refreshes that it ran at."""
        return self._over(name, refused=True)

    def ran(self, name: str) -> list[str]:
        """The refreshes of the report that a stage ran at."""
        there = self.tables.refreshes((self.recipe.name, name))
        return [refresh for refresh in self.refreshes if refresh in there]

    def giving(self, table: type[Table]) -> pl.DataFrame:
        """The rows of all stages that give ``table``, a row that several have once, with the
        columns ``refresh`` and ``stage``."""
        ran = [stage for stage in self.stages if stage.gives is table and self.ran(stage.name)]
        found = [self.rows(stage.name).with_columns(stage=pl.lit(stage.name)) for stage in ran]
        if not found:
            return empty(table).with_columns(refresh=pl.lit(""), stage=pl.lit(""))
        (unit,) = table.primary_key()
        return pl.concat(found, how="diagonal_relaxed").unique(
            unit, keep="first", maintain_order=True
        )

    def prompts(self) -> pl.DataFrame:
        """Everything that was asked: drawn prompts, held-out ones, and those that a stage made."""
        reading = {name for stage in self.stages for name in stage.reads}
        told = [self.rows("prompts")]
        if "held_out" in reading:
            told.append(self.at("held_out", self.refreshes[-1]))
        told.append(self.giving(Prompts).drop("stage"))
        return pl.concat(told, how="diagonal_relaxed").unique(
            "prompt_id", keep="first", maintain_order=True
        )

    def given_prompts(self) -> pl.DataFrame:
        """The prompts that came from sources, whose checks know right answers to them. (Of a
        prompt that a stage made, a judgement to be written say, no source's check knows.)"""
        given = self.prompts()
        return given.join(self.giving(Prompts).select("prompt_id"), on="prompt_id", how="anti")

    def right(self, answers: pl.DataFrame) -> pl.Series:
        """For each of ``answers`` (``prompt_id``, ``text`` and, where some are only begun,
        ``ended``) whether it is right, as `assets.project.label_truth.right_responses` says. A text
        is checked once, however many rows have it."""
        keys = [name for name in ("prompt_id", "text", "ended") if name in answers.columns]
        once = answers.select(keys).unique(maintain_order=True)
        known = pl.Series(
            "right", right_responses(once, self.given_prompts(), self.checks), dtype=pl.Boolean
        )
        told = once.with_columns(known)
        return answers.select(keys).join(told, on=keys, how="left", maintain_order="left")["right"]

    def _over(self, name: str, *, refused: bool) -> pl.DataFrame:
        read = self._dropped if refused else self.at
        parts = [
            read(name, refresh).with_columns(refresh=pl.lit(refresh)) for refresh in self.ran(name)
        ]
        if not parts:
            return pl.DataFrame(schema={"refresh": pl.String})
        return pl.concat(parts, how="diagonal_relaxed")

    def _dropped(self, name: str, refresh: str) -> pl.DataFrame:
        return self.tables.read_dropped((self.recipe.name, name), refresh)


def load_report_data(
    project: Project, recipe: str, stage: str | None, *, refresh: str | None
) -> ReportData:
    """What there is to tell of ``recipe``'s ``stage`` (by default what the recipe is for) at
    ``refresh`` (by default all). Raises `FactoryError` where there is no row, or none of a kind
    that a page shows."""
    component = project.recipes[recipe]
    stages = component.planned(project.settings)
    name = stage or data_stage(project, recipe)[0]
    known = {each.name: each for each in stages if each.gives in BROWSED}
    if name not in known:
        if name in GIVEN or any(each.name == name for each in stages):
            raise FactoryError(
                f"{recipe}/{name} is no dataset of pairs, step labels, demonstrations or "
                f"responses; those that can be reported: {', '.join(known) or 'none'}"
            )
        raise FactoryError(f"{recipe} has no stage {name!r}; {near(name, known)}")
    tables = Tables(project.settings.root_path)
    found = ReportData(
        project,
        component,
        stages,
        known[name],
        found_refreshes(tables, recipe, name, refresh=refresh),
        tables,
        {name: source.check for name, source in project.sources.items() if source.check},
    )
    if found.rows(name).is_empty():
        raise FactoryError(
            f"{recipe}/{name} kept no row at {', '.join(found.refreshes)}, so there is nothing to "
            f"report; factory run {recipe} tells what each stage dropped, and why"
        )
    return found
