"""A project: its settings, and the recipes, sources and datasets of all its folders.

Knows nothing of Dagster: the command line, exports, reviews and storage stand on it.
"""

from collections.abc import Iterable, Mapping
from typing import TypeVar

from assets.config.errors import FactoryError, RecipeError, near
from assets.config.settings import Settings, from_variable, load_settings
from assets.project.dataset import DATASETS, DatasetSpec
from assets.project.dataset_plan import DatasetPlan, plan_dataset
from assets.project.declaration import Declaration
from assets.project.folders import read_folder
from assets.project.recipe import RecipeSpec
from assets.project.recipe_plan import exported_stage
from assets.project.source import SourceSpec
from assets.storage.tables import Tables

Declared = TypeVar("Declared", bound=Declaration)


class Project:
    """All declarations of all folders, checked against each other.

    Raises:
        FactoryError: Two declarations share a name, or a recipe draws from a source that is not
            there.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.tables = Tables(settings.root_path)
        declared = [each for folder in settings.recipe_folders for each in read_folder(folder)]
        self.sources = _by_name(each for each in declared if isinstance(each, SourceSpec))
        self.recipes = _by_name(each for each in declared if isinstance(each, RecipeSpec))
        self._check_sources()
        self.datasets = self._datasets(
            _by_name(each for each in declared if isinstance(each, DatasetSpec))
        )
        for recipe in self.recipes.values():
            if recipe.control is not None:
                self._check_control(recipe, recipe.control)

    @property
    def checks(self) -> Mapping[str, str]:
        """The import path of each source's check; sources without one are left out."""
        return {name: source.check for name, source in self.sources.items() if source.check}

    def _datasets(self, declared: Mapping[str, DatasetSpec]) -> dict[str, DatasetPlan]:
        """Those that are declared, and one of every other recipe that makes what can be trained
        on. Raises `RecipeError` where one cannot be made."""
        if DATASETS in self.recipes:
            raise RecipeError(
                f"the name {DATASETS!r} is taken", file=self.recipes[DATASETS].file, field="name"
            )
        own = [
            DatasetSpec(name=name, of=[name])
            for name, recipe in self.recipes.items()
            if name not in declared and exported_stage(recipe.planned(self.settings))
        ]
        return {
            dataset.name: plan_dataset(dataset, self.recipes, self.sources, self.settings)
            for dataset in [*declared.values(), *own]
        }

    def _check_control(self, recipe: RecipeSpec, name: str) -> None:
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


def load_project() -> Project:
    """The project of the present configuration.

    Raises:
        FactoryError: The configuration, or a file that it names, is wrong.
    """
    return Project(load_settings())


def _by_name(declarations: Iterable[Declared]) -> dict[str, Declared]:
    found: dict[str, Declared] = {}
    for declaration in declarations:
        if declaration.name in found:
            raise RecipeError(
                f"the name {declaration.name!r} is taken by {found[declaration.name].file}",
                file=declaration.file,
                field="name",
            )
        found[declaration.name] = declaration
    return found
