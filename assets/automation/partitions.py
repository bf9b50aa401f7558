"""The daily partitions of a recipe, their order, and the freshness policy of datasets."""

from datetime import timedelta

import dagster as dg

from assets.config.operation import Freshness

REFRESHES = dg.DailyPartitionsDefinition(start_date="2024-01-01", timezone="UTC", end_offset=1)
"""One partition for each day in UTC. Today's partition exists from midnight on."""

_TEN_YEARS = 3650
"""Days. With an offset of one day, a day after a gap in a backfill would not wait for the days
before the gap."""


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
