"""The Dagster code location: every source, recipe and dataset of the project."""

import warnings
from collections.abc import Collection, Iterable, Iterator
from functools import cache

import dagster as dg
from dagster_shared.record import replace

from assets.automation.failure_alerts import alerts_sensor
from assets.automation.new_data import automation_sensor
from assets.automation.partitions import all_days
from assets.components.recipe import Recipe
from assets.components.refused import refused_assets
from assets.components.source import Source
from assets.components.tree import recipe_trees
from assets.config.libraries import quiet_libraries
from assets.datasets.asset import dataset_asset
from assets.execution.executor import EXECUTOR
from assets.execution.io_manager import TablesIOManager
from assets.models.asset import condition_of, model_definitions
from assets.project.dataset import DATASETS
from assets.project.dataset_plan import DatasetPlan
from assets.project.model import MODELS
from assets.project.model_plan import ModelPlan
from assets.project.project import Project, load_project
from assets.project.resources import Resources
from assets.publishing.asset import published_asset


def build_definitions(
    project: Project,
    of: Collection[str] | None = None,
    train: Collection[str] | None = None,
) -> dg.Definitions:
    """Build the Dagster definitions of a project.

    Args:
        project: The project.
        of: The recipes that will run; by default all. The definitions then hold only their jobs
            and assets, and the datasets that use them. Dagster needs some milliseconds for each.
        train: The models that will be trained; by default all, or none if ``of`` is given.
    """
    if of is not None and train is None:
        train = ()
    settings = project.settings
    factory = Resources(
        settings=settings,
        tables=project.tables,
        checks=project.checks,
        readers={name: source.reader() for name, source in project.sources.items()},
    )
    with warnings.catch_warnings():
        # Dagster warns about its own beta features, once for each component.
        warnings.simplefilter("ignore", category=dg.BetaWarning)
        if of is None:
            trees = recipe_trees(settings.recipe_folders, project.declared)
            shipped, *added = [tree.build_defs() for tree in trees]
        else:
            days = all_days(settings)
            shipped, *added = [
                dg.Definitions(),
                *(Source.of(source).definitions(days) for source in project.sources.values()),
                *(Recipe.of(project.recipes[name]).definitions(settings, days) for name in of),
            ]
    models = [project.models[name] for name in (project.models if train is None else train)]
    datasets = _datasets(project, of)
    unfit = {each.name: str(each.error) for each in project.refusals if each.kind == "dataset"}
    alerts = alerts_sensor(settings)
    merged = dg.Definitions.merge(
        shipped,
        # Dagster can show only one tree of components.
        *(replace(each, component_tree=None) for each in added),
        dg.Definitions(
            resources={
                "factory": factory,
                "tables": TablesIOManager(settings.root_path, settings.retries),
            },
            assets=[
                *(
                    dataset_asset(plan, settings.freshness, unfit.get(name))
                    for name, plan in datasets.items()
                ),
                *(
                    refused_assets(
                        each
                        for each in project.refusals
                        if each.kind != "dataset" or each.name not in datasets
                    )
                    if of is None
                    else []
                ),
                *_publications(project, of, datasets.values(), models),
            ],
            executor=EXECUTOR,
            sensors=[
                *([] if alerts is None else [alerts]),
                *([automation_sensor(project.models)] if project.models and of is None else []),
            ],
        ),
        *(model_definitions(plan, settings) for plan in models),
    )
    if not settings.owners:
        return merged
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", category=dg.PreviewWarning)
        return merged.map_asset_specs(
            func=lambda spec: spec.merge_attributes(owners=settings.owners)
        )


def _publications(
    project: Project,
    of: Collection[str] | None,
    datasets: Iterable[DatasetPlan],
    models: Iterable[ModelPlan],
) -> Iterator[dg.AssetsDefinition]:
    """The exports of recipes, datasets and models that have ``publish``."""
    usable = project.recipes.keys() - project.refused.keys() if of is None else of
    for name in usable:
        recipe = project.recipes[name]
        if recipe.publish is not None:
            # The card tells of all stages, so the export waits for the last of them.
            keys = [dg.AssetKey([name, each.name]) for each in recipe.planned(project.settings)]
            yield published_asset(project, name, recipe.publish, keys)
    for dataset in datasets:
        if dataset.publish is not None:
            key = dg.AssetKey([DATASETS, dataset.name])
            yield published_asset(project, f"{DATASETS}/{dataset.name}", dataset.publish, [key])
    for model in models:
        if model.publish is not None:
            key = dg.AssetKey([MODELS, model.name])
            yield published_asset(
                project, f"{MODELS}/{model.name}", model.publish, [key], condition_of(model)
            )


def _datasets(project: Project, of: Collection[str] | None) -> dict[str, DatasetPlan]:
    """The datasets of the recipes ``of``, or all that a recipe can add rows to."""
    usable = project.recipes.keys() - project.refused.keys() if of is None else set(of)
    return {
        name: plan
        for name, plan in project.datasets.items()
        if not plan.parts.keys().isdisjoint(usable)
    }


@dg.definitions
@cache
def defs() -> dg.Definitions:
    """The definitions that ``dagster`` and ``dg`` load. A process builds them once: Dagster asks a
    run for them several times, and starts another process to reload them."""
    quiet_libraries()
    return build_definitions(load_project())
