"""Removes journaled answers of models that are gone."""

from pathlib import Path

from assets.project.project import Project
from engines.bindings import Binding
from engines.journal.pruning import prune
from engines.journal.statistics import statistics
from engines.protocol import EngineError
from trainers.training.checkpoint_folder import RECORD


def prune_journal(project: Project) -> tuple[int, int]:
    """Remove the journaled answers of models that are not current. Runs may go on meanwhile.

    A model is current if a role is bound to it, or if a recipe trained it and its folder exists.
    So is one that a run is asking now. For a served model, all answers under its name are current,
    because only the server knows its revision.

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
    removed = prune(path, {one.revision for one in usage} - current)
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
