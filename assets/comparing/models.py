"""Compares two versions of downstream models."""

from collections.abc import Iterator
from pathlib import Path

from assets.comparing.comparison import Comparison, Setting, Shared, Validated, differing
from assets.comparing.datasets import shared_by_split, table_of
from assets.comparing.parameters import flat
from assets.comparing.sides import Side
from assets.project.project import Project
from assets.storage.dataset_versions import Versions
from assets.storage.model_versions import ModelVersion, ModelVersions

_PROMOTED = {True: "yes", False: "no", None: "not finished"}


def compare_models(project: Project, first: Side, second: Side) -> Comparison:
    """Compare what two versions are trained on and how, and how they were validated.

    Args:
        project: The project.
        first: A version of a model.
        second: Another version.
    """
    one, other = (
        ModelVersions(project.settings.models_path, side.name).version(int(side.at))
        for side in (first, second)
    )
    parameters, alike = differing(_parameters(one), _parameters(other))
    models, _ = differing(_weights(one), _weights(other))
    return Comparison(
        "models",
        (first.full, second.full),
        facts=[
            Setting("made", (one.made, other.made)),
            Setting("promoted", (_promoted(one), _promoted(other))),
            Setting("datasets", (_datasets(one), _datasets(other))),
        ],
        shared=list(_shared(project, one, other)),
        validated=[
            Validated(stage, (one.figures.get(stage), other.figures.get(stage)))
            for stage in dict.fromkeys([*one.figures, *other.figures])
        ],
        models=models,
        parameters=parameters,
        alike=alike,
    )


def _shared(project: Project, one: ModelVersion, other: ModelVersion) -> Iterator[Shared]:
    """The rows in common of the datasets that both read in different versions, if they are
    stored."""
    for name in one.datasets.keys() & other.datasets.keys():
        versions = Versions(project.settings.root_path, name)
        numbers = [each.datasets[name].version for each in (one, other)]
        if numbers[0] == numbers[1] or not set(numbers) <= set(versions.numbers()):
            continue
        first, second = map(versions.version, numbers)
        yield from shared_by_split(table_of(first), *map(versions.read, (first, second)), of=name)


def _promoted(version: ModelVersion) -> str:
    reason = f": {version.reason}" if version.reason else ""
    return f"{_PROMOTED[version.promoted]}{reason}"


def _datasets(version: ModelVersion) -> str:
    return ", ".join(f"{name}@{each.version}" for name, each in version.datasets.items())


def _weights(version: ModelVersion) -> dict[str, str]:
    start = Path(version.start)
    settings = {
        "start": start.name if start.is_absolute() else version.start,
        "revision of the start": version.revision,
        "seeds": ", ".join(map(str, version.seeds)),
    }
    for stage, trained in version.trained.items():
        settings[f"{stage}, rows"] = f"{trained[0]['rows']:,}"
        settings[f"{stage}, steps"] = f"{trained[0]['steps']:,}"
    return settings


def _parameters(version: ModelVersion) -> dict[str, str]:
    return {
        name: value
        for stage, values in version.parameters.items()
        for name, value in flat(values, stage)
    }
