"""The Dagster code location: every source and recipe of the shipped folder and the user's own."""

import warnings
from collections.abc import Collection, Iterable
from typing import TypeVar

import dagster as dg
from dagster_shared.record import replace

from assets.alerts import alerts_sensor
from assets.curated.asset import dataset_asset
from assets.curated.component import Dataset
from assets.curated.planned import Planned, planned
from assets.declared import RecipeTree
from assets.errors import FactoryError, RecipeError, near
from assets.executing import EXECUTOR
from assets.factory import DATASETS, Factory
from assets.plan import exported_stage
from assets.recipe import Recipe
from assets.settings import Settings, from_variable, load_settings
from assets.source import Source
from assets.tables import Tables, TablesIOManager

Named = TypeVar("Named", Source, Recipe, Dataset)


class Floor:
    """All components of all folders, checked against each other.

    Raises `FactoryError` where two share a name, or a recipe draws from a source that is not there.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._trees = [RecipeTree.of(folder) for folder in settings.recipe_folders]
        self.sources = _by_name(
            source for tree in self._trees for source in tree.get_all_components(Source)
        )
        self.recipes = _by_name(
            recipe for tree in self._trees for recipe in tree.get_all_components(Recipe)
        )
        self._check_sources()
        self.datasets = self._datasets()
        for recipe in self.recipes.values():
            if recipe.control is not None:
                self._check_control(recipe, recipe.control)

    def definitions(self, of: Collection[str] | None = None) -> dg.Definitions:
        """What Dagster shows and runs.

        Args:
            of: The recipes that will be run: only their jobs and assets, and the datasets that
                they are part of. Each takes Dagster some milliseconds. By default all.
        """
        factory = Factory(
            settings=self.settings,
            tables=Tables(self.settings.root_path),
            checks={name: source.check for name, source in self.sources.items() if source.check},
            readers={name: source.reader() for name, source in self.sources.items()},
        )
        with warnings.catch_warnings():
            # Dagster warns of its own beta parts, once a component.
            warnings.simplefilter("ignore", category=dg.BetaWarning)
            if of is None:
                shipped, *added = [tree.build_defs() for tree in self._trees]
            else:
                shipped, *added = [
                    *(source.definitions() for source in self.sources.values()),
                    *(self.recipes[name].definitions(self.settings) for name in of),
                ]
        alerts = alerts_sensor(self.settings)
        merged = dg.Definitions.merge(
            shipped,
            # Dagster shows one tree of components: the project's own.
            *(replace(each, component_tree=None) for each in added),
            dg.Definitions(
                resources={
                    "factory": factory,
                    "tables": TablesIOManager(self.settings.root_path, self.settings.retries),
                },
                assets=[
                    dataset_asset(plan, self.settings.freshness)
                    for plan in self.datasets.values()
                    if of is None or not plan.parts.keys().isdisjoint(of)
                ],
                executor=EXECUTOR,
                sensors=[] if alerts is None else [alerts],
            ),
        )
        if not self.settings.owners:
            return merged
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", category=dg.PreviewWarning)
            return merged.map_asset_specs(
                func=lambda spec: spec.merge_attributes(owners=self.settings.owners)
            )

    def _datasets(self) -> dict[str, Planned]:
        """Those that components say, and one of every other recipe that makes what can be trained
        on. Raises `RecipeError` where one cannot be made."""
        if DATASETS in self.recipes:
            raise RecipeError(
                f"the name {DATASETS!r} is taken", file=self.recipes[DATASETS].file, field="name"
            )
        said = _by_name(
            dataset for tree in self._trees for dataset in tree.get_all_components(Dataset)
        )
        own = [
            Dataset(name=name, of=[name])
            for name, recipe in self.recipes.items()
            if name not in said and exported_stage(recipe.planned(self.settings))
        ]
        return {
            dataset.name: planned(dataset, self.recipes, self.sources, self.settings)
            for dataset in [*said.values(), *own]
        }

    def _check_control(self, recipe: Recipe, name: str) -> None:
        if name == recipe.name:
            raise RecipeError("a recipe is no control of itself", file=recipe.file, field="control")
        control = self.recipes.get(name)
        if control is None:
            hint = near(name, self.recipes)
            raise RecipeError(
                f"there is no recipe {name!r}; {hint}", file=recipe.file, field="control"
            )
        measure = recipe.measured_by(self.settings)
        known = ["prompts", *(stage.name for stage in control.planned(self.settings))]
        for stage in [] if measure is None else measure.control_stages():
            if stage not in known:
                hint = near(stage, known)
                raise RecipeError(
                    f"the control {name!r} has no stage {stage!r}; {hint}",
                    file=recipe.file,
                    field="measure",
                )

    def _check_sources(self) -> None:
        bound = self.settings.held_out
        held_out = self.sources.get(bound)
        if held_out is None:
            raise FactoryError(
                f"{self.settings.file}: field 'held_out': there is no source {bound!r}; "
                f"{near(bound, self.sources)}{from_variable('held_out')}"
            )
        if not held_out.fixed:
            raise RecipeError(
                f"source {bound!r} is what policies are validated on, so it must not change with "
                "the refresh: set fixed: true",
                file=held_out.file,
                field="fixed",
            )
        for recipe in self.recipes.values():
            where = self.settings.file if recipe.sources is None else recipe.file
            for name in recipe.weights(self.settings):
                if name not in self.sources:
                    hint = near(name, self.sources)
                    if recipe.sources is None:
                        hint += from_variable("sources", name)
                    raise RecipeError(
                        f"there is no source {name!r}; {hint}", file=where, field="sources"
                    )
                if self.sources[name].fixed:
                    raise RecipeError(
                        f"source {name!r} is fixed, so a refresh has nothing new to draw from it",
                        file=where,
                        field="sources",
                    )


def floor() -> Floor:
    """All sources and recipes of the present configuration.

    Raises:
        FactoryError: What the configuration, a recipe or a module's name needs changed.
    """
    return Floor(load_settings())


def _by_name(components: Iterable[Named]) -> dict[str, Named]:
    found: dict[str, Named] = {}
    for component in components:
        if component.name in found:
            raise RecipeError(
                f"the name {component.name!r} is taken by {found[component.name].file}",
                file=component.file,
                field="name",
            )
        found[component.name] = component
    return found


@dg.definitions
def defs() -> dg.Definitions:
    """What ``dagster`` and ``dg`` load."""
    return floor().definitions()
