"""The versions of a downstream model, in ``models/<name>/versions/000003.json``.

The checkpoints of a version are in ``models/<name>/000003/seed-<seed>/<stage>``. A version is
opened before its first training, and names all that decides its weights. Its later stages use what
it names, even if a dataset has a newer version by then.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from assets.config.errors import FactoryError
from assets.config.promoted import Promoted, read_promoted, write_promoted
from assets.storage.version_numbers import stored_version, version_numbers
from schemas.atomic import write_file


@dataclass(frozen=True)
class TrainedOn:
    """The version of a dataset that a model is trained or validated on.

    Attributes:
        version: Its number.
        digest: The digest of its rows.
        refresh: The newest refresh among its rows.
    """

    version: int
    digest: str
    refresh: str


@dataclass(frozen=True)
class ModelVersion:
    """One version of a model.

    Attributes:
        number: Its number, from 1.
        digest: The digest of all that decides its weights.
        made: When it was opened, in UTC.
        start: The folder or Hub id of the weights that it starts from.
        revision: The revision of these weights.
        datasets: The datasets that it reads, by name.
        parameters: The parameters of each stage, by its name.
        seeds: The seeds of its trainings. The first one's checkpoint is promoted.
        trained: The rows of `schemas.Checkpoints` of each training stage, one for each seed.
        figures: The figures of each validation stage, for the first seed, with those of the others
            in ``seeds``.
        promoted: Whether it is promoted; None until that is decided.
        reason: Why it is not promoted.
    """

    number: int
    digest: str
    made: str
    start: str
    revision: str
    datasets: Mapping[str, TrainedOn]
    parameters: Mapping[str, Mapping[str, Any]]
    seeds: tuple[int, ...]
    trained: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    figures: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    promoted: bool | None = None
    reason: str | None = None

    @property
    def refresh(self) -> str:
        """The newest refresh among the rows of its datasets."""
        return max(each.refresh for each in self.datasets.values())

    @property
    def path(self) -> str:
        """The folder of its weights: the last checkpoint of the first seed.

        Raises:
            KeyError: It is not trained yet.
        """
        *_, last = self.trained.values()
        return str(last[0]["path"])

    def as_json(self) -> dict[str, Any]:
        """The version as a JSON object."""
        return asdict(self)


class ModelVersions:
    """The versions of a model.

    Args:
        models: The folder of trained checkpoints.
        name: The name of the model.
    """

    def __init__(self, models: Path, name: str) -> None:
        self.name = name
        self.models = models
        self.folder = models / name

    def numbers(self) -> list[int]:
        """The numbers of the versions, oldest first."""
        return version_numbers(self.folder / "versions")

    def version(self, number: int | None = None) -> ModelVersion:
        """Read a version; by default the newest.

        Raises:
            MissingTableError: There is no such version.
            FactoryError: Its file is damaged.
        """
        path = self._path(
            stored_version(
                self.numbers(),
                number,
                of=f"models/{self.name}",
                none=f"models/{self.name} has no version yet; make one: factory train {self.name}",
            )
        )
        try:
            fields = json.loads(path.read_bytes())
            datasets = {name: TrainedOn(**each) for name, each in fields["datasets"].items()}
            return ModelVersion(**{**fields, "datasets": datasets, "seeds": tuple(fields["seeds"])})
        except (ValueError, TypeError, KeyError) as error:
            raise FactoryError(
                f"{path} is damaged ({error}): restore a backup, or remove it; factory train "
                f"{self.name} makes the version again"
            ) from error

    def open(self, version: ModelVersion) -> ModelVersion:
        """Open a version, or return the newest one if it has the same digest.

        Args:
            version: What decides the weights. Its number is replaced.
        """
        numbers = self.numbers()
        newest = self.version() if numbers else None
        if newest is not None and newest.digest == version.digest:
            return newest
        opened = replace(version, number=(numbers[-1] if numbers else 0) + 1)
        self._write(opened)
        return opened

    def record(self, number: int, **changes: Any) -> ModelVersion:
        """Store what a stage found: ``trained`` or ``figures`` of a stage are added to those of the
        others, and ``promoted`` and ``reason`` are replaced."""
        stored = self.version(number)
        for name in ("trained", "figures"):
            if name in changes:
                changes[name] = {**getattr(stored, name), **changes[name]}
        changed = replace(stored, **changes)
        self._write(changed)
        return changed

    def promote(self, version: ModelVersion) -> None:
        """Add a version to the promoted ones, or take it from them, as its ``promoted`` says."""
        others = [each for each in self.promoted() if each.version != version.number]
        if version.promoted:
            others.append(Promoted(version.number, version.refresh, version.path))
        write_promoted(
            self.models, self.name, sorted(others, key=lambda promoted: promoted.version)
        )

    def promoted(self) -> list[Promoted]:
        """The promoted versions, oldest first."""
        return read_promoted(self.models, self.name)

    def checkpoints(self, number: int) -> Path:
        """The folder of the checkpoints of a version."""
        return self.folder / f"{number:06}"

    def _write(self, version: ModelVersion) -> None:
        path = self._path(version.number)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, json.dumps(asdict(version), indent=1).encode())

    def _path(self, number: int) -> Path:
        return self.folder / "versions" / f"{number:06}.json"


def now() -> str:
    """The current time in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")
