"""Makes a downstream model again when one of its datasets has a new version."""

from collections.abc import Collection
from typing import Any

import dagster as dg

from assets.project.publish import PUBLISHED

SENSOR = "models_of_new_data"


def on_new_data(own: dg.AssetSelection, datasets: dg.AssetSelection) -> dg.AutomationCondition[Any]:
    """The condition under which an asset of a model is made.

    The first stage is requested when a dataset of the model has new rows: an update with the same
    rows has the same data version and requests nothing. The later stages follow in the same run. No
    stage is requested while an asset of the model or a dataset is being made.

    Args:
        own: All assets of the model.
        datasets: The datasets that it reads.
    """
    condition = dg.AutomationCondition
    new_rows = condition.any_deps_match(condition.data_version_changed()).allow(datasets)
    follows = condition.any_deps_match(condition.will_be_requested()).allow(own)
    busy = condition.any_deps_match(condition.in_progress()).allow(own | datasets)
    wanted = (new_rows | follows).since(condition.newly_requested() | condition.newly_updated())
    return wanted & ~busy & ~condition.in_progress()


def automation_sensor(models: Collection[str]) -> dg.AutomationConditionSensorDefinition:
    """The sensor that requests models, off until it is switched on in the UI.

    Args:
        models: The names of the models.
    """
    return dg.AutomationConditionSensorDefinition(
        SENSOR,
        target=dg.AssetSelection.groups("models", PUBLISHED),
        default_status=dg.DefaultSensorStatus.STOPPED,
        minimum_interval_seconds=30,
        description=f"Makes {', '.join(sorted(models))} again when a dataset has a new version",
    )
