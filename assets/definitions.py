"""The Dagster code location: every source, recipe and dataset of the project."""

import warnings
from collections.abc import Collection

import dagster as dg
from dagster_shared.record import replace

from assets.automation.failure_alerts import alerts_sensor
from assets.automation.new_data import automation_sensor
from assets.components.recipe import Recipe
from assets.components.source import Source
from assets.components.tree import RecipeTree
from assets.datasets.asset import dataset_asset
from assets.execution.executor import EXECUTOR
from assets.execution.io_manager import TablesIOManager
from assets.models.asset import model_definitions
from assets.project.project import Project, load_project
from assets.project.resources import Resources


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
            trees = [RecipeTree.of(folder, project) for folder in settings.recipe_folders]
            shipped, *added = [tree.build_defs() for tree in trees]
        else:
            shipped, *added = [
                *(Source.of(source).definitions() for source in project.sources.values()),
                *(Recipe.of(project.recipes[name]).definitions(settings) for name in of),
            ]
    models = project.models.values() if train is None else [project.models[name] for name in train]
    refused = project.refused.keys()
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
                dataset_asset(plan, settings.freshness)
                for plan in project.datasets.values()
                if (of is None and not plan.parts.keys() <= refused)
                or (of is not None and not plan.parts.keys().isdisjoint(of))
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


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions that ``dagster`` and ``dg`` load."""
    return build_definitions(load_project())
