"""The Dagster component of a recipe: ``type: assets.Recipe`` (`assets.project.recipe`)."""

from collections.abc import Iterator, Mapping, Sequence
from time import perf_counter
from typing import Any, Self

import dagster as dg
from dagster_shared.record import replace
from pydantic import Field
from upath import UPath

from assets.automation.new_prompts_sensor import news_sensor
from assets.automation.nightly_schedule import nightly_schedule
from assets.automation.partitions import days_before, shown_days
from assets.components import asset_metadata as catalogue
from assets.components.declared import DeclaredComponent
from assets.components.refused import refused_assets
from assets.components.stage_asset import run_configuration, stage_asset
from assets.config.errors import RecipeError
from assets.config.settings import Settings, load_settings
from assets.execution.claim_check import claim_check
from assets.execution.column_lineage import column_lineage
from assets.execution.executor import EXECUTOR, pool_of
from assets.execution.judge_probes import stop_if_blocked
from assets.execution.option_mass import stop_if_low
from assets.execution.retry import as_dagster_failure, retried
from assets.execution.row_accounting import rows_metadata
from assets.execution.row_counts import RowCounts
from assets.execution.run_stage import check_specs, run_stage
from assets.execution.schema_check import schema_check
from assets.execution.stage_context import RecipeContext, with_held_out
from assets.project.changes import WHERE
from assets.project.dataset import DATASETS
from assets.project.declaration import Declaration
from assets.project.given_prompts import given_tables
from assets.project.publish import PUBLISHED
from assets.project.recipe import RecipeSpec
from assets.project.recipe_plan import Stage, with_read
from assets.project.refusal import Refusal
from assets.project.resources import Resources
from assets.prompts.sample_prompts import draw
from assets.storage.stage_parts import StageParts
from assets.storage.tables import read_table
from schemas import Pairs, Prompts, Split, Usage


class DrawConfig(dg.Config):
    """The run configuration of the stage prompts."""

    rows: int | None = Field(
        default=None,
        ge=1,
        description="The largest number of prompts of this refresh. By default the number that "
        "the recipe sets. A smaller number draws the first of the same prompts, and stages that "
        "draw prompts of their own draw fewer in proportion.",
    )


class StageConfig(dg.Config):
    """The run configuration of every other stage."""

    set: dict[str, Any] = Field(
        default_factory=dict,
        description="Parameters of the stage's operator for this run, by name, such as "
        "{max_tokens: 64}. What a run sets is kept with the table.",
    )
    held_out: int | None = Field(
        default=None,
        ge=1,
        description="The largest number of held-out prompts that this run asks. By default all. A "
        "smaller number takes some of the same prompts.",
    )


