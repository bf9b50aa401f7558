"""The data of a report: the tables of a recipe at some refreshes. Each table is read once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import polars as pl

from assets.config.errors import FactoryError
from assets.project.find_rows import data_stage, found_refreshes
from assets.project.label_truth import right_responses
from assets.project.project import Project
from assets.project.recipe import RecipeSpec
from assets.project.recipe_plan import GIVEN, Stage
from assets.storage.tables import Tables
from schemas import (
    Checkpoints,
    Operator,
    Prompts,
    Table,
    TaskEvaluations,
    empty,
)
from schemas.near import near

WITHOUT_TEXT: tuple[type[Table], ...] = (Checkpoints, TaskEvaluations)
"""The tables that a page cannot show: neither they nor the tables before them hold a text."""


@dataclass(frozen=True)
class ReportData:
    """The tables of ``recipe`` at ``refreshes`` (oldest first). ``stage`` is the reported one.

    ``checks`` has the import path of each source's check, by the source's name.
    """

    project: Project
    recipe: RecipeSpec
    stages: Sequence[Stage]
    stage: Stage
    refreshes: Sequence[str]
    tables: Tables
    checks: Mapping[str, str]
    _kept: dict[tuple[str, str], pl.DataFrame] = field(default_factory=dict)

    @classmethod
    def of_refresh(cls, project: Project, recipe: str, refresh: str) -> Self:
        """The data of one refresh. The reported stage is the last one."""
        spec = project.recipes[recipe]
        stages = spec.planned(project.settings)
        return cls(project, spec, stages, stages[-1], [refresh], project.tables, project.checks)

    def at(self, name: str, refresh: str) -> pl.DataFrame:
        """The rows that a stage kept at one refresh. Raises `MissingTableError`."""
        if (name, refresh) not in self._kept:
            if name == "held_out":
                frame = self.tables.read(("prompts", self.project.settings.held_out), None)
            else:
                frame = self.tables.read((self.recipe.name, name), refresh)
            self._kept[name, refresh] = frame
        return self._kept[name, refresh]

    def rows(self, name: str) -> pl.DataFrame:
        """The rows of a stage at all its refreshes, with the column ``refresh``."""
        return self._over(name, refused=False)

    def refused(self, name: str) -> pl.DataFrame:
        """The `schemas.Dropped` rows of a stage at all its refreshes."""
        return self._over(name, refused=True)

    def ran(self, name: str) -> list[str]:
        """The refreshes of the report at which a stage ran."""
        stored = self.tables.refreshes((self.recipe.name, name))
        return [refresh for refresh in self.refreshes if refresh in stored]

    def giving(self, table: type[Table]) -> pl.DataFrame:
        """The rows of all stages that give ``table``, each once, with the columns ``refresh`` and
        ``stage``."""
        ran = [stage for stage in self.stages if stage.gives is table and self.ran(stage.name)]
        frames = [self.rows(stage.name).with_columns(stage=pl.lit(stage.name)) for stage in ran]
        if not frames:
            return empty(table).with_columns(refresh=pl.lit(""), stage=pl.lit(""))
        (unit,) = table.primary_key()
        return pl.concat(frames, how="diagonal_relaxed").unique(
            unit, keep="first", maintain_order=True
        )

    def prompts(self) -> pl.DataFrame:
        """All prompts: the drawn ones, the held-out ones, and those that a stage made."""
        reading = {name for stage in self.stages for name in stage.reads}
        frames = [self.rows("prompts")]
        if "held_out" in reading:
            frames.append(self.at("held_out", self.refreshes[-1]))
        frames.append(self.giving(Prompts).drop("stage"))
        return pl.concat(frames, how="diagonal_relaxed").unique(
            "prompt_id", keep="first", maintain_order=True
        )

    def given_prompts(self) -> pl.DataFrame:
        """The prompts that came from sources. Only for these can a source's check know the right
        answer; a prompt that a stage made may ask for a judgement, for example."""
        prompts = self.prompts()
        return prompts.join(self.giving(Prompts).select("prompt_id"), on="prompt_id", how="anti")

    def right(self, answers: pl.DataFrame) -> pl.Series:
        """Whether each answer is right, by `assets.project.label_truth.right_responses`.

        Equal texts are checked once.

        Args:
            answers: Columns ``prompt_id`` and ``text``, and ``ended`` if some are unfinished.
        """
        keys = [name for name in ("prompt_id", "text", "ended") if name in answers.columns]
        once = answers.select(keys).unique(maintain_order=True)
        known = pl.Series(
            "right", right_responses(once, self.given_prompts(), self.checks), dtype=pl.Boolean
        )
        checked = once.with_columns(known)
        joined = answers.select(keys).join(checked, on=keys, how="left", maintain_order="left")
        return joined["right"]

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
    """Load the data of a report.

    Args:
        stage: By default the stage that gives the recipe's data.
        refresh: One refresh; by default all.

    Raises:
        FactoryError: The stage has no rows, or gives a table that a page cannot show.
    """
    component = project.recipes[recipe]
    stages = component.planned(project.settings)
    name = stage or data_stage(project, recipe)[0]
    known = {each.name: each for each in stages if each.gives not in WITHOUT_TEXT}
    known["prompts"] = Stage("prompts", Operator(), Prompts, ())
    if name not in known:
        if name in GIVEN or any(each.name == name for each in stages):
            raise FactoryError(
                f"{recipe}/{name} does not hold text; stages that can be reported: "
                f"{', '.join(known)}"
            )
        raise FactoryError(f"{recipe} has no stage {name!r}; {near(name, known)}")
    tables = Tables(project.settings.root_path)
    data = ReportData(
        project,
        component,
        stages,
        known[name],
        found_refreshes(tables, recipe, name, refresh=refresh),
        tables,
        {name: source.check for name, source in project.sources.items() if source.check},
    )
    if data.rows(name).is_empty():
        raise FactoryError(
            f"{recipe}/{name} kept no row at {', '.join(data.refreshes)}, so there is nothing to "
            f"report; factory run {recipe} shows what each stage dropped, and why"
        )
    return data
