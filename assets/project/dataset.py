"""The declaration of a curated dataset: ``type: assets.Dataset`` in a ``defs.yaml``.

    type: assets.Dataset
    attributes:
      name: mixed
      of: {online_dpo: 2.0, cream/pairs: 1.0}   # recipes, or a stage of one, with their weights;
                                                # a list, [online_dpo, cream], keeps all rows
      held_out: 0.05                            # share of the prompts to hold out
      cap: {rows: 20000, recipes: {cream: 5000}, sources: {gsm8k: 1000}}
      deduplicate: {use: filters.Deduplicate, threshold: 0.9}
      decontaminate: {use: filters.Decontaminate, n: 13}
      publish: hf://datasets/me/mixed           # after each run (assets/project/publish.py)

It becomes the asset ``datasets/<name>`` with the rows of all refreshes. Every run of one of its
recipes updates it. A recipe that makes pairs, step labels or demonstrations also gets a dataset
with its own name and the default values, unless a dataset of that name is declared.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from assets.project.declaration import Declaration
from assets.project.publish import Publish, check_publish

DATASETS = "datasets"
"""The group of curated datasets, and the first part of their keys."""

DEDUPLICATE = {"use": "filters.Deduplicate"}
DECONTAMINATE = {"use": "filters.Decontaminate"}


class Cap(BaseModel):
    """The largest numbers of rows, both splits together. The oldest rows are kept.

    Attributes:
        rows: For the whole dataset.
        recipes: For each recipe.
        sources: For each source of prompts.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    rows: PositiveInt | None = None
    recipes: Mapping[str, PositiveInt] = Field(default_factory=dict)
    sources: Mapping[str, PositiveInt] = Field(default_factory=dict)


class DatasetSpec(Declaration):
    """The rows of recipes at all refreshes as one dataset, with a held-out split."""

    type_name: ClassVar[str] = "assets.Dataset"
    kind: ClassVar[str] = "dataset"

    of: list[str] | dict[str, float]
    held_out: float = Field(default=0.05, ge=0, lt=1)
    cap: dict[str, Any] = Field(default_factory=dict)
    deduplicate: dict[str, Any] | None = DEDUPLICATE
    decontaminate: dict[str, Any] | None = DECONTAMINATE
    publish: Publish | None = None

    def ensure_valid(self) -> None:
        """Raise `RecipeError` if it is published at an address of another kind."""
        check_publish(self.publish, "dataset", self.file)

    @property
    def weights(self) -> Mapping[str, float] | None:
        """The weight of each entry of ``of``; None if ``of`` is a list."""
        return self.of if isinstance(self.of, dict) else None
