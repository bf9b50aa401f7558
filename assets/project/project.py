"""A project: its settings, and the recipes, sources, datasets and models of all its folders.

It does not use Dagster. The command line, exports, reviews and storage use it.
"""

from collections.abc import Iterable, Mapping
from typing import TypeVar

from assets.config.errors import FactoryError, RecipeError, near
from assets.config.settings import Settings, from_variable, load_settings
from assets.project.changes import Changes
from assets.project.dataset import DATASETS, DatasetSpec
from assets.project.dataset_plan import DatasetPlan, plan_dataset
from assets.project.declaration import Declaration
from assets.project.folders import read_folder
from assets.project.model import ModelSpec
from assets.project.model_plan import ModelPlan, plan_model
from assets.project.recipe import RecipeSpec
from assets.project.recipe_plan import exported_stage
from assets.project.source import SourceSpec
from assets.storage.tables import Tables

Declared = TypeVar("Declared", bound=Declaration)


class Project:
    """All declarations of all folders, checked against each other.

    Raises:
        FactoryError: Two declarations share a name, or a recipe names a source, stage or control
            that does not exist.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.tables = Tables(settings.root_path)
        declared = [each for folder in settings.recipe_folders for each in read_folder(folder)]
        self.sources = _by_name(each for each in declared if isinstance(each, SourceSpec))
        self.recipes = _by_name(each for each in declared if isinstance(each, RecipeSpec))
        self._check_sources()
        for recipe in self.recipes.values():
            recipe.draw_from(self.sources, settings)
        self.datasets = self._datasets(
            _by_name(each for each in declared if isinstance(each, DatasetSpec))
        )
        self.models = self._models(
            _by_name(each for each in declared if isinstance(each, ModelSpec))
        )
        for recipe in self.recipes.values():
            if recipe.control is not None:
                self._check_control(recipe, recipe.control)

    @property
    def refused(self) -> Mapping[str, RecipeError]:
        """Why a recipe cannot run on today's sources, by its name. The others can run, and the
        stored tables of all recipes can be read."""
        found = {name: each.refusal(self.settings) for name, each in self.recipes.items()}
        return {name: refusal for name, refusal in found.items() if refusal is not None}

    def require(self, recipe: str, changes: Changes | None = None) -> None:
        """Raise `RecipeError` if a recipe, with the parameters ``changes`` of a run, cannot run on
        today's sources."""
        if (refusal := self.recipes[recipe].refusal(self.settings, changes)) is not None:
            raise refusal

    @property
    def checks(self) -> Mapping[str, str]:
        """The import path of each source's check. Sources without a check are left out."""
        return {name: source.check for name, source in self.sources.items() if source.check}

    def _datasets(self, declared: Mapping[str, DatasetSpec]) -> dict[str, DatasetPlan]:
        """The plans of the declared datasets, and of a default dataset for each other recipe.

        A recipe has a default dataset if it makes pairs, step labels or demonstrations.

        Raises:
            RecipeError: A dataset cannot work.
        """
        if DATASETS in self.recipes:
            raise RecipeError(
                f"the name {DATASETS!r} is taken", file=self.recipes[DATASETS].file, field="name"
            )
        defaults = [
            DatasetSpec(name=name, of=[name])
            for name, recipe in self.recipes.items()
            if name not in declared and exported_stage(recipe.planned(self.settings))
        ]
        return {
            dataset.name: plan_dataset(dataset, self.recipes, self.sources, self.settings)
            for dataset in [*declared.values(), *defaults]
        }

    def _models(self, declared: Mapping[str, ModelSpec]) -> dict[str, ModelPlan]:
        """The plans of the downstream models.

        Raises:
            RecipeError: A model cannot work.
            FactoryError: A role is bound to a model that is not declared.
        """
        for role, binding in self.settings.roles.items():
            name = self.settings.downstream(binding)
            if name is not None and name not in declared:
                raise FactoryError(
                    f"{self.settings.file}: field 'roles.{role}.model': there is no model "
                    f"{name!r}; "
                    f"{near(name, declared)}"
                )
        for name, model in declared.items():
            if name in self.recipes:
                raise RecipeError(f"{name!r} is a recipe already", file=model.file, field="name")
        return {
            name: plan_model(model, declared, self.datasets, self.sources, self.settings)
            for name, model in declared.items()
        }

    def _check_control(self, recipe: RecipeSpec, name: str) -> None:
        if name == recipe.name:
            raise RecipeError(
                "a recipe cannot be its own control", file=recipe.file, field="control"
            )
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
                f"{near(bound, self.sources)}{from_variable('held_out')}. Declare a source with "
                "fixed: true; it may read the first rows (rows: 100) of a file that recipes draw "
                "from, for they never draw what is held out"
            )
        if not held_out.fixed:
            raise RecipeError(
                f"policies are validated on source {bound!r}, so it must be the same at every "
                "refresh: set fixed: true",
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
                        f"source {name!r} is fixed, so it has no new prompts for a refresh",
                        file=where,
                        field="sources",
                    )


def load_project() -> Project:
    """Load the project of the current configuration.

    Raises:
        FactoryError: The configuration, or a file that it names, is wrong.
    """
    return Project(load_settings())


def _by_name(declarations: Iterable[Declared]) -> dict[str, Declared]:
    by_name: dict[str, Declared] = {}
    for declaration in declarations:
        if declaration.name in by_name:
            raise RecipeError(
                f"the name {declaration.name!r} is taken by {by_name[declaration.name].file}",
                file=declaration.file,
                field="name",
            )
        by_name[declaration.name] = declaration
    return by_name
