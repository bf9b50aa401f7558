"""Which answers the journal may forget: those of models that nobody can ask any more."""

from assets.definitions import Floor
from assets.tables import Tables
from engines.journal import Journal, statistics
from engines.protocol import EngineError
from engines.roles import Binding
from schemas import Checkpoints


def prune_journal(floor: Floor) -> tuple[int, int]:
    """Remove the answers of models that are not current; how many were removed, and are kept.

    Current is a model that is bound to a role, or that a recipe trained and whose folder is still
    there. Of a served model, everything kept under its name is current: only its server knows
    which revision it is at.
    """
    path = floor.settings.journal_path
    usage = statistics(path).usage
    bindings = list(floor.settings.bindings().values())
    served = {binding.served_as for binding in bindings if binding.engine == "openai"}
    revisions = tuple(_revisions(bindings + _trained(floor, bindings)))
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


def _trained(floor: Floor, bindings: list[Binding]) -> list[Binding]:
    """A binding for every checkpoint that a recipe trained, in each number type in use."""
    tables = Tables(floor.settings.root_path)
    paths = {
        row["path"]
        for recipe in floor.recipes.values()
        for stage in recipe.planned(floor.settings)
        if stage.gives is Checkpoints
        for refresh in tables.refreshes((recipe.name, stage.name))
        for row in tables.read((recipe.name, stage.name), refresh).iter_rows(named=True)
    }
    local = {binding.model_dump_json(): binding for binding in bindings if binding.model}
    return [
        binding.model_copy(update={"model": path, "revision": None})
        for path in sorted(paths)
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
