"""What declares a curated dataset: ``type: assets.Dataset`` in a ``defs.yaml``.

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
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from assets.project.declaration import Declaration

DATASETS = "datasets"
"""The group of curated datasets, and the first part of their keys."""

DEDUPLICATE = {"use": "filters.Deduplicate"}
DECONTAMINATE = {"use": "filters.Decontaminate"}


class Cap(BaseModel):
    """The most rows there may be, both splits together: of all, of a recipe, of a source of
    prompts. The oldest stay."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rows: PositiveInt | None = None
    recipes: Mapping[str, PositiveInt] = Field(default_factory=dict)
    sources: Mapping[str, PositiveInt] = Field(default_factory=dict)


class DatasetSpec(Declaration):
    """What recipes made at all refreshes as one dataset, with a held-out split that never leaks."""

    type_name: ClassVar[str] = "assets.Dataset"

    of: list[str] | dict[str, float]
    held_out: float = Field(default=0.05, ge=0, lt=1)
    cap: dict[str, Any] = Field(default_factory=dict)
    deduplicate: dict[str, Any] | None = DEDUPLICATE
    decontaminate: dict[str, Any] | None = DECONTAMINATE

    @property
    def weights(self) -> Mapping[str, float] | None:
        """The proportions by what they are of, where there are any."""
        return self.of if isinstance(self.of, dict) else None
