"""The newest results of a recipe's asset checks in Dagster."""

from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg

from assets.execution.claim_check import CHECK
from assets.execution.instance import shown_instance
from assets.execution.run_stage import check_specs
from assets.execution.unmeasured import result_words
from assets.project.recipe_plan import Stage


@dataclass(frozen=True)
class Checked:
    """The newest result of a check.

    Attributes:
        stage: The stage.
        name: The name of the check.
        verdict: ``passed``, ``did not pass``, ``not measured`` or ``undecided``.
        says: The description of the result; may be empty.
    """

    stage: str
    name: str
    verdict: str
    says: str


def latest_checks(recipe: str, stages: Sequence[Stage]) -> list[Checked]:
    """The newest result of each check, in the order of the stages.

    Checks that never ran are left out.
    """
    keys = [
        dg.AssetCheckKey(dg.AssetKey([recipe, stage.name]), name)
        for stage in stages
        for name in [*(spec.name for spec in check_specs([recipe, stage.name], stage)), CHECK]
    ]
    with shown_instance() as instance:
        records = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    results = []
    for key in keys:
        event = records[key].event if key in records else None
        result = event.dagster_event.event_specific_data if event and event.dagster_event else None
        if isinstance(result, dg.AssetCheckEvaluation):
            description = result.description or ""
            stage = key.asset_key.path[-1]
            results.append(Checked(stage, key.name, result_words(result), description))
    return results
