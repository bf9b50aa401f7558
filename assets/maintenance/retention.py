"""What may be thrown away: checkpoints that no refresh starts from, what old runs printed, and
answers of models that nobody can ask any more.

Tables are never among it. Prompts say which ones have been used; exports, reports and curated
datasets read every stage of every refresh.
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
    """A local folder that may go, and what it is."""

    what: str
    place: Path
    bytes: int


def prunable(
    project: Project, instance: dg.DagsterInstance, *, keep_refreshes: int, keep_days: int
) -> list[Prunable]:
    """Checkpoints of all but the last ``keep_refreshes`` refreshes of each recipe, and what runs
    printed that ended more than ``keep_days`` days ago.

    Kept whatever their age: what a role is bound to, what a kept refresh started from, and what
    that one started from, so that the next refresh has its ``policy`` and ``policy@previous``. A
    refresh whose checkpoint is gone trains it again when it is run again.
    """
    return [*_checkpoints(project, keep_refreshes), *_printed(instance, keep_days)]


def prune(instance: dg.DagsterInstance, found: Iterable[Prunable]) -> None:
    """Remove ``found``. Raises `FactoryError` while a run is going on, which may need it."""
    unfinished = dg.RunsFilter(
        statuses=[
            dg.DagsterRunStatus.STARTING,
            dg.DagsterRunStatus.STARTED,
            dg.DagsterRunStatus.CANCELING,
        ]
    )
    for run in instance.get_runs(unfinished, limit=1):
        raise FactoryError(
            f"a run of {run.job_name} is going on ({run.run_id}): prune when it has ended"
        )
    for one in found:
        # A folder that is half removed is no checkpoint: its record goes first.
        (one.place / RECORD).unlink(missing_ok=True)
        shutil.rmtree(one.place)


def _checkpoints(project: Project, keep: int) -> list[Prunable]:
    tables = Tables(project.settings.root_path)
    bound = [one.model for one in project.settings.bindings().values() if one.model]
    found = []
    for name, recipe in sorted(project.recipes.items()):
        stages = recipe.planned(project.settings)
        made = _trained_at(
            tables, name, [each.name for each in stages if each.gives is Checkpoints]
        )
        kept = sorted(made)[-keep:]
        if not kept:
            continue
        start_of = {
            path: start for pairs in made.values() for path, start in pairs if path != start
        }
        started = {path for day in kept for pair in made[day] for path in pair}
        started |= {start_of[path] for path in started if path in start_of}
        needed = [Path(path).resolve() for path in (*bound, *started)]
        folder = project.settings.models_path / name
        for day in sorted(each.name for each in folder.iterdir()) if folder.is_dir() else []:
            place = (folder / day).resolve()
            old = REFRESHES.has_partition_key(day) and day < kept[0]
            if old and not any(path.is_relative_to(place) for path in needed):
                found.append(Prunable(f"checkpoints of {name} at {day}", place, size(place)))
    return found


def _trained_at(
    tables: Tables, recipe: str, stages: Sequence[str]
) -> dict[str, list[tuple[str, str]]]:
    """What each refresh trained: (checkpoint, what it started from)."""
    made: dict[str, list[tuple[str, str]]] = {}
    for stage in stages:
        for day in tables.refreshes((recipe, stage)):
            rows = tables.read((recipe, stage), day).select("path", "start").iter_rows()
            made.setdefault(day, []).extend(rows)
    return made


def _printed(instance: dg.DagsterInstance, days: int) -> list[Prunable]:
    ended = dg.RunsFilter(
        statuses=[
            dg.DagsterRunStatus.SUCCESS,
            dg.DagsterRunStatus.FAILURE,
            dg.DagsterRunStatus.CANCELED,
        ],
        created_before=datetime.now(UTC) - timedelta(days=days),
    )
    found = []
    for run in instance.get_runs(ended):
        # Dagster's own place for it, whatever the log manager; there is none on another store.
        place = Path(instance.storage_directory()) / run.run_id / "compute_logs"
        if place.is_dir():
            found.append(Prunable(f"what run {run.run_id[:8]} printed", place, size(place)))
    return found


def prune_journal(project: Project) -> tuple[int, int]:
    """Remove the answers of models that are not current; how many were removed, and are kept.

    Current is a model that is bound to a role, or that a recipe trained and whose folder is still
    there. Of a served model, everything kept under its name is current: only its server knows
    which revision it is at.
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
    """A binding for every checkpoint under ``models``, in each number type in use."""
    paths = sorted(str(record.parent) for record in models.rglob(RECORD))
    local = {binding.model_dump_json(): binding for binding in bindings if binding.model}
    return [
        binding.model_copy(update={"model": path, "revision": None})
        for path in paths
        for binding in local.values()
    ]


def _revisions(bindings: list[Binding]) -> set[str]:
    from engines.weights import weights_revision

    found = set()
    for binding in bindings:
        if binding.model is not None:
            try:
                found.add(weights_revision(binding))
            except EngineError:
                # Its folder is gone, so nobody can ask it.
                continue
    return found
