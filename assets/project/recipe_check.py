"""Whether a recipe can run with the sources, roles and controls of its project."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from assets.config.errors import RecipeError, SettingsError
from assets.config.settings import Settings
from assets.config.variables import from_variable
from assets.project.recipe import RecipeSpec
from assets.project.refusal import ROLE, Declarations, Refusal
from assets.project.source import SourceSpec
from schemas.near import near


def check_recipe_names(settings: Settings, recipes: Declarations[RecipeSpec]) -> None:
    """Check that the recipes that ``recipe_sources`` and ``recipe_schedules`` name exist.

    Raises:
        SettingsError: One does not.
    """
    for field in ("recipe_sources", "recipe_schedules"):
        for name in getattr(settings, field):
            if name not in recipes.names:
                raise SettingsError(f"{settings.file}: field {field!r}: {recipes.missing(name)}")


def roles_without_model(settings: Settings, models: Collection[str]) -> Iterator[Refusal]:
    """The roles that are bound to a downstream model that no file declares.

    Args:
        settings: The configuration.
        models: The names of the declared models.
    """
    for role, binding in settings.roles.items():
        name = settings.downstream(binding)
        if name is not None and name not in models:
            field = f"roles.{role}.model"
            problem = f"there is no model {name!r}; {near(name, models)}"
            error = RecipeError(problem, file=settings.file, field=field)
            yield Refusal(ROLE, role, settings.file, error)


@dataclass(frozen=True)
class RecipeCheck:
    """Checks recipes against the rest of the project.

    Attributes:
        recipes: The recipes.
        sources: The sources of prompts.
        refusals: What cannot be used, with the roles.
        settings: The configuration.
    """

    recipes: Declarations[RecipeSpec]
    sources: Declarations[SourceSpec]
    refusals: Sequence[Refusal]
    settings: Settings

    def fit(self, recipe: RecipeSpec) -> None:
        """Fit the stages of a recipe to its sources.

        Raises:
            RecipeError: The recipe cannot run. From now on it refuses to, with this error.
        """
        try:
            self._check_sources(recipe)
            recipe.draw_from(self.sources, self.settings)
            self._check_roles(recipe)
            self._check_control(recipe)
        except RecipeError as error:
            recipe.refuse(error)
        if (refusal := recipe.refusal(self.settings)) is not None:
            raise refusal

    def _check_sources(self, recipe: RecipeSpec) -> None:
        settings = self.settings
        held_out = settings.held_out
        if held_out not in self.sources:
            raise RecipeError(
                f"{self.sources.missing(held_out)}{from_variable('held_out')}. Policies are "
                "validated on a source with fixed: true; it may read the first rows (rows: 100) of "
                "a file that recipes draw from, for they never draw what is held out",
                file=settings.file,
                field="held_out",
            )
        if not self.sources[held_out].fixed:
            raise RecipeError(
                f"policies are validated on source {held_out!r}, so it must be the same at every "
                "refresh: set fixed: true",
                file=self.sources[held_out].file,
                field="fixed",
            )
        where: Path | str = settings.file
        variable: tuple[str, ...] = ("sources",)
        field = "sources"
        if recipe.name in settings.recipe_sources:
            variable = ("recipe_sources", recipe.name)
            field = ".".join(variable)
        elif recipe.sources is not None:
            where, variable = recipe.file, ()
        for name in recipe.weights(settings):
            if name not in self.sources:
                set_by = from_variable(*variable, name) if variable else ""
                raise RecipeError(f"{self.sources.missing(name)}{set_by}", file=where, field=field)
            if self.sources[name].fixed:
                raise RecipeError(
                    f"source {name!r} is fixed, so it has no new prompts for a refresh",
                    file=where,
                    field=field,
                )
        for stage in recipe.planned(settings):
            for read in stage.operator.inputs():
                if read.source is not None:
                    self._check_drawn(recipe, stage.name, read.field, read.source)

    def _check_drawn(self, recipe: RecipeSpec, stage: str, field: str, source: str) -> None:
        problem = None
        if source not in self.sources:
            problem = self.sources.missing(source)
        elif source == self.settings.held_out:
            problem = f"the prompts of source {source!r} are held out: read the table 'held_out'"
        if problem is not None:
            raise RecipeError(problem, file=recipe.file, stage=stage, field=field)

    def _check_roles(self, recipe: RecipeSpec) -> None:
        unbound = {each.name: each.error for each in self.refusals if each.kind == ROLE}
        for stage in recipe.planned(self.settings):
            for use in stage.operator.roles():
                if (error := unbound.get(use.role.partition("@")[0])) is not None:
                    raise error

    def _check_control(self, recipe: RecipeSpec) -> None:
        name = recipe.control
        # A control that cannot be used stops only the measuring of the claim.
        if name is None or (name in self.recipes.refused and name not in self.recipes):
            return
        if name == recipe.name:
            raise RecipeError(
                "a recipe cannot be its own control", file=recipe.file, field="control"
            )
        if name not in self.recipes:
            raise RecipeError(self.recipes.missing(name), file=recipe.file, field="control")
        control = self.recipes[name]
        measure = recipe.measured_by(self.settings)
        tables_of_control = ["prompts", *(stage.name for stage in control.planned(self.settings))]
        for stage in [] if measure is None else measure.control_stages():
            if stage not in tables_of_control:
                hint = near(stage, tables_of_control)
                raise RecipeError(
                    f"the control {name!r} has no stage {stage!r}; {hint}",
                    file=recipe.file,
                    field="measure",
                )
