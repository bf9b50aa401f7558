"""The Dagster resource ``factory``, which all stages of all recipes use."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from assets.config.settings import Settings
from assets.storage.tables import Tables
from schemas import PromptSource


@dataclass(frozen=True)
class Resources:
    """The resources of a stage.

    Attributes:
        settings: The configuration.
        tables: The stored tables.
        checks: The import path of each source's check, by the name of the source. Sources without
            a check are left out.
        readers: The reader of each source, by its name.
    """

    settings: Settings
    tables: Tables
    checks: Mapping[str, str]
    readers: Mapping[str, PromptSource] = field(default_factory=dict)
