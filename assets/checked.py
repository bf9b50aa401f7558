"""What Dagster last recorded of a recipe's asset checks."""

from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg

from assets.claims.check import CHECK
from assets.home import shown_instance
from assets.plan import Stage
from assets.stage import check_specs


@dataclass(frozen=True)
class Checked:
    """The newest result of one check; ``says`` is empty where it has no words of its own."""

    stage: str
    name: str
    passed: bool
    says: str


def latest_checks(recipe: str, stages: Sequence[Stage]) -> list[Checked]:
    """The newest result of each check of each stage, in running order; those never run are left
    out."""
    keys = [
        dg.AssetCheckKey(dg.AssetKey([recipe, stage.name]), name)
        for stage in stages
        for name in [*(spec.name for spec in check_specs([recipe, stage.name], stage)), CHECK]
    ]
    with shown_instance() as instance:
        found = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    results = []
    for key in keys:
        event = found[key].event if key in found else None
        result = event.dagster_event.event_specific_data if event and event.dagster_event else None
        if isinstance(result, dg.AssetCheckEvaluation):
            says = result.description or ""
            results.append(Checked(key.asset_key.path[-1], key.name, result.passed, says))
    return results