class Recipe(RecipeSpec, DeclaredComponent):
    """A recipe: an asset for each of its stages, a job, a schedule and a sensor."""

    @classmethod
    def of(cls, spec: Declaration) -> Self:
        """Make the component of a recipe of the project, fitted to the same sources."""
        component = super().of(spec)
        if isinstance(spec, RecipeSpec):
            component._sources = spec._sources
            component._plan = spec._plan
            component._fitted = spec._fitted
        return component

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Return `definitions`. Dagster calls this when it loads the components of a folder.

        A recipe that cannot run has only an asset with the error.
        """
        settings = load_settings()
        if (error := self.refusal(settings)) is not None:
            refusal = Refusal(self.kind, self.name, self.file, error)
            return dg.Definitions(assets=refused_assets([refusal]))
        return self.definitions(settings, shown_days(settings))

    def definitions(self, settings: Settings, days: dg.DailyPartitionsDefinition) -> dg.Definitions:
        """The Dagster definitions of the recipe.

        They hold the assets and their checks, a job with the name of the recipe, a nightly
        schedule, and a sensor for new prompts if a source can report them. The job also reads the
        sources of the recipe.

        Args:
            settings: The configuration.
            days: The partitions: the days that can be refreshed.
        """
        stages = self.planned(settings)
        weights = self.weights(settings)
        recipe = RecipeContext.of(self, stages)
        referenced = self.fitted(settings).referenced
        assets = [self._prompts(weights, settings, referenced, days)]
        assets += [self._asset(stage, recipe, settings, days) for stage in stages]
        asked = self.asked_of_sources(stages, settings, self.rows)
        sources = [dg.AssetKey(["prompts", name]) for name in (*asked, settings.held_out)]
        keys = [asset.key for asset in assets]
        # Each refresh adds rows to the curated datasets that use this recipe.
        downstream = dg.AssetSelection.assets(*keys).downstream(depth=1)
        datasets = downstream & dg.AssetSelection.groups(DATASETS)
        exports = (dg.AssetSelection.assets(*keys) | datasets).downstream(depth=1)
        job = dg.define_asset_job(
            self.name,
            selection=dg.AssetSelection.assets(*sources, *keys)
            | datasets
            | (exports & dg.AssetSelection.groups(PUBLISHED)),
            description=catalogue.described_job(self),
            partitions_def=days,
            tags=catalogue.tags(self),
            config={"ops": self._rows_config(stages, settings, self.rows)},
            executor_def=EXECUTOR,
        )
        schedule = self.scheduled(settings)
        nightly = nightly_schedule(
            self.name,
            job,
            schedule,
            self._rows_config(stages, settings, schedule.rows or self.rows),
            timezone=settings.schedule.timezone,
            tags=catalogue.tags(self),
        )
        # A sensor of sources that can report nothing would only fill the page of automations.
        sensors = []
        if self.hears_news:
            sensors.append(news_sensor(self.name, job, list(weights), tags=catalogue.tags(self)))
        measure = self.measured_by(settings)
        checks = [] if measure is None else [claim_check(self, measure, stages)]
        return dg.Definitions(
            assets=assets,
            asset_checks=checks,
            jobs=[job],
            schedules=[nightly],
            sensors=sensors,
        )

    def _rows_config(
        self, stages: Sequence[Stage], settings: Settings, rows: int
    ) -> dict[str, Any]:
        """The run configuration of the stages that take a number of rows."""
        asked = self.asked_of_sources(stages, settings, rows)
        wanted = {f"{self.name}__prompts": rows}
        wanted |= {f"prompts__{source}": most for source, most in asked.items()}
        return {name: {"config": {"rows": most}} for name, most in wanted.items()}

    def _set_by_run(
        self, stage: Stage, config: StageConfig, run: Mapping[str, Any], settings: Settings
    ) -> Mapping[str, Any]:
        """The parameters of a stage that a run sets. One that draws prompts of its own draws fewer
        in a run of fewer prompts."""
        prompts = run.get("ops", {}).get(f"{self.name}__prompts", {}).get("config") or {}
        drawn = self.drawn_for(settings, prompts.get("rows")).get(f"{stage.declared}.rows")
        return config.set if drawn is None else {"rows": drawn, **config.set}

    def _for_run(self, stage: Stage, given: Mapping[str, Any], settings: Settings) -> Stage:
        """The stage with the parameters that a run sets."""
        if not given:
            return stage
        changes = {f"{stage.name}.{name}": value for name, value in given.items()}
        (changed,) = (each for each in self.changed(settings, changes) if each.name == stage.name)
        if check_specs([], changed) != check_specs([], stage):
            raise RecipeError(
                "this decides which checks the stage has: change the recipe",
                file=WHERE,
                stage=stage.name,
                field="probes",
            )
        return changed

    def _prompts(
        self,
        weights: Mapping[str, float],
        settings: Settings,
        referenced: frozenset[str],
        days: dg.DailyPartitionsDefinition,
    ) -> dg.AssetsDefinition:
        recipe, rows = self.name, self.rows
        key, asked = dg.AssetKey([recipe, "prompts"]), dg.AssetKey(["prompts", settings.held_out])

        def prompts(
            context: dg.AssetExecutionContext, tables: Mapping[str, UPath]
        ) -> Iterator[dg.MaterializeResult[Split]]:
            config = run_configuration(context, DrawConfig)
            factory: Resources = context.resources.factory
            began = perf_counter()
            with (
                retried(context.run, context.retry_number, factory.settings.retries),
                as_dagster_failure(),
            ):
                drawn = draw(
                    factory.tables,
                    recipe=recipe,
                    refresh=context.partition_key,
                    rows=rows if config.rows is None else config.rows,
                    weights=weights,
                    held_out=read_table(tables["held_out"]),
                    referenced=referenced,
                )
            seconds = perf_counter() - began
            counts = RowCounts.of(drawn.split)
            yield dg.MaterializeResult(
                value=drawn.split,
                metadata={
                    **rows_metadata(Prompts, drawn.split, counts, seconds=seconds, usage=Usage()),
                    "mixture": dg.MetadataValue.json(dict(drawn.mixture)),
                    "stamps": dg.MetadataValue.json(dict(drawn.stamps)),
                    **({} if drawn.split.kept.height else {"says": drawn.says}),
                },
                check_results=[schema_check(Prompts, drawn.split.kept)],
            )

        spec = dg.AssetSpec(
            key,
            group_name=catalogue.group(self),
            partitions_def=days,
            description=catalogue.described_prompts(self, weights),
            kinds={"parquet", "polars"},
            tags={**catalogue.tags(self), "table": Prompts.__name__},
            metadata={"dagster/column_schema": catalogue.column_schema(Prompts)},
            deps=[
                asked,
                *(dg.AssetKey(["prompts", source]) for source in weights),
                dg.AssetDep(key, partition_mapping=days_before()),
            ],
        )
        check = dg.AssetCheckSpec("schema", asset=key, description="Every rule holds")
        return stage_asset(
            prompts, spec, config=DrawConfig, checks=[check], ins={"held_out": asked}
        )

    def _asset(
        self,
        stage: Stage,
        recipe: RecipeContext,
        settings: Settings,
        days: dg.DailyPartitionsDefinition,
    ) -> dg.AssetsDefinition:
        key = dg.AssetKey([self.name, stage.name])
        # Label accuracy of pairs needs the prompts, even if the operator does not read them.
        needed = with_read(recipe.stages, stage.reads) if stage.gives is Pairs else []
        given = given_tables(needed) if stage.gives is Pairs else ()
        reads = dict.fromkeys([*stage.reads, *given])
        keys = {
            name: dg.AssetKey(
                ["prompts", settings.held_out] if name == "held_out" else [self.name, name]
            )
            for name in reads
        }
        sources = [dg.AssetKey(["prompts", source]) for source in stage.sources]
        kind = type(stage.operator)
        gives = {each.name: each.gives for each in recipe.stages}
        lineage = column_lineage(
            stage.gives,
            {keys[name]: gives.get(name, Prompts) for name in stage.reads}
            | dict.fromkeys(sources, Prompts),
        )

        def run(
            context: dg.AssetExecutionContext, tables: Mapping[str, UPath]
        ) -> Iterator[dg.MaterializeResult[Split | StageParts]]:
            config = run_configuration(context, StageConfig)
            factory: Resources = context.resources.factory
            configured: Mapping[str, Any] = context.run.run_config
            with (
                retried(context.run, context.retry_number, factory.settings.retries),
                as_dagster_failure(),
            ):
                changed = self._set_by_run(stage, config, configured, settings)
                outcome, result = run_stage(
                    self._for_run(stage, changed, settings),
                    recipe,
                    factory,
                    refresh=context.partition_key,
                    tables=with_held_out(stage, tables, config.held_out),
                )
            result = replace(
                result, metadata={**(result.metadata or {}), "dagster/column_lineage": lineage}
            )
            if changed or config.held_out:
                # A table with other values is another one for the stages that read it.
                version = dg.DataVersion(f"{context.run.run_id}/{stage.name}")
                result = replace(result, data_version=version)
            yield result
            # At this point the rows and the results of their checks are stored.
            with as_dagster_failure():
                stop_if_blocked(outcome.probes, recipe=recipe.recipe, stage=stage.name)
                stop_if_low(outcome.choices, recipe=recipe.recipe, stage=stage.name)

        spec = dg.AssetSpec(
            key,
            group_name=catalogue.group(self),
            partitions_def=days,
            description=catalogue.described_stage(self, stage),
            kinds=catalogue.kinds(stage, settings),
            tags={
                **catalogue.tags(self),
                "table": stage.gives.__name__,
                "operator": kind.__name__,
            },
            metadata={
                "parameters": dg.MetadataValue.json(stage.operator.model_dump(mode="json")),
                "dagster/column_schema": catalogue.column_schema(stage.gives),
            },
            code_version=catalogue.code_version(
                stage, self.specs(settings).get(stage.declared, {}), settings, seed=self.seed
            ),
            deps=[*keys.values(), *sources],
        )
        return stage_asset(
            run,
            spec,
            config=StageConfig,
            checks=check_specs([self.name, stage.name], stage),
            ins=keys,
            pool=pool_of(stage.operator),
        )
