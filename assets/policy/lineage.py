"""Which weights a role has at a refresh: rounds are consecutive refreshes, each starting from the
newest policy that an earlier one trained and that was promoted (`assets.policy.promotion`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from assets.config.errors import FactoryError
from assets.policy.promotion import Gate
from assets.storage.tables import Tables
from engines.bindings import Binding


@dataclass(frozen=True)
class PolicyLineage:
    """The policies before a refresh. ``promoted``: (refresh, folder) of the last two, the newest
    first; ``passed_over``: (refresh, why) of newer ones whose gate is closed, the newest first."""

    promoted: tuple[tuple[str, str], ...] = ()
    passed_over: tuple[tuple[str, str], ...] = ()

    @property
    def says(self) -> str:
        """Where the refresh starts from, and what it does not start from and why."""
        starts = f"the policy of {self.promoted[0][0]}" if self.promoted else "the configured one"
        passed = "".join(f"; that of {day} is not promoted: {why}" for day, why in self.passed_over)
        return f"starts from {starts}{passed}"


def line_before(
    refresh: str, *, recipe: str, stage: str | None, tables: Tables, gate: Gate | None = None
) -> PolicyLineage:
    """The policies that ``recipe``, whose stage ``stage`` trains them, has before ``refresh``.

    Days that trained nothing, or were never run, are no gap: the line goes over them.
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
    """Every role's binding at ``refresh`` of ``recipe``, whose stage ``stage`` trains its policy.

    ``policy`` is the newest promoted policy of an earlier refresh, ``policy@previous`` the one
    before it, ``policy@initial`` the configured one, which also stands in where there is none yet.
    Raises `FactoryError` where a trained policy is needed that is gone or that no one serves.
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
            f"Make it again: factory run {recipe} --refresh {refresh}"
        )
    if not initial.engine_class.local_weights and initial.model != path:
        raise FactoryError(
            f"this refresh of {recipe} starts from the policy that {refresh} trained, but role "
            f"'policy' is served by {initial.url or initial.engine}: serve {path} there, then set "
            "roles.policy.model to it and roles.policy.served_as to its name in factory.yaml"
        )
    return initial.model_copy(update={"model": path, "revision": None})
