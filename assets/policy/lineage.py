"""Which weights a role has at a refresh.

A refresh starts from the newest promoted policy (`assets.policy.promotion`) of an earlier refresh.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from assets.config.errors import FactoryError
from assets.policy.promotion import Gate
from assets.storage.tables import Tables
from engines.bindings import Binding


@dataclass(frozen=True)
class PolicyLineage:
    """The policies that were trained before a refresh.

    Attributes:
        promoted: (refresh, folder) of the last two promoted policies, the newest first.
        passed_over: (refresh, reason) of newer policies that were not promoted, the newest first.
    """

    promoted: tuple[tuple[str, str], ...] = ()
    passed_over: tuple[tuple[str, str], ...] = ()

    @property
    def says(self) -> str:
        """A sentence: the policy that the refresh starts from, and those that it passes over."""
        start = f"the policy of {self.promoted[0][0]}" if self.promoted else "the configured one"
        passed = "".join(f"; that of {day} is not promoted: {why}" for day, why in self.passed_over)
        return f"starts from {start}{passed}"


def line_before(
    refresh: str, *, recipe: str, stage: str | None, tables: Tables, gate: Gate | None = None
) -> PolicyLineage:
    """The policies of a recipe before a refresh.

    Days without a run, and days that trained nothing, are skipped.

    Args:
        refresh: A day, such as ``2026-01-31``.
        recipe: The name of the recipe.
        stage: The stage that trains the policy; None if no stage does.
        tables: The stored tables.
        gate: What a policy must pass to be promoted; None promotes every policy.
    """
    promoted: list[tuple[str, str]] = []
    passed_over: list[tuple[str, str]] = []
    for earlier in reversed(tables.refreshes((recipe, stage)) if stage is not None else []):
        if len(promoted) == 2:
            break
        if earlier >= refresh:
            continue
        row = tables.read((recipe, str(stage)), earlier).row(0, named=True)
        if not row["trained"]:
            continue
        why = None if gate is None else gate.closed(earlier, tables)
        if why is None:
            promoted.append((earlier, row["path"]))
        elif not promoted:
            passed_over.append((earlier, why))
    return PolicyLineage(tuple(promoted), tuple(passed_over))


def roles_at(
    refresh: str,
    *,
    recipe: str,
    stage: str | None,
    bindings: Mapping[str, Binding],
    tables: Tables,
    gate: Gate | None = None,
) -> dict[str, Binding]:
    """The binding of each role at a refresh.

    ``policy`` is the newest promoted policy of an earlier refresh, ``policy@previous`` the one
    before it, and ``policy@initial`` the configured one. Without a promoted policy, the configured
    one takes its place.

    Args:
        refresh: A day, such as ``2026-01-31``.
        recipe: The name of the recipe.
        stage: The stage that trains the policy; None if no stage does.
        bindings: The configured binding of each role.
        tables: The stored tables.
        gate: What a policy must pass to be promoted; None promotes every policy.

    Raises:
        FactoryError: The folder of a trained policy is missing, or no server serves the policy.
    """
    initial = bindings.get("policy")
    if initial is None:
        return dict(bindings)
    line = line_before(refresh, recipe=recipe, stage=stage, tables=tables, gate=gate)
    trained = [
        _trained(initial, path, recipe=recipe, refresh=earlier) for earlier, path in line.promoted
    ]
    newest, before, *_ = [*trained, initial, initial]
    return {**bindings, "policy": newest, "policy@previous": before, "policy@initial": initial}


def _trained(initial: Binding, path: str, *, recipe: str, refresh: str) -> Binding:
    if not Path(path).is_dir():
        raise FactoryError(
            f"the policy that {recipe} trained at {refresh} is gone: there is no folder {path}. "
            f"Train it again: factory run {recipe} --refresh {refresh}"
        )
    if not initial.engine_class.local_weights and initial.model != path:
        raise FactoryError(
            f"this refresh of {recipe} starts from the policy that {refresh} trained, but role "
            f"'policy' is served by {initial.url or initial.engine}: serve {path} there, then set "
            "roles.policy.model to it and roles.policy.served_as to its name in factory.yaml"
        )
    return initial.model_copy(update={"model": path, "revision": None})
