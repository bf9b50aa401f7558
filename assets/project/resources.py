"""What every stage of every recipe runs with: the Dagster resource ``factory``."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from assets.config.settings import Settings
from assets.storage.tables import Tables
from schemas import PromptSource


@dataclass(frozen=True)
class Resources:
    """The configuration, the tables, each source's check (its import path, by the source's name;
    sources whose answers nobody can check are not there), and what reads each source."""

    settings: Settings
    tables: Tables
    checks: Mapping[str, str]
    readers: Mapping[str, PromptSource] = field(default_factory=dict)
