"""What every stage of every recipe runs with, as the Dagster resource ``factory``."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import dagster as dg

from assets.settings import Settings
from assets.tables import Tables
from schemas import PromptSource

REFRESHES = dg.DailyPartitionsDefinition(start_date="2024-01-01", timezone="UTC", end_offset=1)
"""A refresh is a day, in UTC; today's is open from midnight on."""

DATASETS = "datasets"
"""The group of curated datasets, and the first part of their keys."""


@dataclass(frozen=True)
class Factory:
    """The configuration, the tables, each source's check (its import path, by the source's name;
    sources whose answers nobody can check are not there), and what reads each source."""

    settings: Settings
    tables: Tables
    checks: Mapping[str, str]
    readers: Mapping[str, PromptSource] = field(default_factory=dict)
