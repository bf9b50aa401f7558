"""What the names of a comparison mean: ``online_dpo@2026-11-20``, ``datasets/mixed@2``."""

from dataclasses import dataclass
from typing import Literal

from assets.config.errors import FactoryError
from assets.project.dataset import DATASETS
from assets.project.find_rows import dataset_name, model_name
from assets.project.model import MODELS
from assets.project.project import Project
from assets.storage.dataset_versions import Versions
from assets.storage.model_versions import ModelVersions
from assets.storage.tables import Tables

Kind = Literal["refreshes", "datasets", "models"]
KINDS: dict[Kind, str] = {
    "refreshes": "a refresh of a recipe",
    "datasets": "a version of a dataset",
    "models": "a version of a model",
}


@dataclass(frozen=True)
class Side:
    """One of the things that are compared.

    Attributes:
        kind: What it is.
        name: The name of a recipe, dataset or model.
        at: Its refresh or the number of its version.
    """

    kind: Kind
    name: str
    at: str

    @property
    def full(self) -> str:
        """Its name with the refresh or version."""
        group = "" if self.kind == "refreshes" else f"{self.kind}/"
        return f"{group}{self.name}@{self.at}"


def find_side(project: Project, text: str) -> Side:
    """What a name means. Without ``@``, it is the newest refresh or version.

    Raises:
        FactoryError: There is no such recipe, dataset, model, refresh or version.
    """
    name, marked, at = text.partition("@")
    if marked and not at:
        raise FactoryError(f"{text!r}: name a refresh or a version after the @")
    group, slash, of_group = name.rpartition("/")
    if slash and group in (DATASETS, MODELS):
        number = _number(text, at) if at else None
        if group == DATASETS:
            known = dataset_name(project, of_group)
            stored = Versions(project.settings.root_path, known).version(number).number
            return Side("datasets", known, str(stored))
        known = model_name(project, of_group)
        stored = ModelVersions(project.settings.models_path, known).version(number).number
        return Side("models", known, str(stored))
    if of_group not in project.recipes or group not in ("", project.recipes[of_group].family):
        raise FactoryError(_unknown(project, name, of_group))
    return Side("refreshes", of_group, _refresh(project, of_group, at))


def _number(text: str, at: str) -> int:
    if not at.isdecimal():
        raise FactoryError(f"{text!r}: after the @ is the number of a version, such as 2")
    return int(at)


def _refresh(project: Project, recipe: str, at: str) -> str:
    tables = Tables(project.settings.root_path)
    stages = ["prompts", *(each.name for each in project.recipes[recipe].planned(project.settings))]
    stored = sorted({day for stage in stages for day in tables.refreshes((recipe, stage))})
    if not stored:
        raise FactoryError(
            f"{recipe} has no refresh yet; make one: factory run {recipe} "
            f"(looked for in {tables.root})"
        )
    if at and at not in stored:
        raise FactoryError(f"{recipe} has no refresh {at}; there is {', '.join(stored)}")
    return at or stored[-1]


def _unknown(project: Project, name: str, plain: str) -> str:
    for group, known in ((DATASETS, project.datasets), (MODELS, project.models)):
        if name in known:
            return f"there is no recipe {name!r}; write {group}/{name}"
    group = name.rpartition("/")[0]
    if group in project.recipes:
        return f"{name} is a stage; a comparison is of all stages: write {group}"
    if group:
        return f"there is no recipe {name!r}; write RECIPE, datasets/NAME or models/NAME"
    return project.recipes.missing(plain)
