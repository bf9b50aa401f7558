"""The report of a downstream model: its versions, trainings with their curves, validation, and
ablations."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from assets.charts.task_table import TASK_COLUMNS, task_rows
from assets.charts.training_curves import curve_pictures, runs_of
from assets.project.model import MODELS
from assets.project.project import Project
from assets.report.effects import effects_of
from assets.report.template import rendered
from assets.storage.ablations import ablations_of_model
from assets.storage.model_versions import ModelVersion, ModelVersions
from trainers.evaluation.sentences import change, difference


@dataclass(frozen=True)
class Trained:
    """The trainings of a stage, one for each seed: the rows and steps of the first, and the curves
    of all."""

    stage: str
    data: str
    rows: int
    steps: int
    curves: list[Markup]


def model_report(project: Project, name: str, *, number: int | None = None) -> str:
    """The HTML page about a version of a model. It calls no model.

    Args:
        project: The project.
        name: The name of the model.
        number: The number of the version; by default the newest.

    Raises:
        FactoryError: There is no such version.
    """
    models = project.settings.models_path
    versions = ModelVersions(models, name)
    version_shown = versions.version(number)
    return rendered(
        "model.html.jinja",
        family=MODELS,
        name=name,
        shown=version_shown,
        start=Path(version_shown.start).name
        if Path(version_shown.start).is_absolute()
        else version_shown.start,
        versions=[versions.version(each) for each in reversed(versions.numbers())],
        trained=list(_trained(project, name, version_shown)),
        validated=[
            (stage, change(figures), difference(figures), _by_seed(figures.get("seeds", [])))
            for stage, figures in version_shown.figures.items()
        ],
        task_columns=TASK_COLUMNS,
        tasks=[
            (stage, *row) for stage, of in version_shown.figures.items() for row in task_rows(of)
        ],
        effects=effects_of(ablations_of_model(models, name, version_shown.number)),
    )


def _trained(project: Project, name: str, version: ModelVersion) -> Iterator[Trained]:
    data = {each.name: each.data for each in project.models[name].train}
    for stage, rows in version.trained.items():
        pictures = curve_pictures(runs_of([row["path"] for row in rows]))
        yield Trained(
            stage,
            data.get(stage, ""),
            rows[0]["rows"],
            rows[0]["steps"],
            [picture.inside() for picture in pictures.values()],
        )


def _by_seed(seeds: list[dict[str, float]]) -> str:
    """What each seed reached, if there are several."""
    return ", ".join(f"{each['after']:.3g}" for each in seeds if each) if len(seeds) > 1 else ""
