"""The newest results of a recipe's asset checks in Dagster."""

from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg

from assets.execution.claim_check import CHECK
from assets.execution.instance import shown_instance
from assets.execution.run_stage import check_specs
from assets.execution.unmeasured import is_measured
from assets.project.recipe_plan import Stage


@dataclass(frozen=True)
class Checked:
    """The newest result of a check.

    Attributes:
        stage: The stage.
        name: The name of the check.
        passed: Whether it passed; None if it measured nothing.
        says: The description of the result; may be empty.
    """

    stage: str
    name: str
    passed: bool | None
    says: str

    @property
    def verdict(self) -> str:
        """The result in words."""
        if self.passed is None:
            return "not measured"
        return "passed" if self.passed else "did not pass"


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
            passed = result.passed if is_measured(result) else None
            results.append(Checked(key.asset_key.path[-1], key.name, passed, description))
    return results
