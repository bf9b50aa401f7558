"""The component of a curated dataset: ``type: assets.Dataset`` in a ``defs.yaml``.

    type: assets.Dataset
    attributes:
      name: mixed
      of: {online_dpo: 2.0, cream/pairs: 1.0}   # recipes (or a stage of one) in these proportions;
                                                # as a list, [online_dpo, cream]: all that they have
      held_out: 0.05                            # share of the prompts that is not trained on
      cap: {rows: 20000, recipes: {cream: 5000}, sources: {gsm8k: 1000}}
      deduplicate: {use: filters.Deduplicate, threshold: 0.9}
      decontaminate: {use: filters.Decontaminate, n: 13}

It makes the asset ``datasets/<name>``, of all refreshes at once, and every run of a recipe that it
is from makes it again. Each recipe that makes pairs, step labels or demonstrations has one of its
own name and with these defaults, unless a component of that name says otherwise.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg
from pydantic import Field

from assets.declared import Declared

DEDUPLICATE = {"use": "filters.Deduplicate"}
DECONTAMINATE = {"use": "filters.Decontaminate"}


class Dataset(Declared):
    """What recipes made at all refreshes as one dataset, with a held-out split that never leaks."""

    of: list[str] | dict[str, float]
    held_out: float = Field(default=0.05, ge=0, lt=1)
    cap: dict[str, Any] = Field(default_factory=dict)
    deduplicate: dict[str, Any] | None = DEDUPLICATE
    decontaminate: dict[str, Any] | None = DECONTAMINATE

    @property
    def weights(self) -> Mapping[str, float] | None:
        """The proportions by what they are of, where there are any."""
        return self.of if isinstance(self.of, dict) else None

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Nothing: what a dataset is made from may lie in another folder of recipes, so its asset
        is made where all are known (`assets.definitions.Floor`)."""
        return dg.Definitions()
