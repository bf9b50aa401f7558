"""The data of a report: the tables of a recipe at some refreshes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import polars as pl

from assets.config.errors import FactoryError
from assets.project.find_rows import data_stage, found_refreshes
from assets.project.given_prompts import given_tables
from assets.project.label_truth import right_responses
from assets.project.project import Project
from assets.project.recipe import RecipeSpec
from assets.project.recipe_plan import GIVEN, Stage
from assets.storage.tables import Question, Tables, having
from schemas import (
    Checkpoints,
    Operator,
    Prompts,
    Table,
    TaskEvaluations,
    empty,
    id_column,
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
            self._kept[name, refresh] = self.tables.read(*self._stored(name, refresh))
        return self._kept[name, refresh]

    def ids(self, name: str, refresh: str, *columns: str) -> pl.DataFrame:
        """Those of ``columns`` that the table of a stage has, at one refresh. Raises
        `MissingTableError`."""
        return self.tables.query(*self._stored(name, refresh), _only(columns))

    def rows(self, name: str, *columns: str) -> pl.DataFrame:
        """The rows of a stage at all its refreshes, with the column ``refresh``: those of
        ``columns`` that the table has, by default all."""
        if columns:
            return self.query(name, _only(columns))
        return self._over(name, lambda refresh: self.at(name, refresh))

    def query(self, name: str, question: Question) -> pl.DataFrame:
        """`assets.storage.tables.Tables.query` of each refresh of a stage, with the column
        ``refresh``."""
        return self._over(
            name, lambda refresh: self.tables.query(*self._stored(name, refresh), question)
        )

    def select(self, name: str, question: Question) -> pl.DataFrame:
        """`assets.storage.tables.Tables.select` of each refresh of a stage, with the column
        ``refresh``."""
        return self._over(
            name, lambda refresh: self.tables.select(*self._stored(name, refresh), question)
        )

    def height(self, name: str) -> int:
        """The number of rows of a stage at all its refreshes."""
        return sum(self.tables.height(*self._stored(name, refresh)) for refresh in self.ran(name))

    def refused(self, name: str) -> pl.DataFrame:
        """The `schemas.Dropped` rows of a stage at all its refreshes."""
        return self._over(
            name, lambda refresh: self.tables.read_dropped((self.recipe.name, name), refresh)
        )

    def ran(self, name: str) -> list[str]:
        """The refreshes of the report at which a stage ran."""
        stored = self.tables.refreshes((self.recipe.name, name))
        return [refresh for refresh in self.refreshes if refresh in stored]

    def giving(self, table: type[Table]) -> list[str]:
        """The stages that give ``table`` and have run."""
        return [each.name for each in self.stages if each.gives is table and self.ran(each.name)]

    def distinct_rows(
        self, table: type[Table], *columns: str, where: pl.Expr | None = None
    ) -> pl.DataFrame:
        """The id and ``columns`` of the rows of all stages that give ``table``, each row once.

        Args:
            table: The table.
            columns: The columns.
            where: Leaves out the other rows, which are then never in memory together.
        """
        unit = id_column(table)
        names = self.giving(table)
        if not names:
            return empty(table).select(unit, *columns).with_columns(refresh=pl.lit(""))
        if where is None:
            frames = [self.rows(name, unit, *columns) for name in names]
        else:
            frames = [
                self.select(name, lambda rows: rows.filter(where).select(unit, *columns))
                for name in names
            ]
        if len(frames) == len(self.refreshes) == 1:
            return frames[0]
        return pl.concat(frames).unique(unit, keep="first", maintain_order=True)

    def with_ids(self, table: type[Table], ids: pl.Series, *columns: str) -> pl.DataFrame:
        """The rows of all stages that give ``table`` whose ids, or the ids of whose prompts, are
        in ``ids``, each row once, with the column ``stage``. ``ids`` has the name of the
        column of ids. With ``columns``, these and the id only: texts are long to read."""
        unit = id_column(table)
        selected = pl.col(unit, *columns) if columns else pl.all()
        frames = [
            self.select(name, lambda rows: having(ids)(rows).select(selected)).with_columns(
                stage=pl.lit(name)
            )
            for name in self.giving(table)
        ]
        if not frames:
            return empty(table).with_columns(refresh=pl.lit(""), stage=pl.lit(""))
        return pl.concat(frames, how="diagonal_relaxed").unique(
            unit, keep="first", maintain_order=True
        )

    def prompts(self, ids: pl.Series) -> pl.DataFrame:
        """The prompts with these ids: drawn ones, held-out ones, and those that a stage made."""
        unique_ids = ids.alias("prompt_id").unique()
        frames = [self.select("prompts", having(unique_ids))]
        if "held_out" in {name for stage in self.stages for name in stage.reads}:
            held_out = self._stored("held_out", self.refreshes[-1])
            frames.append(self.tables.select(*held_out, having(unique_ids)))
        frames.append(self.with_ids(Prompts, unique_ids).drop("stage"))
        return pl.concat(frames, how="diagonal_relaxed").unique(
            "prompt_id", keep="first", maintain_order=True
        )

    def given_prompts(self, ids: pl.Series) -> pl.DataFrame:
        """The prompts with these ids that came from sources. Only for these can a source's check
        know the right answer; a prompt that a stage made may ask for a judgement, for example."""
        unique_ids = ids.alias("prompt_id").unique()
        stage_prompts = self.with_ids(Prompts, unique_ids).filter(
            ~pl.col("stage").is_in(given_tables(self.stages))
        )
        return self.prompts(ids).join(stage_prompts, on="prompt_id", how="anti")

    def right(self, answers: pl.DataFrame) -> pl.Series:
        """Whether each answer is right, by `assets.project.label_truth.right_responses`.

        Equal texts are checked once.

        Args:
            answers: Columns ``prompt_id`` and ``text``, and ``ended`` if some are unfinished.
        """
        keys = [name for name in ("prompt_id", "text", "ended") if name in answers.columns]
        once = answers.select(keys).unique(maintain_order=True)
        prompts = self.given_prompts(answers["prompt_id"])
        right = pl.Series("right", right_responses(once, prompts, self.checks), dtype=pl.Boolean)
        checked = once.with_columns(right)
        joined = answers.select(keys).join(checked, on=keys, how="left", maintain_order="left")
        return joined["right"]

    def _stored(self, name: str, refresh: str) -> tuple[tuple[str, str], str | None]:
        """The key of a stage's table, and its refresh."""
        if name == "held_out":
            return ("prompts", self.project.settings.held_out), None
        return (self.recipe.name, name), refresh

    def _over(self, name: str, read: Callable[[str], pl.DataFrame]) -> pl.DataFrame:
        parts = [read(each).with_columns(refresh=pl.lit(each)) for each in self.ran(name)]
        if not parts:
            return pl.DataFrame(schema={"refresh": pl.String})
        return pl.concat(parts, how="diagonal_relaxed")


def _only(columns: Sequence[str]) -> Question:
    return lambda rows: rows.select(
        name for name in dict.fromkeys(columns) if name in rows.collect_schema()
    )


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
    reportable = {each.name: each for each in stages if each.gives not in WITHOUT_TEXT}
    reportable["prompts"] = Stage("prompts", Operator(), Prompts, ())
    if name not in reportable:
        if name in GIVEN or any(each.name == name for each in stages):
            raise FactoryError(
                f"{recipe}/{name} does not hold text; stages that can be reported: "
                f"{', '.join(reportable)}"
            )
        raise FactoryError(f"{recipe} has no stage {name!r}; {near(name, reportable)}")
    tables = Tables(project.settings.root_path)
    data = ReportData(
        project,
        component,
        stages,
        reportable[name],
        found_refreshes(tables, recipe, name, refresh=refresh),
        tables,
        {name: source.check for name, source in project.sources.items() if source.check},
    )
    if not data.height(name):
        raise FactoryError(
            f"{recipe}/{name} kept no row at {', '.join(data.refreshes)}, so there is nothing to "
            f"report; factory run {recipe} shows what each stage dropped, and why"
        )
    return data
