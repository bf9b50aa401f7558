"""A project: its settings, and the recipes, sources, datasets and models of all its folders.

It does not use Dagster. The command line, exports, reviews and storage use it.
"""

import logging
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

from assets.config.errors import FactoryError, RecipeError
from assets.config.settings import Settings, load_settings
from assets.project.changes import Changes
from assets.project.dataset import DatasetSpec
from assets.project.dataset_plan import DatasetPlan, check_parts, plan_dataset
from assets.project.declaration import Declaration
from assets.project.exported_stage import exported_stage
from assets.project.folders import Draft, read_drafts
from assets.project.model import ModelSpec
from assets.project.model_plan import ModelPlan, plan_model
from assets.project.recipe import RecipeSpec
from assets.project.recipe_check import RecipeCheck, check_recipe_names, roles_without_model
from assets.project.refusal import Declarations, Refusal, as_recipe_error
from assets.project.selection import needed
from assets.project.source import SourceSpec
from assets.storage.tables import Tables

log = logging.getLogger(__name__)

Declared = TypeVar("Declared", bound=Declaration)


class Project:
    """All declarations of all folders, checked against each other.

    A declaration that cannot be used stops no other. It is in `refusals`, with its error. A recipe
    whose stages are right but that cannot run is in `recipes` too: its stored tables can be read.

    Attributes:
        settings: The configuration.
        tables: The stored tables.
        refusals: What cannot be used.
        declared: All other declarations.
        sources: The sources of prompts.
        recipes: The recipes.
        datasets: The plans of the curated datasets.
        models: The plans of the downstream models.
    """

    def __init__(self, settings: Settings, names: Collection[str] | None = None) -> None:
        """Load the declarations.

        Args:
            settings: The configuration.
            names: The declarations that are needed, or parts of a path such as
                ``online_dpo/pairs``. Only these are loaded, with what they need and with all
                sources. By default, or if nothing has such a name, all are.

        Raises:
            SettingsError: The configuration is wrong as a whole: a folder of recipes is missing,
                or ``recipe_sources`` or ``recipe_schedules`` names a recipe that does not exist.
        """
        self.settings = settings
        self.tables = Tables(settings.root_path)
        drafts_and_refusals = list(read_drafts(settings.recipe_folders))
        drafts = [each for each in drafts_and_refusals if isinstance(each, Draft)]
        needed_names = None if names is None else needed(drafts, names)
        self._unread: list[Draft] = []
        read: list[Declaration | Refusal] = []
        for each in drafts_and_refusals:
            if isinstance(each, Refusal):
                read.append(each)
            elif needed_names is None or each.name in needed_names or each.type is SourceSpec:
                read.append(each.declared())
            else:
                self._unread.append(each)
        self.refusals = [each for each in read if isinstance(each, Refusal)]
        self.declared = [each for each in read if isinstance(each, Declaration)]
        self.sources = self._by_name(SourceSpec)
        self.recipes = self._by_name(RecipeSpec)
        check_recipe_names(settings, self.recipes)
        models = self._by_name(ModelSpec)
        self.refusals += roles_without_model(settings, {*models, *models.unread})
        check = RecipeCheck(self.recipes, self.sources, self.refusals, settings)
        for recipe in self.recipes.values():
            with self._refusing(recipe):
                check.fit(recipe)
        self.datasets = self._datasets(self._by_name(DatasetSpec))
        self.models = self._models(models)

    @property
    def refused(self) -> Mapping[str, RecipeError]:
        """Why a recipe cannot run, by its name."""
        broken = {
            name: error for name, error in self.recipes.refused.items() if name not in self.recipes
        }
        refusals = {name: each.refusal(self.settings) for name, each in self.recipes.items()}
        return broken | {name: refusal for name, refusal in refusals.items() if refusal is not None}

    def require(self, recipe: str, changes: Changes | None = None) -> None:
        """Check that a recipe can run, with the parameters ``changes`` of a run.

        Raises:
            FactoryError: It cannot, or there is none of this name.
        """
        if recipe not in self.recipes:
            raise FactoryError(self.recipes.missing(recipe))
        spec = self.recipes[recipe]
        if (refusal := spec.refusal(self.settings, changes)) is not None:
            raise refusal
        for other in self.refusals:
            if (other.kind, other.name) == (spec.kind, recipe):
                log.warning("%s of %s is used: %s", recipe, spec.file, other.error)

    @property
    def checks(self) -> Mapping[str, str]:
        """The import path of each source's check. Sources without a check are left out."""
        return {name: source.check for name, source in self.sources.items() if source.check}

    def _by_name(self, kind: type[Declared]) -> Declarations[Declared]:
        """The declarations of a kind. Of two with the same name, the second is refused."""
        declarations = Declarations[Declared](kind.kind, self.refusals)
        declarations.unread = {each.name for each in self._unread if each.type is kind}
        for each in self.declared:
            if isinstance(each, kind):
                with self._refusing(each):
                    if each.name in declarations:
                        problem = (
                            f"the name {each.name!r} is taken by {declarations[each.name].file}"
                        )
                        raise RecipeError(problem, file=each.file, field="name")
                    declarations[each.name] = each
        return declarations

    @contextmanager
    def _refusing(self, declaration: Declaration) -> Iterator[None]:
        """Add a `RecipeError` that is raised inside to `refusals`."""
        try:
            with as_recipe_error(declaration.file):
                yield
        except RecipeError as error:
            refusal = Refusal(declaration.kind, declaration.name, declaration.file, error)
            self.refusals.append(refusal)
            self.declared = [each for each in self.declared if each is not declaration]

    def _datasets(self, declared: Declarations[DatasetSpec]) -> Declarations[DatasetPlan]:
        """The plans of the declared datasets, and of a default dataset for each other recipe.

        A recipe has a default dataset if it makes pairs, step labels or demonstrations.
        """
        recipes, sources, settings = self.recipes, self.sources, self.settings
        plans = Declarations[DatasetPlan](DatasetSpec.kind)
        for dataset in declared.values():
            with self._refusing(dataset):
                plan = plan_dataset(dataset, recipes, sources, settings)
                plans[dataset.name] = plan
                check_parts(plan, recipes, settings, file=dataset.file)
        broken = Declarations[DatasetPlan](DatasetSpec.kind, self.refusals)
        plans.refused = recipes.refused | broken.refused
        for name, recipe in recipes.items():
            if name in declared or name in broken.refused:
                continue
            if exported_stage(recipe.planned(settings)):
                default = DatasetSpec.declared({"name": name, "of": [name]}, recipe.file)
                try:
                    plans[name] = plan_dataset(default, recipes, sources, settings)
                except RecipeError as error:
                    # The held-out source cannot be used, so the recipe is refused for that already.
                    plans.refused[name] = error
        return plans

    def _models(self, declared: Declarations[ModelSpec]) -> Declarations[ModelPlan]:
        """The plans of the downstream models."""
        plans = Declarations[ModelPlan](ModelSpec.kind)
        for name, model in declared.items():
            with self._refusing(model):
                if name in self.recipes:
                    problem = f"{name!r} is a recipe already"
                    raise RecipeError(problem, file=model.file, field="name")
                plans[name] = plan_model(
                    model, declared, self.datasets, self.sources, self.settings
                )
        plans.refused = Declarations[ModelPlan](ModelSpec.kind, self.refusals).refused
        return plans


def load_project(names: Collection[str] | None = None) -> Project:
    """Load the project of the current configuration.

    Args:
        names: The declarations that are needed, as for `Project`; by default all.

    Raises:
        FactoryError: The configuration, or a file that it names, is wrong.
    """
    return Project(load_settings(), names)
