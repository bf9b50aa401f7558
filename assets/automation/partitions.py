"""The order of a recipe's days, and how fresh what they grow must be."""

from datetime import timedelta

import dagster as dg

from assets.config.operation import Freshness

REFRESHES = dg.DailyPartitionsDefinition(start_date="2024-01-01", timezone="UTC", end_offset=1)
"""A refresh is a day, in UTC; today's is open from midnight on."""

_TEN_YEARS = 3650
"""Days. On the day before alone, those after a gap in a backfill would not wait for those before.
"""


def days_before() -> dg.TimeWindowPartitionMapping:
    """How a recipe's ``prompts`` depend on themselves: on those of all days before, which they must
    not draw again. This is what puts the days of a backfill in order.

    A day's policy starts from an earlier one too, and every stage that calls the policy needs that
    one. But Dagster knows no cycle over assets (responses → policy → the next day's responses),
    only an asset that depends on itself, and it runs such an asset apart from those that it reads.
    Were it the policy, a backfill would write all days' responses with the first policy and then
    train one after the other. With the prompts, which all other stages come after, the stages of a
    day are asked for after those of the days before, a day's together; and ``dagster.yaml`` lets
    one run at a time, the oldest first. A day that nobody asks for holds up none.
    """
    return dg.TimeWindowPartitionMapping(
        start_offset=-_TEN_YEARS, end_offset=-1, allow_nonexistent_upstream_partitions=True
    )


def freshness_policy(freshness: Freshness) -> dg.FreshnessPolicy:
    """When a curated dataset counts as late and as stale. For datasets only: a recipe is run when
    somebody likes, and most are not run every night."""
    return dg.FreshnessPolicy.time_window(
        fail_window=timedelta(hours=freshness.fail_hours),
        warn_window=timedelta(hours=freshness.warn_hours),
    )
