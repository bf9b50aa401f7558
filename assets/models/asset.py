"""The Dagster assets of a downstream model: one for each stage, one for its version, and a job."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from assets.automation.new_data import on_new_data
from assets.components import asset_metadata as catalogue
from assets.config.settings import Settings
from assets.execution.executor import EXECUTOR, pool_of
from assets.execution.retry import as_dagster_failure, retried
from assets.execution.run_stage import check_specs, checks_of, metadata_of
from assets.models.open_version import open_version
from assets.models.run import ModelRun, decide, train_stage, validate_stage
from assets.project.dataset import DATASETS
from assets.project.model import MODELS
from assets.project.model_plan import ModelPlan, ModelStage
from assets.project.publish import PUBLISHED
from assets.project.resources import Resources
from assets.storage.model_versions import ModelVersion, ModelVersions
from schemas import Checkpoints, Split

NO_WORSE = "no_worse"


def model_definitions(plan: ModelPlan, settings: Settings) -> dg.Definitions:
    """The assets of a model, and the job with its name.

    Args:
        plan: The plan of the model.
        settings: The configuration.
    """
    own = _own(plan)
    condition = condition_of(plan)
    assets = [
        *(_stage_asset(plan, each, settings, condition) for each in (*plan.train, *plan.validate)),
        _version_asset(plan, condition),
    ]
    sources = [dg.AssetKey(["prompts", source]) for source in plan.sources]
    job = dg.define_asset_job(
        plan.name,
        selection=own
        | dg.AssetSelection.assets(*sources)
        | (own.downstream(depth=1) & dg.AssetSelection.groups(PUBLISHED)),
        description=f"Trains, validates and promotes {MODELS}/{plan.name}",
        executor_def=EXECUTOR,
    )
    return dg.Definitions(assets=assets, jobs=[job])


def condition_of(plan: ModelPlan) -> dg.AutomationCondition[Any]:
    """The condition under which the assets of a model are made without a job."""
    return on_new_data(_own(plan), dg.AssetSelection.assets(*_datasets(plan)))


def _own(plan: ModelPlan) -> dg.AssetSelection:
    """The assets of a model."""
    keys = [dg.AssetKey([MODELS, plan.name, each.name]) for each in (*plan.train, *plan.validate)]
    return dg.AssetSelection.assets(*keys, dg.AssetKey([MODELS, plan.name]))


def _datasets(plan: ModelPlan) -> list[dg.AssetKey]:
    return [dg.AssetKey([DATASETS, ref.name]) for ref in plan.datasets]


def _upstream(plan: ModelPlan, stage: ModelStage) -> list[dg.AssetKey]:
    """What an asset of a stage is made from."""
    if stage in plan.train:
        position = plan.train.index(stage)
        if position == 0:
            # It decides the versions of all datasets, so it waits for all of them.
            sources = [dg.AssetKey(["prompts", source]) for source in plan.sources]
            return [*_datasets(plan), *sources]
        before = [plan.train[position - 1].name]
    else:
        before = [plan.train[-1].name]
    stages = [dg.AssetKey([MODELS, plan.name, name]) for name in before]
    if not stage.data:
        return stages
    data = ["prompts", stage.data]
    if stage.dataset is not None:
        data = [DATASETS, stage.dataset.name]
    return [dg.AssetKey(data), *stages]


def _stage_asset(
    plan: ModelPlan,
    stage: ModelStage,
    settings: Settings,
    condition: dg.AutomationCondition[Any],
) -> dg.AssetsDefinition:
    key = [MODELS, plan.name, stage.name]
    operator = stage.stage.operator

    @dg.asset(
        key=key,
        group_name=MODELS,
        description=catalogue.described_operator(stage.stage),
        kinds=catalogue.kinds(stage.stage, settings),
        tags={"table": stage.stage.gives.__name__, "operator": type(operator).__name__},
        metadata={
            "parameters": dg.MetadataValue.json(operator.model_dump(mode="json")),
            "dagster/column_schema": catalogue.column_schema(stage.stage.gives),
        },
        pool=pool_of(operator),
        deps=_upstream(plan, stage),
        io_manager_key="tables",
        required_resource_keys={"factory"},
        automation_condition=condition,
        check_specs=check_specs(key, stage.stage),
    )
    def run(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Split]]:
        factory: Resources = context.resources.factory
        with (
            retried(context.run, context.retry_number, factory.settings.retries),
            as_dagster_failure(),
        ):
            first = stage == plan.train[0]
            version = (
                open_version(plan, factory.settings)
                if first
                else ModelVersions(factory.settings.models_path, plan.name).version()
            )
            work = train_stage if stage in plan.train else validate_stage
            outcome = work(ModelRun(plan, version, factory), stage)
        yield dg.MaterializeResult(
            value=outcome.split,
            metadata={**metadata_of(outcome, {}), "version": version.number},
            check_results=checks_of(outcome),
            data_version=dg.DataVersion(version.digest),
        )

    return run


def _version_asset(plan: ModelPlan, condition: dg.AutomationCondition[Any]) -> dg.AssetsDefinition:
    key = [MODELS, plan.name]
    stages = [*plan.validate, plan.train[-1]]

    @dg.asset(
        key=key,
        group_name=MODELS,
        description=_description(plan),
        kinds={"pytorch", "huggingface"},
        tags={"table": Checkpoints.__name__},
        deps=[dg.AssetKey([MODELS, plan.name, stage.name]) for stage in stages],
        required_resource_keys={"factory"},
        automation_condition=condition,
        check_specs=[
            dg.AssetCheckSpec(
                NO_WORSE,
                asset=key,
                description="The version is promoted: it is not worse than its start",
            )
        ],
    )
    def model(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        factory: Resources = context.resources.factory
        with (
            retried(context.run, context.retry_number, factory.settings.retries),
            as_dagster_failure(),
        ):
            versions = ModelVersions(factory.settings.models_path, plan.name)
            version = decide(ModelRun(plan, versions.version(), factory))
        yield dg.MaterializeResult(
            metadata=_metadata(version),
            check_results=[
                dg.AssetCheckResult(
                    check_name=NO_WORSE,
                    passed=bool(version.promoted),
                    severity=dg.AssetCheckSeverity.WARN,
                    description=described(version),
                    metadata=_numbers(version),
                )
            ],
            data_version=dg.DataVersion(version.digest),
        )

    return model


def described(version: ModelVersion) -> str:
    """Whether a version is promoted, and on what."""
    from trainers.evaluation.sentences import described as figures_in_words

    if not version.promoted:
        return f"held back: {version.reason}; no role starts from version {version.number}"
    lines = [f"{name}: {figures_in_words(each)}" for name, each in version.figures.items()]
    return "; ".join([f"version {version.number} is promoted", *lines])


def _metadata(version: ModelVersion) -> dict[str, Any]:
    return {
        "version": version.number,
        "promoted": bool(version.promoted),
        "says": described(version),
        "start": version.start,
        "checkpoint": version.path,
        "datasets": dg.MetadataValue.json(
            {name: each.version for name, each in version.datasets.items()}
        ),
        "figures": dg.MetadataValue.json(dict(version.figures)),
        "seeds": dg.MetadataValue.json(list(version.seeds)),
        **_numbers(version),
    }


def _numbers(version: ModelVersion) -> dict[str, float]:
    """The figures that decide, each as a number, which the UI draws over the versions."""
    return {
        f"{stage}: {name}": round(float(figures[name]), 6)
        for stage, figures in version.figures.items()
        for name in ("before", "after", "difference", "low", "high")
    }


def _description(plan: ModelPlan) -> str:
    chain = " → ".join(f"{each.name} on {each.data}" for each in plan.train)
    start = f"models/{plan.start}" if plan.start else f"role {plan.role}"
    measured = (
        ", ".join(" on ".join(filter(None, [each.name, each.data])) for each in plan.validate)
        or "nothing"
    )
    gate = (
        "Every version is promoted"
        if plan.gate == "none"
        else "A version is promoted if it is not worse than its start"
    )
    return (
        f"Trained from {start}: {chain}. Validated by {measured}. {gate}.\n\n"
        f"factory train {plan.name}"
    )
