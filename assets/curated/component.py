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
from pathlib import Path
from typing import Annotated, Any

import dagster as dg
from pydantic import Field, PrivateAttr

DEDUPLICATE = {"use": "filters.Deduplicate"}
DECONTAMINATE = {"use": "filters.Decontaminate"}


class Dataset(dg.Component, dg.Model, dg.Resolvable):
    """What recipes made at all refreshes as one dataset, with a held-out split that never leaks."""

    name: str
    of: Annotated[list[str] | dict[str, float], dg.Resolver.passthrough()]
    held_out: float = Field(default=0.05, ge=0, lt=1)
    cap: Annotated[dict[str, Any], dg.Resolver.passthrough()] = Field(default_factory=dict)
    deduplicate: Annotated[dict[str, Any] | None, dg.Resolver.passthrough()] = DEDUPLICATE
    decontaminate: Annotated[dict[str, Any] | None, dg.Resolver.passthrough()] = DECONTAMINATE

    _file: Path | str = PrivateAttr(default="(no file)")

    @classmethod
    def load(cls, attributes: Any, context: dg.ComponentLoadContext) -> "Dataset":
        dataset = super().load(attributes, context)
        dataset._file = context.path / "defs.yaml" if context.path.is_dir() else context.path
        return dataset

    @property
    def file(self) -> Path | str:
        """The ``defs.yaml`` that says all this."""
        return self._file

    @property
    def weights(self) -> Mapping[str, float] | None:
        """The proportions by what they are of, where there are any."""
        return self.of if isinstance(self.of, dict) else None

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Nothing: what a dataset is made from may lie in another folder of recipes, so its asset
        is made where all are known (`assets.definitions.Floor`)."""
        return dg.Definitions()
