"""Why a row gets no result."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a row gets no result. ``numbers`` are the JSON values that decided it.

    A refusal does not count towards the run's failure limit. An exception does, because it means
    that something failed.
    """

    reason: str
    numbers: Mapping[str, Any] = field(default_factory=dict)
