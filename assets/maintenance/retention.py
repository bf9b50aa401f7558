"""Removes old checkpoints and old logs of runs.

Tables are never removed. The tables of prompts record which prompts were used, and exports, reports
and curated datasets read all stages of all refreshes.
"""

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from assets.automation.partitions import is_day
from assets.config.errors import FactoryError
from assets.maintenance.model_retention import kept_versions, old_versions
from assets.maintenance.usage import size
from assets.project.project import Project
from assets.storage.tables import Tables
from schemas import Checkpoints
from trainers.training.checkpoint_folder import RECORD


@dataclass(frozen=True)
class Prunable:
    """A local folder that can be removed.

    Attributes:
        what: A description of the folder.
        place: Its path.
        bytes: Its size.
    """

    what: str
    place: Path
    bytes: int


def prunable(
    project: Project,
    instance: dg.DagsterInstance,
    *,
    keep_refreshes: int,
    keep_days: int,
    keep_versions: int = 3,
) -> list[Prunable]:
    """The checkpoints of old refreshes and of old versions of models, and the logs of old runs.

    Some checkpoints are kept at any age: those that roles are bound to, those that a kept refresh
    started from, and those that these started from. The next refresh then has its ``policy`` and
    ``policy@previous``. A refresh whose checkpoint was removed trains it again when it is repeated.
    The same holds for the versions of models, and for the promoted ones that a role has at a kept
    refresh.

    Args:
        project: The project.
        instance: The Dagster instance with the runs.
        keep_refreshes: How many of the newest refreshes of each recipe keep their checkpoints.
        keep_days: How many days the logs of a run are kept.
        keep_versions: How many of the newest versions of each model keep their checkpoints.
    """
    tables = Tables(project.settings.root_path)
    settings = project.settings
    bindings = [*settings.bindings().values(), *map(settings.initial, settings.roles)]
    bound = [Path(one.model) for one in bindings if one.model]
    trained = {name: _trained_of(project, tables, name) for name in sorted(project.recipes)}
    kept = kept_versions(project, keep_versions=keep_versions, keep_refreshes=keep_refreshes)
    needed = [path.resolve() for path in (*bound, *(Path(each.start) for each in kept.values()))]
    used = [path for days in trained.values() for path in _used(days, keep_refreshes)]
    return [
        *_checkpoints(project, trained, needed, keep_refreshes),
        *(Prunable(*each) for each in old_versions(project, kept, [*needed, *used])),
        *_run_logs(instance, keep_days),
    ]


def prune(instance: dg.DagsterInstance, found: Iterable[Prunable]) -> None:
    """Remove folders.

    Raises:
        FactoryError: A run is in progress, which may need them.
    """
    unfinished = dg.RunsFilter(
        statuses=[
            dg.DagsterRunStatus.STARTING,
            dg.DagsterRunStatus.STARTED,
            dg.DagsterRunStatus.CANCELING,
        ]
    )
    for run in instance.get_runs(unfinished, limit=1):
        raise FactoryError(
            f"a run of {run.job_name} is in progress ({run.run_id}): prune when it has ended"
        )
    for folder in found:
        # Without its record, a partly removed folder does not count as a checkpoint.
        (folder.place / RECORD).unlink(missing_ok=True)
        shutil.rmtree(folder.place)


Trained = Mapping[str, Sequence[tuple[str, str]]]
"""The (checkpoint, checkpoint that it started from) pairs of each refresh."""


def _checkpoints(
    project: Project, trained: Mapping[str, Trained], needed: Sequence[Path], keep: int
) -> Iterator[Prunable]:
    for name, days in trained.items():
        kept = sorted(days)[-keep:]
        if not kept:
            continue
        stay = [*needed, *_used(days, keep)]
        folder = project.settings.models_path / name
        for day in sorted(each.name for each in folder.iterdir()) if folder.is_dir() else []:
            place = (folder / day).resolve()
            old = is_day(day) and day < kept[0]
            if old and not any(path.is_relative_to(place) for path in stay):
                yield Prunable(f"checkpoints of {name} at {day}", place, size(place))


def _used(trained: Trained, keep: int) -> list[Path]:
    """The checkpoints of the kept refreshes, those that these started from, and one more back."""
    start_of = {path: start for pairs in trained.values() for path, start in pairs if path != start}
    used = {path for day in sorted(trained)[-keep:] for pair in trained[day] for path in pair}
    used |= {start_of[path] for path in used if path in start_of}
    return [Path(path).resolve() for path in used]


def _trained_of(project: Project, tables: Tables, recipe: str) -> Trained:
    stages = project.recipes[recipe].planned(project.settings)
    return _trained_at(tables, recipe, [each.name for each in stages if each.gives is Checkpoints])


def _trained_at(
    tables: Tables, recipe: str, stages: Sequence[str]
) -> dict[str, list[tuple[str, str]]]:
    """The (checkpoint, checkpoint that it started from) pairs of each refresh."""
    by_day: dict[str, list[tuple[str, str]]] = {}
    for stage in stages:
        for day in tables.refreshes((recipe, stage)):
            rows = tables.read((recipe, stage), day).select("path", "start").iter_rows()
            by_day.setdefault(day, []).extend(rows)
    return by_day


def _run_logs(instance: dg.DagsterInstance, days: int) -> list[Prunable]:
    ended = dg.RunsFilter(
        statuses=[
            dg.DagsterRunStatus.SUCCESS,
            dg.DagsterRunStatus.FAILURE,
            dg.DagsterRunStatus.CANCELED,
        ],
        created_before=datetime.now(UTC) - timedelta(days=days),
    )
    prunables = []
    for run in instance.get_runs(ended):
        # Dagster's folder for local logs. With logs on another store, it does not exist.
        place = Path(instance.storage_directory()) / run.run_id / "compute_logs"
        if place.is_dir():
            prunables.append(Prunable(f"what run {run.run_id[:8]} printed", place, size(place)))
    return prunables
