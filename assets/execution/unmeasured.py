"""Checks that measured nothing. Dagster knows passed and failed only, so their metadata says it."""

from typing import Any

import dagster as dg

_NAME = "not measured"
UNMEASURED: dict[str, Any] = {_NAME: True}
"""The metadata of the result of a check that measured nothing."""


def is_measured(result: dg.AssetCheckEvaluation) -> bool:
    """Whether a check measured what it checks."""
    return _NAME not in result.metadata
