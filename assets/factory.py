"""The Python API: a project of the factory, opened in a script or a notebook.

    from assets import Factory
    from filters import BestWorst
    from generators import Sample

    factory = Factory.open()
    prompts = factory.prompts("gsm8k", rows=4)
    responses = factory.run(Sample(n=4), prompts=prompts).kept
    factory.preview("online_dpo", rows=4)["pairs"].kept
    factory.refresh("online_dpo", rows=64)
    factory.read("online_dpo", "pairs")
    factory.train("demo").path

Only `Factory.refresh` and `Factory.train` need Dagster.
"""

import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

import polars as pl
from upath import UPath

from annotators import Verifier
from assets.comparing.compare import compare
from assets.comparing.comparison import Comparison
from assets.config.errors import FactoryError
from assets.config.settings import Settings
from assets.costs.estimate import SAMPLE, plan_run
from assets.costs.plan import Plan
from assets.execution.preview import preview
from assets.execution.stage_context import RecipeContext, stage_context
from assets.judging.bench import Measured, check_roles, judged
from assets.judging.items import Benchmark, read_benchmark, sampled_pairs
from assets.judging.kept import keep_figures
from assets.project.changes import Changes
from assets.project.find_rows import found_table, model_name
from assets.project.project import Project, load_project
from assets.project.recipe import RecipeSpec
from assets.project.refusal import Declarations
from assets.prompts.read_source import read_source
from assets.storage.model_versions import ModelVersion, ModelVersions
from assets.storage.tables import Tables
from engines.context import Context
from engines.operators.model_defaults import with_model_defaults
from generators import Sample
from schemas import Operator, Split
from schemas.atomic import temporary_folder

if TYPE_CHECKING:
    from assets.refresh import Outcome


