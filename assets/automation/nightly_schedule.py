"""The schedule ``<recipe>_nightly``: it makes the refresh of the day."""

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg

from assets.config.operation import Schedule


def nightly_schedule(
    recipe: str,
    job: Any,
    schedule: Schedule,
    ops: Mapping[str, Any],
    *,
    timezone: str,
    tags: Mapping[str, str],
) -> dg.ScheduleDefinition:
    """The schedule of a recipe. It is off until it is switched on in the UI.

    It requests the refresh of a day once, also if ``cron`` names several times a day.

    Args:
        recipe: The name of the recipe.
        job: The Dagster job that runs a refresh of it.
        schedule: When it runs.
        ops: The run configuration of the stages.
        timezone: The time zone of the days; that of ``cron`` may be another.
        tags: The tags by which it is found in the UI.
    """

    @dg.schedule(
        name=f"{recipe}_nightly",
        job=job,
        tags=tags,
        cron_schedule=schedule.cron,
        execution_timezone=schedule.timezone,
        description=f"{schedule.description}: the refresh of the day, "
        f"{schedule.rows:,} new prompts, from the last promoted policy",
    )
    def nightly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        day = context.scheduled_execution_time.astimezone(ZoneInfo(timezone)).date().isoformat()
        return dg.RunRequest(run_key=day, partition_key=day, run_config={"ops": dict(ops)})

    return nightly
