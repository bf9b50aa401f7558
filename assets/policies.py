"""Which weights a role has at a refresh: rounds are consecutive refreshes, each starting from the
policy that the last one trained."""

from collections.abc import Mapping
from pathlib import Path

from assets.errors import FactoryError
from assets.tables import Tables
from engines.roles import Binding


def roles_at(
    refresh: str,
    *,
    recipe: str,
    stage: str | None,
    bindings: Mapping[str, Binding],
    tables: Tables,
) -> dict[str, Binding]:
    """Every role's binding at ``refresh`` of ``recipe``, whose stage ``stage`` trains its policy.

    ``policy`` is the newest policy that an earlier refresh trained, ``policy@previous`` the one
    before it, ``policy@initial`` the configured one, which also stands in where there is none yet.
    Raises `FactoryError` where a trained policy is needed that is gone or that no one serves.
    """
    initial = bindings.get("policy")
    if initial is None:
        return dict(bindings)
    trained = []
    if stage is not None:
        for earlier in tables.refreshes((recipe, stage)):
            if earlier < refresh:
                row = tables.read((recipe, stage), earlier).row(0, named=True)
                if row["trained"]:
                    trained.append(_trained(initial, row["path"], recipe=recipe, refresh=earlier))
    history = [initial, initial, *trained]
    return {
        **bindings,
        "policy": history[-1],
        "policy@previous": history[-2],
        "policy@initial": initial,
    }


def _trained(initial: Binding, path: str, *, recipe: str, refresh: str) -> Binding:
    if not Path(path).is_dir():
        raise FactoryError(
            f"the policy that {recipe} trained at {refresh} is gone: there is no folder {path}. "
            f"Make it again: factory run {recipe} --refresh {refresh}"
        )
    if initial.engine == "openai" and initial.model != path:
        raise FactoryError(
            f"this refresh of {recipe} starts from the policy that {refresh} trained, but role "
            f"'policy' is served by {initial.url}: serve {path} there, then set "
            f"roles.policy.model to it and roles.policy.served_as to its name in factory.yaml"
        )
    return initial.model_copy(update={"model": path, "revision": None})
