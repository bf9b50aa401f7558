"""What Dagster last recorded of a recipe's asset checks."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from assets.config.bundled import bundled
from assets.execution.claim_check import CHECK
from assets.execution.instance import shown_instance
from assets.execution.run_stage import check_specs
from assets.project.recipe_plan import Stage


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


def kept_claim(recipe: str) -> Mapping[str, Any] | None:
    """What ``docs/claims.json`` keeps of the claim of ``recipe``; None where it was not measured
    for that."""
    results = bundled("docs/claims.json")
    if not results.is_file():
        return None
    kept = json.loads(results.read_text(encoding="utf-8"))
    return next((one for one in kept if one["id"] == recipe), None)
