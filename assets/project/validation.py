"""What ``factory validate`` checks: the whole project, with the bindings of its roles."""

import os
from collections.abc import Collection, Iterator
from pathlib import Path

from assets.config.bundled import bundled
from assets.config.errors import FactoryError, RecipeError
from assets.config.settings import Settings
from assets.project.project import Project
from assets.project.refusal import ROLE, Refusal
from engines.bindings import Binding
from engines.protocol import EngineError
from engines.weights import is_hub_id, model_folder
from schemas.near import near


def checked(project: Project, names: Collection[str]) -> list[Refusal]:
    """What cannot be used of a project.

    Args:
        project: The project.
        names: The names that are wanted; all if it is empty.

    Raises:
        FactoryError: There is nothing of one of these names.
    """
    refusals = [*project.refusals, *wrong_bindings(project.settings)]
    all_names = {*project.settings.roles, *(each.name for each in refusals)}
    for declared in (project.sources, project.recipes, project.datasets, project.models):
        all_names |= declared.keys()
    for name in names:
        if name not in all_names:
            raise FactoryError(f"nothing is called {name!r}; {near(name, all_names)}")
    return [each for each in refusals if not names or each.name in names]


def counted(project: Project) -> dict[str, int]:
    """How many of each kind a project has, with those that cannot be used."""
    counts = {}
    for declared in (project.recipes, project.sources, project.datasets, project.models):
        refused = {each.name for each in project.refusals if each.kind == declared.kind}
        counts[declared.kind] = len(declared.keys() | refused)
    return {**counts, ROLE: len(project.settings.roles)}


def fails(refusal: Refusal, *, named: bool) -> bool:
    """Whether ``factory validate`` fails because of a refusal.

    A shipped recipe that the models or sources of a project do not fit is no failure, unless it is
    named: nobody asked for it.
    """
    shipped = Path(refusal.file).is_relative_to(bundled("recipes"))
    return named or refusal.is_broken or not shipped


def wrong_bindings(settings: Settings) -> Iterator[Refusal]:
    """The roles whose model, templates or key are not there. No server is asked."""
    for role, binding in settings.bindings().items():
        if (wrong := _wrong(binding)) is not None:
            field, problem = wrong
            error = RecipeError(problem, file=settings.file, field=f"roles.{role}.{field}")
            yield Refusal(ROLE, role, settings.file, error)


def _wrong(binding: Binding) -> tuple[str, str] | None:
    """The field of a binding that is wrong, and what is wrong."""
    if binding.templates and not Path(binding.templates).is_dir():
        return "templates", f"there is no folder {binding.templates}"
    if binding.api_key_env and not os.environ.get(binding.api_key_env):
        return "api_key_env", f"the environment variable {binding.api_key_env} is not set"
    if binding.model and not is_hub_id(binding):
        try:
            model_folder(binding)
        except EngineError as error:
            return "model", str(error)
    return None
