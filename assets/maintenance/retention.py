"""Removes old checkpoints, old logs of runs, and journaled answers of models that are gone.

Tables are never removed. The tables of prompts record which prompts were used, and exports, reports
and curated datasets read all stages of all refreshes.
"""

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from assets.automation.partitions import REFRESHES
from assets.config.errors import FactoryError
from assets.maintenance.usage import size
from assets.project.project import Project
from assets.storage.tables import Tables
from engines.bindings import Binding
from engines.journal.store import Journal, statistics
from engines.protocol import EngineError
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
    project: Project, instance: dg.DagsterInstance, *, keep_refreshes: int, keep_days: int
) -> list[Prunable]:
    """The checkpoints of old refreshes and the logs of old runs.

    Some checkpoints are kept at any age: those that roles are bound to, those that a kept refresh
    started from, and those that these started from. The next refresh then has its ``policy`` and
    ``policy@previous``. A refresh whose checkpoint was removed trains it again when it is repeated.

    Args:
        project: The project.
        instance: The Dagster instance with the runs.
        keep_refreshes: How many of the newest refreshes of each recipe keep their checkpoints.
        keep_days: How many days the logs of a run are kept.
    """
    return [*_checkpoints(project, keep_refreshes), *_run_logs(instance, keep_days)]


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


def _checkpoints(project: Project, keep: int) -> list[Prunable]:
    tables = Tables(project.settings.root_path)
    bound = [one.model for one in project.settings.bindings().values() if one.model]
    prunables = []
    for name, recipe in sorted(project.recipes.items()):
        stages = recipe.planned(project.settings)
        trained = _trained_at(
            tables, name, [each.name for each in stages if each.gives is Checkpoints]
        )
        kept = sorted(trained)[-keep:]
        if not kept:
            continue
        start_of = {
            path: start for pairs in trained.values() for path, start in pairs if path != start
        }
        used = {path for day in kept for pair in trained[day] for path in pair}
        used |= {start_of[path] for path in used if path in start_of}
        needed = [Path(path).resolve() for path in (*bound, *used)]
        folder = project.settings.models_path / name
        for day in sorted(each.name for each in folder.iterdir()) if folder.is_dir() else []:
            place = (folder / day).resolve()
            old = REFRESHES.has_partition_key(day) and day < kept[0]
            if old and not any(path.is_relative_to(place) for path in needed):
                prunables.append(Prunable(f"checkpoints of {name} at {day}", place, size(place)))
    return prunables


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


def prune_journal(project: Project) -> tuple[int, int]:
    """Remove the journaled answers of models that are not current.

    A model is current if a role is bound to it, or if a recipe trained it and its folder exists.
    For a served model, all answers under its name are current, because only the server knows its
    revision.

    Returns:
        How many answers were removed, and how many are kept.
    """
    path = project.settings.journal_path
    usage = statistics(path).usage
    bound = project.settings.bindings()
    bindings = list(bound.values())
    served = {
        binding.journal_name(role)
        for role, binding in bound.items()
        if not binding.engine_class.local_weights
    }
    revisions = tuple(_revisions(bindings + _trained(project.settings.models_path, bindings)))
    # An engine adds its own options to the revision of the weights.
    current = {
        one.revision
        for one in usage
        if one.name in served or one.revision.partition(" ")[0] in revisions
    }
    journal = Journal(path)
    try:
        removed = journal.prune(current)
    finally:
        journal.close()
    return removed, sum(one.answers for one in usage) - removed


def _trained(models: Path, bindings: list[Binding]) -> list[Binding]:
    """A binding for every checkpoint under ``models``, with the options of each local binding."""
    paths = sorted(str(record.parent) for record in models.rglob(RECORD))
    local = {binding.model_dump_json(): binding for binding in bindings if binding.model}
    return [
        binding.model_copy(update={"model": path, "revision": None})
        for path in paths
        for binding in local.values()
    ]


def _revisions(bindings: list[Binding]) -> set[str]:
    from engines.weights import weights_revision

    revisions = set()
    for binding in bindings:
        if binding.model is not None:
            try:
                revisions.add(weights_revision(binding))
            except EngineError:
                # Its folder is missing, so the model cannot be used.
                continue
    return revisions
