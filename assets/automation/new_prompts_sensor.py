"""The sensor ``<recipe>_new_prompts``: it starts a refresh when a source has new prompts.

The sensor reads no prompt and calls no model. Some sources have a stamp that changes with their
content (`schemas.Stamped`: sizes and times of files, the commit of a dataset). The sensor compares
the stamp with the one that the recipe last drew from, which is in the metadata of the newest
materialization of ``<recipe>/prompts``. Prompts that a refresh left over because of its row limit
do not start a refresh; the nightly schedule takes them.

The cursor and the run key hold the stamps of the last request. So one change starts one refresh,
whether the refresh succeeds or not.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

import dagster as dg
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES
from dagster._time import get_current_datetime

from assets.project.resources import Resources
from assets.prompts.incremental_read import stamp_of
from schemas import canonical, content_id

EVERY = 300
"""The shortest time between two evaluations, in seconds."""


def news_sensor(
    recipe: str, job: Any, sources: Sequence[str], *, tags: Mapping[str, str]
) -> dg.SensorDefinition:
    """The sensor of a recipe.

    Args:
        recipe: The name of the recipe.
        job: The Dagster job that runs a refresh of it.
        sources: The names of the sources that it draws prompts from.
        tags: The tags by which it is found in the UI.
    """

    @dg.sensor(
        name=f"{recipe}_new_prompts",
        job=job,
        tags=tags,
        minimum_interval_seconds=EVERY,
        description="Starts today's refresh when a source has new prompts",
        required_resource_keys={"factory"},
    )
    def new_prompts(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        factory: Resources = context.resources.factory
        stamps = {name: stamp_of(factory.readers[name], name=name) for name in sources}
        now = {name: stamp for name, stamp in stamps.items() if stamp is not None}
        if not now:
            return dg.SkipReason(
                f"none of {', '.join(sources)} can report new prompts without being read: "
                f"switch on the schedule {recipe}_nightly instead"
            )
        then = _last_stamps(context.instance, recipe)
        changed = " and ".join(sorted(name for name in now if now[name] != then.get(name)))
        if not changed:
            return dg.SkipReason(f"no change of {', '.join(now)} since the last refresh")
        if context.cursor == canonical(now):
            return dg.SkipReason(
                f"a refresh for the change of {changed} was already requested; if it failed, start "
                "it again"
            )
        moment = get_current_datetime().astimezone(ZoneInfo(factory.settings.schedule.timezone))
        reason = _reason_to_wait(recipe, moment, context.instance, factory)
        if reason is not None:
            return dg.SkipReason(f"{changed} changed, but {reason}")
        today = moment.date().isoformat()
        request = dg.RunRequest(run_key=f"{today} {content_id(now)}", partition_key=today)
        return dg.SensorResult(run_requests=[request], cursor=canonical(now))

    return new_prompts


def _last_stamps(instance: dg.DagsterInstance, recipe: str) -> Mapping[str, str]:
    """The stamps of the sources when the recipe last drew from them; empty if it never did."""
    event = instance.get_latest_materialization_event(dg.AssetKey([recipe, "prompts"]))
    materialization = None if event is None else event.asset_materialization
    stamps = None if materialization is None else materialization.metadata.get("stamps")
    return cast("Mapping[str, str]", stamps.value) if stamps is not None else {}


def _reason_to_wait(
    recipe: str, moment: datetime, instance: dg.DagsterInstance, factory: Resources
) -> str | None:
    """Why the refresh of the day of ``moment`` must not start now; None if it may."""
    today = moment.date().isoformat()
    if moment - timedelta(seconds=EVERY) < moment.replace(hour=0, minute=0, second=0):
        # The schedule and this sensor could both start the refresh.
        return f"the day has just begun, and {recipe}_nightly runs first if it is on"
    under_way = dg.RunsFilter(
        job_name=recipe, tags={"dagster/partition": today}, statuses=NOT_FINISHED_STATUSES
    )
    if instance.get_runs(under_way, limit=1):
        return f"today's refresh, {today}, is under way"
    key = (recipe, "prompts")
    if today in factory.tables.refreshes(key) and factory.tables.read(key, today).height:
        return f"today's refresh, {today}, has its prompts: tomorrow's takes the new ones"
    return None
