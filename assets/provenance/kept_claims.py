"""The results of claims that were measured for the docs."""

import json
from collections.abc import Mapping
from typing import Any

from assets.config.bundled import bundled


def kept_claims(recipe: str) -> list[Mapping[str, Any]]:
    """The entries of a recipe in ``docs/claims.json``: one for each world that its claim was
    measured in."""
    results = bundled("docs/claims.json")
    if not results.is_file():
        return []
    entries = json.loads(results.read_text(encoding="utf-8"))
    return [entry for entry in entries if entry["id"] == recipe]
