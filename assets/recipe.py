"""The component of a recipe: ``type: assets.Recipe`` in a ``defs.yaml``.

    type: assets.Recipe
    attributes:
      name: online_dpo
      paper: {title: "RLHF Workflow: …", code: https://…}
      claim: "what the paper says that can be measured"
      control: random_pairs              # the recipe that it is compared with; null: none
      measure: {use: assets.claims.PolicyGain, of: validated, control: validated}
      rounds: 1                          # refreshes over which the claim is measured
      rows: 512                          # prompts a refresh
      sources: {gsm8k: 1.0}              # instead of those that factory.yaml binds
      seed: 0
      gate: no_worse                     # what a policy must pass so that the next refresh starts
                                         # from it (assets/policy/promotion.py); none: nothing
      stages:
        responses: {use: generators.Sample, n: 8}
        ...

Each stage becomes the asset ``<name>/<stage>``, a partition of it a refresh. ``prompts`` and
``held_out`` are there to be read without being written. Two things make refreshes once they are
switched on in the UI: the schedule ``<name>_nightly`` each day's, the sensor ``<name>_new_prompts``
one when a source has changed.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from time import perf_counter
from typing import Any, ClassVar

import dagster as dg
import polars as pl
from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, PrivateAttr

from assets import catalogue
from assets.account import RowCounts
from assets.claims.check import claim_check
from assets.claims.measure import Measure
from assets.declared import Declared
from assets.draw import draw
from assets.errors import RecipeError, near
from assets.executing import EXECUTOR, pool_of
from assets.execution.row_accounting import rows_metadata
from assets.execution.stage_context import RecipeContext
from assets.factory import DATASETS, REFRESHES, Factory
from assets.imports import built
from assets.look import described
from assets.news import news_sensor
from assets.nightly import days_before
from assets.plan import GIVEN, Stage, plan, policy_stage
from assets.probing import stop_if_blocked
from assets.promotion import Rule, gate_of
from assets.retrying import in_words, retried
from assets.settings import Settings, load_settings
from assets.stage import check_specs, run_stage
from engines.bindings import Binding
from schemas import Pairs, Prompts, Split, Usage
from schemas.named import subclass_of

_MEASURE = subclass_of(Measure, "a measure")


class Paper(BaseModel):
    """Where a recipe comes from."""

    model_config = ConfigDict(extra="forbid")

    title: str = Field(min_length=1)
    code: str | None = None


class DrawConfig(dg.Config):
    """What a run may say of the prompts it draws. Parameters of stages are the recipe's alone: its
    tables, its card and its claim are of those that its defs.yaml states."""

    rows: int | None = Field(
        default=None,
        ge=1,
        description="Prompts this refresh works on at most. Leave it out for as many as the "
        "recipe says; a smaller number draws the first of those.",
    )


class Recipe(Declared):
    """A published way to make preference or step-level data, as stages of operators."""

    taken: ClassVar[frozenset[str]] = frozenset({"prompts", DATASETS})

    stages: dict[str, Any]
    paper: Paper
    claim: str = Field(min_length=1)
    control: str | None = None
    measure: dict[str, Any] | None = None
    rounds: int = Field(default=1, ge=1, strict=True)
    sources: dict[str, NonNegativeFloat] | None = None
    rows: int = Field(default=512, ge=1, strict=True)
    seed: int = Field(default=0, ge=0, lt=2**63, strict=True)
    gate: Rule = "no_worse"

    _plan: tuple[Mapping[str, Binding], list[Stage]] | None = PrivateAttr(default=None)

    def ready(self) -> None:
        """Raises `RecipeError` where stages or measure cannot be."""
        settings = load_settings()
        self.planned(settings)
        self.measured_by(settings)

    @property
    def family(self) -> str:
        """The kind of recipe: the name of the folder above its own."""
        return Path(self.file).parent.parent.name

    def weights(self, settings: Settings) -> dict[str, float]:
        """The sources that prompts are drawn from, each with its weight above 0."""
        bound = settings.sources if self.sources is None else self.sources
        return {source: weight for source, weight in bound.items() if weight > 0}

    def planned(self, settings: Settings) -> list[Stage]:
        """The stages in running order. Raises `RecipeError` where they cannot run."""
        if not self.weights(settings):
            raise RecipeError("no source has a weight above 0", file=self.file, field="sources")
        # Asked for by many, and the same as long as the roles are bound to the same models.
        if self._plan is None or self._plan[0] != settings.roles:
            self._plan = settings.roles, plan(self.stages, file=self.file, roles=settings.roles)
        return list(self._plan[1])

    def measured_by(self, settings: Settings) -> Measure | None:
        """What measures the claim, if the recipe says. Raises `RecipeError` where it cannot, or
        names a stage that this recipe (or, without a control, its own) does not have."""
        if self.measure is None:
            return None
        file = self.file
        measure: Measure = built(
            self.measure, _MEASURE, file=file, field="measure", folder=Path(file).parent
        )
        own = [stage.name for stage in self.planned(settings)]
        read = measure.stages() + (measure.control_stages() if self.control is None else [])
        for name in read:
            if name not in [*own, *GIVEN]:
                problem = f"there is no stage {name!r}; {near(name, own)}"
                raise RecipeError(problem, file=file, field="measure")
        return measure

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The same, where Dagster loads all components of a folder."""
        return self.definitions(load_settings())

    def definitions(self, settings: Settings) -> dg.Definitions:
        """The recipe's assets, a job of its name that makes them and reads its sources, and the
        schedule that runs it every night."""
        stages = self.planned(settings)
        weights = self.weights(settings)
        trains = policy_stage(stages)
        own = RecipeContext(
            self.name,
            trains.name if trains else None,
            self.seed,
            Path(self.file).parent,
            gate_of(self.name, stages, trains, self.gate, self.seed),
        )
        assets = [self._prompts(weights, settings)]
        assets += [self._asset(stage, own, settings) for stage in stages]
        sources = [dg.AssetKey(["prompts", name]) for name in (*weights, settings.held_out)]
        made = [asset.key for asset in assets]
        # Datasets that are made from this recipe grow with each of its refreshes.
        read_on = dg.AssetSelection.assets(*made).downstream(depth=1)
        grow = read_on & dg.AssetSelection.groups(DATASETS)
        job = dg.define_asset_job(
            self.name,
            selection=dg.AssetSelection.assets(*sources, *made) | grow,
            description=catalogue.described_job(self),
            partitions_def=REFRESHES,
            tags=catalogue.tags(self),
            executor_def=EXECUTOR,
        )
        nightly = dg.build_schedule_from_partitioned_job(
            job,
            name=f"{self.name}_nightly",
            description="The refresh of the day that begins (UTC), from the last promoted policy",
        )
        measure = self.measured_by(settings)
        checks = [] if measure is None else [claim_check(self, measure, stages)]
        return dg.Definitions(
            assets=assets,
            asset_checks=checks,
            jobs=[job],
            schedules=[nightly],
            sensors=[news_sensor(self.name, job, list(weights))],
        )

    def _prompts(self, weights: Mapping[str, float], settings: Settings) -> dg.AssetsDefinition:
        recipe, rows = self.name, self.rows
        key = [recipe, "prompts"]

        @dg.asset(
            key=key,
            group_name=recipe,
            partitions_def=REFRESHES,
            description=catalogue.described_prompts(self, weights),
            kinds={"parquet", "polars"},
            tags={**catalogue.tags(self), "table": Prompts.__name__},
            metadata={"dagster/column_schema": catalogue.column_schema(Prompts)},
            ins={"held_out": dg.AssetIn(key=["prompts", settings.held_out])},
            deps=[
                *(dg.AssetDep(["prompts", source]) for source in weights),
                dg.AssetDep(key, partition_mapping=days_before()),
            ],
            io_manager_key="tables",
            required_resource_keys={"factory"},
            check_specs=[dg.AssetCheckSpec("schema", asset=key, description="Every rule holds")],
        )
        def prompts(
            context: dg.AssetExecutionContext, config: DrawConfig, held_out: pl.DataFrame
        ) -> Iterator[dg.MaterializeResult[Split]]:
            factory: Factory = context.resources.factory
            began = perf_counter()
            with retried(context.run, context.retry_number, factory.settings.retries), in_words():
                drawn = draw(
                    factory.tables,
                    recipe=recipe,
                    refresh=context.partition_key,
                    rows=rows if config.rows is None else config.rows,
                    weights=weights,
                    held_out=held_out,
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
                check_results=[described(Prompts, drawn.split.kept)],
            )

        return prompts

    def _asset(self, stage: Stage, own: RecipeContext, settings: Settings) -> dg.AssetsDefinition:
        key = [self.name, stage.name]
        # Whether a pair's label is true is known from its prompt, whatever the operator reads.
        reads = dict.fromkeys([*stage.reads, *(["prompts"] if stage.gives is Pairs else [])])
        keys = {
            name: ["prompts", settings.held_out] if name == "held_out" else [self.name, name]
            for name in reads
        }
        kind = type(stage.operator)

        @dg.asset(
            key=key,
            group_name=self.name,
            partitions_def=REFRESHES,
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
                stage, self.stages[stage.name], settings, seed=self.seed
            ),
            pool=pool_of(stage.operator),
            ins={name: dg.AssetIn(key=upstream) for name, upstream in keys.items()},
            io_manager_key="tables",
            required_resource_keys={"factory"},
            check_specs=check_specs(key, stage),
        )
        def run(
            context: dg.AssetExecutionContext, **tables: pl.DataFrame
        ) -> Iterator[dg.MaterializeResult[Split]]:
            factory: Factory = context.resources.factory
            with retried(context.run, context.retry_number, factory.settings.retries), in_words():
                outcome, result = run_stage(
                    stage,
                    own,
                    factory,
                    refresh=context.partition_key,
                    tables=tables,
                )
            yield result
            # The rows are stored by now, with the results of their checks.
            with in_words():
                stop_if_blocked(outcome.probes, recipe=own.recipe, stage=stage.name)

        return run
