"""Starts a refresh when a source has new prompts: the sensor ``<recipe>_new_prompts``.

It reads no prompt and asks no model. A source that can tell cheaply whether it has changed
(`schemas.Stamped`: sizes and times of files, the commit of a dataset) is compared with what it said
when the recipe last drew from it, which the newest materialization of ``<recipe>/prompts`` knows.
What a refresh left over because it took no more rows is no news; the schedule takes it.

The cursor holds what a refresh was last asked for, and the run key names it, so that the same news
starts one refresh, whether that succeeds or not.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

import dagster as dg
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES
from dagster._time import get_current_datetime

from assets.project.resources import Resources
from assets.prompts.incremental_read import stamp_of
from schemas import canonical, content_id

EVERY = 300
"""Seconds between two looks, at least."""


def news_sensor(recipe: str, job: Any, sources: Sequence[str]) -> dg.SensorDefinition:
    """The sensor of ``recipe``, whose ``job`` makes a refresh of prompts of ``sources``."""

    @dg.sensor(
        name=f"{recipe}_new_prompts",
        job=job,
        minimum_interval_seconds=EVERY,
        description="Today's refresh (UTC), when a source has new prompts",
        required_resource_keys={"factory"},
    )
    def new_prompts(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        factory: Resources = context.resources.factory
        told = {name: stamp_of(factory.readers[name], name=name) for name in sources}
        now = {name: stamp for name, stamp in told.items() if stamp is not None}
        if not now:
            return dg.SkipReason(
                f"none of {', '.join(sources)} can tell that it has new prompts without being "
                f"read: switch on the schedule {recipe}_nightly instead"
            )
        then = _drawn_from(context.instance, recipe)
        changed = " and ".join(sorted(name for name in now if now[name] != then.get(name)))
        if not changed:
            return dg.SkipReason(f"no change of {', '.join(now)} since the last refresh")
        if context.cursor == canonical(now):
            return dg.SkipReason(
                f"a refresh for the change of {changed} was asked for already; if it failed, start "
                "it again"
            )
        moment = get_current_datetime()
        waits = _waits(recipe, moment, context.instance, factory)
        if waits is not None:
            return dg.SkipReason(f"{changed} changed, but {waits}")
        today = moment.date().isoformat()
        request = dg.RunRequest(run_key=f"{today} {content_id(now)}", partition_key=today)
        return dg.SensorResult(run_requests=[request], cursor=canonical(now))

    return new_prompts


def _drawn_from(instance: dg.DagsterInstance, recipe: str) -> Mapping[str, str]:
    """What the sources said when the recipe last drew from them; empty if it never did."""
    event = instance.get_latest_materialization_event(dg.AssetKey([recipe, "prompts"]))
    made = None if event is None else event.asset_materialization
    said = None if made is None else made.metadata.get("stamps")
    return cast("Mapping[str, str]", said.value) if said is not None else {}


def _waits(
    recipe: str, moment: datetime, instance: dg.DagsterInstance, factory: Resources
) -> str | None:
    """Why the refresh of the day of ``moment`` is not to be started, if so."""
    today = moment.date().isoformat()
    if moment - timedelta(seconds=EVERY) < moment.replace(hour=0, minute=0, second=0):
        # Both would start it, each unaware of the other.
        return f"the day has just begun, and {recipe}_nightly goes first where it is on"
    under_way = dg.RunsFilter(
        job_name=recipe, tags={"dagster/partition": today}, statuses=NOT_FINISHED_STATUSES
    )
    if instance.get_runs(under_way, limit=1):
        return f"today's refresh, {today}, is under way"
    key = (recipe, "prompts")
    if today in factory.tables.refreshes(key) and factory.tables.read(key, today).height:
        return f"today's refresh, {today}, has its prompts: tomorrow's takes the new ones"
    return None
