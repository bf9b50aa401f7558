"""The results of ablations, in ``models/<name>/ablations/000003-recipe.json``.

The trainings of an ablation are in the folder of the same name without ``.json`` until it is
finished.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from assets.config.errors import FactoryError
from schemas.atomic import write_file

FOLDER = "ablations"


@dataclass(frozen=True)
class Interval:
    """A mean difference with its 95 % interval.

    Attributes:
        mean: The mean over prompts and seeds.
        low: The lower end.
        high: The upper end.
        seeds: The mean of each seed.
    """

    mean: float
    low: float
    high: float
    seeds: tuple[float, ...]

    @property
    def decided(self) -> bool:
        """Whether the interval does not contain 0."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Measured:
    """What a validation stage found of a variant.

    Attributes:
        by: ``check``, ``judge``, ``reward`` or ``pairs``: how it was measured.
        prompts: The number of prompts that all variants have.
        start: The figure of the start.
        gain: The variant minus the start.
        effect: The variant minus the training on all data; None for that one.
    """

    by: str
    prompts: int
    start: float
    gain: Interval
    effect: Interval | None = None


@dataclass(frozen=True)
class VariantResult:
    """A training on a part of the data.

    Attributes:
        name: Its name, such as ``without online_dpo``.
        left_out: What it is trained without; None if it is not a training without one part.
        rows: The rows of each training stage.
        epochs: How often each row of a stage was learned.
        same_rows: Whether it has the rows of the training on all data, so that nothing was trained.
        measured: What each measure found, by its name; empty with ``same_rows``.
    """

    name: str
    left_out: str | None
    rows: Mapping[str, int]
    epochs: Mapping[str, float]
    same_rows: bool
    measured: Mapping[str, Measured] = field(default_factory=dict)


@dataclass(frozen=True)
class Ablation:
    """The result of an ablation.

    Attributes:
        model: The name of the model.
        version: The version of the model whose training was varied.
        by: What was varied.
        digest: The digest of all that decides the result.
        made: When it was finished, in UTC.
        datasets: The version of each dataset.
        seeds: The seeds of the trainings.
        steps: The optimizer steps of each training stage, the same for all variants.
        variants: The training on all data, then the others.
    """

    model: str
    version: int
    by: str
    digest: str
    made: str
    datasets: Mapping[str, int]
    seeds: tuple[int, ...]
    steps: Mapping[str, int]
    variants: Sequence[VariantResult]

    @property
    def measures(self) -> list[str]:
        """The names of the measures."""
        return list(self.variants[0].measured)

    def as_json(self) -> dict[str, Any]:
        """The result as a JSON object."""
        return asdict(self)


def folder_of(models: Path, model: str, version: int, by: str) -> Path:
    """The folder of the trainings of an ablation."""
    return models / model / FOLDER / f"{version:06}-{by}"


def write_ablation(models: Path, ablation: Ablation) -> Path:
    """Store a result; returns its file."""
    path = _path(folder_of(models, ablation.model, ablation.version, ablation.by))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, json.dumps(ablation.as_json(), indent=1).encode())
    return path


def read_ablation(models: Path, model: str, version: int, by: str) -> Ablation | None:
    """The stored result; None if there is none.

    Raises:
        FactoryError: The file is damaged.
    """
    path = _path(folder_of(models, model, version, by))
    return _read(path) if path.exists() else None


def ablations_of_model(models: Path, model: str, version: int) -> Iterator[Ablation]:
    """The stored results of a version of a model.

    Raises:
        FactoryError: A file is damaged.
    """
    for path in sorted((models / model / FOLDER).glob(f"{version:06}-*.json")):
        yield _read(path)


def ablations_of(models: Path, dataset: str) -> Iterator[Ablation]:
    """The stored results of all models that are trained on a dataset, the newest last.

    Raises:
        FactoryError: A file is damaged.
    """
    for path in sorted(models.glob(f"*/{FOLDER}/*.json")):
        ablation = _read(path)
        if dataset in ablation.datasets:
            yield ablation


def _path(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.json")


def _read(path: Path) -> Ablation:
    try:
        fields = json.loads(path.read_bytes())
        variants = [_variant(each) for each in fields["variants"]]
        return Ablation(**{**fields, "seeds": tuple(fields["seeds"]), "variants": variants})
    except (ValueError, TypeError, KeyError) as error:
        raise FactoryError(
            f"{path} is damaged ({error}): remove it; factory ablate makes it again"
        ) from error


def _variant(fields: Mapping[str, Any]) -> VariantResult:
    measured = {
        name: Measured(
            **{
                **each,
                "gain": _interval(each["gain"]),
                "effect": each["effect"] and _interval(each["effect"]),
            }
        )
        for name, each in fields["measured"].items()
    }
    return VariantResult(**{**fields, "measured": measured})


def _interval(fields: Mapping[str, Any]) -> Interval:
    return Interval(**{**fields, "seeds": tuple(fields["seeds"])})
