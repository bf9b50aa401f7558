"""The daily partitions of a recipe, their order, and the freshness policy of datasets."""

from datetime import date, timedelta
from functools import cache

import dagster as dg
from upath import UPath

from assets.config.operation import Freshness
from assets.config.settings import Settings
from assets.storage.tables import Tables

EARLIEST = date(2000, 1, 1)
"""The first day that can be refreshed, if the configuration names none."""

_TEN_YEARS = 3650
"""Days. With an offset of one day, a day after a gap in a backfill would not wait for the days
before the gap."""


def daily(start: date, timezone: str) -> dg.DailyPartitionsDefinition:
    """One partition for each day from ``start`` on. Today's partition exists from midnight on."""
    return dg.DailyPartitionsDefinition(
        start_date=start.isoformat(), timezone=timezone, end_offset=1
    )


def all_days(settings: Settings) -> dg.DailyPartitionsDefinition:
    """The partitions of a run in this process: all days that can be refreshed."""
    schedule = settings.schedule
    return daily(schedule.start or EARLIEST, schedule.timezone)


def shown_days(settings: Settings) -> dg.DailyPartitionsDefinition:
    """The partitions that the UI shows: from ``schedule.start`` on. If the configuration does not
    set it, from the oldest stored refresh on, so that the UI offers no days before the project."""
    schedule = settings.schedule
    start = schedule.start or _oldest(settings.root_path, schedule.today - timedelta(days=1))
    return daily(start, schedule.timezone)


@cache
def _oldest(root: UPath, otherwise: date) -> date:
    """The day of the oldest stored prompts of a recipe, or ``otherwise`` if that is earlier. It is
    looked up once in a process, because each recipe needs it and ``root`` may be on a network."""
    tables = Tables(root)
    folders = tables.root.iterdir() if tables.root.is_dir() else []
    recipes = [folder.name for folder in folders]
    stored = [day for recipe in recipes for day in tables.refreshes((recipe, "prompts"))[:1]]
    return min([otherwise, *map(date.fromisoformat, filter(is_day, stored))])


def is_day(name: str) -> bool:
    """Whether a name is that of a refresh, such as ``2026-01-31``."""
    try:
        return date.fromisoformat(name).isoformat() == name
    except ValueError:
        return False


def days_before() -> dg.TimeWindowPartitionMapping:
    """The partition mapping of a recipe's ``prompts`` to the prompts of all earlier days.

    A day must not draw prompts of earlier days again. The mapping also puts the days of a backfill
    in order. This order is needed because a day's policy starts from an earlier policy.

    Dagster does not support a cycle of assets (responses → policy → the next day's responses). It
    supports an asset that depends on itself, but runs it separately from the assets that it reads.
    If the policy depended on itself, a backfill would first generate the responses of all days
    with the first policy, and then train the policies. All other stages come after the prompts.
    So Dagster requests all stages of one day together, after those of earlier days.
    ``dagster.yaml`` allows one run at a time, the oldest first. A day that is not requested does
    not block later days.
    """
    return dg.TimeWindowPartitionMapping(
        start_offset=-_TEN_YEARS, end_offset=-1, allow_nonexistent_upstream_partitions=True
    )


def freshness_policy(freshness: Freshness) -> dg.FreshnessPolicy:
    """The Dagster freshness policy of a curated dataset.

    Recipes have none, because most recipes do not run every night.
    """
    return dg.FreshnessPolicy.time_window(
        fail_window=timedelta(hours=freshness.fail_hours),
        warn_window=timedelta(hours=freshness.warn_hours),
    )