class Factory:
    """A project: its settings, recipes, sources and stored tables."""

    def __init__(self, project: Project) -> None:
        """Make a factory of a loaded project. `Factory.open` also loads the project.

        Args:
            project: The project.
        """
        self.project = project

    @classmethod
    def open(cls, names: Collection[str] | None = None) -> Self:
        """Open the project of the current directory, or of the file that ``FACTORY_CONFIG`` names.

        Args:
            names: The recipes, datasets and models that are needed. With many recipes it is quicker
                not to load all, which is the default.

        Raises:
            FactoryError: The configuration is wrong. A recipe or source that is wrong stops no
                other: ``factory.project.refusals`` has its error.
        """
        return cls(load_project(names))

    @property
    def settings(self) -> Settings:
        """The configuration."""
        return self.project.settings

    @property
    def recipes(self) -> Declarations[RecipeSpec]:
        """The recipes by name, without those whose ``defs.yaml`` is wrong."""
        return self.project.recipes

    @property
    def models(self) -> dict[str, list[ModelVersion]]:
        """The downstream models by name, each with its stored versions, oldest first."""
        found = {}
        for name in sorted(self.project.models):
            versions = ModelVersions(self.settings.models_path, name)
            found[name] = [versions.version(number) for number in versions.numbers()]
        return found

    def prompts(self, source: str, *, rows: int) -> pl.DataFrame:
        """Read prompts of a source. Nothing is stored.

        Args:
            source: The name of a source.
            rows: The largest number of prompts.

        Returns:
            A `schemas.Prompts` table: the first rows of the source.

        Raises:
            FactoryError: There is no such source, or it cannot be read.
        """
        with temporary_folder("factory-prompts-") as folder:
            return read_source(
                self.project, source, Tables(UPath(folder)), refresh=self._today, rows=rows
            ).kept

    def run(self, operator: Operator, /, **tables: pl.DataFrame) -> Split:
        """Run one operator. Answers of models are journaled; no table is stored.

        Parameters that are not set have the defaults of the role's model, as in a recipe.

        Args:
            operator: An operator with its parameters, such as ``generators.Sample(n=4)``.
            tables: The tables that it reads, by the names that the operator uses: ``prompts=…``,
                ``responses=…``.

        Returns:
            The kept and dropped rows, and a report with the cost of the models.

        Raises:
            FactoryError: A table that the operator reads is missing.
            EngineError: No row can be answered, or too many rows failed.
        """
        missing = [read.stage for read in operator.inputs() if read.stage not in tables]
        if missing:
            raise FactoryError(
                f"{type(operator).__name__} reads {', '.join(map(repr, missing))}: pass each table "
                "as an argument of that name"
            )
        context = self._context("python", type(operator).__name__.lower(), 0)
        filled, _ = with_model_defaults(operator, self.settings.defaults())
        return filled.run(tables, context)

    def preview(self, recipe: str, *, rows: int = 4, until: str | None = None) -> dict[str, Split]:
        """Run the stages of a recipe on a few prompts, without training.

        No table is stored. Answers of models are journaled, so a later refresh with the same
        questions does not pay for them again.

        Args:
            recipe: The name of a recipe.
            rows: The largest number of prompts.
            until: The last stage that runs; by default all of them do.

        Returns:
            The kept and dropped rows of each stage, in running order. Stages that train are left
            out, and stages that need a trained model.

        Raises:
            FactoryError: There is no such recipe or stage, or a source cannot be read.
            EngineError: No row can be answered, or too many rows failed.
        """
        spec = self._recipe(recipe)
        self.project.require(recipe)
        return preview(self.project, spec, refresh=self._today, rows=rows, until=until)

    def plan(
        self,
        recipe: str,
        *,
        refresh: str | None = None,
        rows: int | None = None,
        held_out: int | None = None,
        sample: int = SAMPLE,
        set: Changes | None = None,
    ) -> Plan:
        """Estimate what a refresh asks of models, before it is made.

        The stages run on a few of its prompts, without training. The answers of models to these
        are journaled, so that the refresh does not pay for them again.

        Args:
            recipe: The name of a recipe.
            refresh: A day, such as ``2026-01-31``; by default today (UTC).
            rows: The largest number of prompts; by default the number that the recipe sets.
            held_out: The largest number of held-out prompts, as for `refresh`.
            sample: The largest number of prompts that the stages run on.
            set: Parameters of stages for this run, such as ``{"responses.max_tokens": 64}``.

        Returns:
            The calls, tokens and prices by stage and role, and the trainings.

        Raises:
            FactoryError: There is no such recipe, or a source cannot be read.
        """
        spec = self._recipe(recipe)
        self.project.require(recipe, set)
        return plan_run(
            self.project,
            spec,
            refresh=refresh or self._today,
            rows=spec.rows if rows is None else rows,
            held_out=held_out or spec.held_out_rows(rows),
            sample=sample,
            changes=set,
        )

    def refresh(
        self,
        recipe: str,
        *,
        refresh: str | None = None,
        rows: int | None = None,
        held_out: int | None = None,
        set: Changes | None = None,
    ) -> "Outcome":
        """Run all stages of a recipe and store their tables, as ``factory run`` does.

        Args:
            recipe: The name of a recipe.
            refresh: A day, such as ``2026-01-31``; by default today (UTC).
            rows: The largest number of prompts; by default the number that the recipe sets.
            held_out: The largest number of held-out prompts that policies are validated on; by
                default all or, with fewer ``rows`` than the recipe sets, as many as ``rows``.
            set: Parameters of stages for this run, such as ``{"responses.max_tokens": 64}``.

        Returns:
            The result of the refresh.

        Raises:
            FactoryError: There is no such recipe, or the day is not possible.
        """
        from assets.definitions import build_definitions
        from assets.refresh import rounds, run_refresh

        self.project.require(recipe, set)
        (day,) = rounds(refresh, 1, self.project.settings.schedule)
        definitions = build_definitions(self.project, [recipe])
        return run_refresh(
            self.project,
            definitions,
            recipe,
            refresh=day,
            rows=rows,
            held_out=held_out or self.recipes[recipe].held_out_rows(rows),
            changes=set,
        )

    def train(self, model: str) -> ModelVersion:
        """Train, validate and promote a downstream model, as ``factory train`` does.

        It learns the newest versions of its datasets. A finished training is not repeated.

        Args:
            model: The name of a model.

        Returns:
            The version. ``promoted`` tells whether roles start from it, and ``reason`` why not.

        Raises:
            FactoryError: There is no such model, or a dataset has no rows.
            EngineError: A training or a validation failed.
        """
        from assets.definitions import build_definitions
        from assets.models.train import train_model

        name = model_name(self.project, model)
        return train_model(self.project, build_definitions(self.project, [], [name]), name)

    def read(
        self, recipe: str, stage: str | None = None, *, refresh: str | None = None
    ) -> pl.DataFrame:
        """Read the stored rows of a stage.

        Args:
            recipe: The name of a recipe, or ``prompts`` for the table of a source.
            stage: The name of a stage or source. By default the last stage of pairs, step labels
                or demonstrations.
            refresh: The day of the refresh; by default the newest.

        Raises:
            FactoryError: There is no such table.
        """
        if recipe != "prompts":
            self._recipe(recipe)
        return found_table(self.project, recipe, stage, refresh=refresh)[2]

    def compare(self, first: str, second: str) -> Comparison:
        """Compare two refreshes, two recipes, or two versions of a dataset or a model.

        It calls no model. `assets.comparing.page.comparison_page` makes an HTML page of the result.

        Args:
            first: A recipe, ``datasets/NAME`` or ``models/NAME``. ``@2026-01-31`` after it names a
                refresh and ``@2`` a version; by default the newest.
            second: What it is compared with, of the same kind.

        Returns:
            Both side by side: stages, rows in common, scores, policies, claims, and the models and
            parameters that differ.

        Raises:
            FactoryError: There is no such thing, or the two cannot be compared.
        """
        return compare(self.project, first, second)

    def judge_bench(
        self,
        roles: Sequence[str],
        on: str,
        *,
        rows: int | None = 200,
        seed: int = 0,
        votes: int | None = None,
        group: str | None = None,
        probes: bool = False,
    ) -> Measured:
        """Measure roles as judges where the right verdict is known. Answers are journaled, and the
        figures are kept: the card of a downstream model shows those of its version.

        Pairs are shown in both orders. Of solutions with labelled steps the first wrong step is
        asked for.

        Args:
            roles: The roles; the others are compared with the first.
            on: ``SHAPE=PATH``, a file in a shape of ``factory import`` with preferences or first
                errors (``reward-bench=…``, ``judgebench=…``, ``processbench=…``); or the name of a
                source with a check, of whose prompts a right response of the role ``policy`` is
                compared with a wrong one.
            rows: The most items, or prompts of a source; None: all. They are drawn by ``seed``.
            seed: The seed of the draw and of the policy's responses.
            votes: The number of written verdicts of each question; by default verdicts on pairs are
                read from the probabilities of the answers.
            group: The column of the file that names the group of a row.
            probes: Whether each role is also probed, as a judge of a recipe is: it must not fall
                for an empty answer, an opener, or an answer to something else.

        Returns:
            The figures of each role, and its verdicts.

        Raises:
            FactoryError: A role is not bound, or the file or source has nothing to judge.
            EngineError: Too many items failed.
        """
        check_roles(self.project, roles)
        shape, is_file, place = on.partition("=")
        if is_file:
            benchmark = read_benchmark(shape, place, rows=rows, seed=seed, group=group)
        else:
            benchmark = self._right_and_wrong(on, rows=rows, seed=seed)
        context = self._context("judge-bench", on, seed)
        measured = judged(self.project, roles, benchmark, context, votes=votes, probes=probes)
        keep_figures(self.settings.root_path, measured, votes=votes)
        return measured

    def _right_and_wrong(self, source: str, *, rows: int | None, seed: int) -> Benchmark:
        """Pairs of a right and a wrong response of the policy to the prompts of a source."""
        if source in self.project.sources and source not in self.project.checks:
            raise FactoryError(f"source {source!r} has no check, which tells right from wrong")
        if "policy" not in self.settings.roles:
            raise FactoryError("no role 'policy' is bound, which writes the responses to judge")
        prompts = self.prompts(source, rows=rows or sys.maxsize)
        context = self._context("judge-bench", source, seed)
        defaults = self.settings.defaults()
        sampled, _ = with_model_defaults(Sample(model="policy", n=8), defaults)
        responses = sampled.run({"prompts": prompts}, context).kept
        tables = {"prompts": prompts, "responses": responses}
        return sampled_pairs(
            source, prompts, responses, Verifier().run(tables, context).kept, seed=seed
        )

    def _context(self, recipe: str, stage: str, seed: int) -> Context:
        """The context of an operator that runs outside of any recipe."""
        return stage_context(
            stage,
            RecipeContext(recipe, trains=None, seed=seed, folder=Path.cwd()),
            refresh=self._today,
            settings=self.settings,
            tables=self.project.tables,
            checks=self.project.checks,
        )

    @property
    def _today(self) -> str:
        return self.settings.schedule.today.isoformat()

    def _recipe(self, name: str) -> RecipeSpec:
        if name not in self.recipes:
            raise FactoryError(self.recipes.missing(name))
        return self.recipes[name]
