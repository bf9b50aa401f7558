"""The declaration of a downstream model: ``type: assets.Model`` in a ``defs.yaml``.

    type: assets.Model
    attributes:
      name: assistant
      start: policy                      # the role that it starts from, or models/NAME
      train:                             # in this order, each from the checkpoint of the last one
        sft: {use: trainers.SFT, of: datasets/worked}
        dpo: {use: trainers.DPO, of: datasets/mixed@3}     # @3: this version instead of the newest
      validate:
        held_out: {use: trainers.PreferenceAccuracy, of: datasets/mixed}  # its held-out split
        tasks: {use: trainers.Validate, of: held_out}      # a fixed source of prompts
      seeds: 3                           # trainings with different seeds; the first is promoted
      seed: 0
      gate: no_worse                     # none: every version is promoted
      publish: hf://me/assistant         # each promoted version (assets/project/publish.py)

It becomes the assets ``models/<name>/<stage>`` and ``models/<name>``. A version is made for each
set of dataset versions, starting weights and parameters. A role with ``model: models/<name>`` has
its newest promoted version.
"""

from typing import Any, ClassVar

from pydantic import ConfigDict, Field

from assets.project.dataset import DATASETS
from assets.project.declaration import Declaration
from assets.project.publish import Publish, check_publish
from assets.project.recipe import Rule

MODELS = "models"
"""The group of downstream models, and the first part of their keys."""


class ModelSpec(Declaration):
    """A model that is trained on curated datasets and validated on what was held out."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    type_name: ClassVar[str] = "assets.Model"
    kind: ClassVar[str] = "model"
    reserved: ClassVar[frozenset[str]] = frozenset({"prompts", DATASETS, MODELS})

    start: str = "policy"
    train: dict[str, Any]
    # A field with the name validate would hide a method of Pydantic's models.
    validation: dict[str, Any] = Field(default_factory=dict, alias="validate")
    seeds: int = Field(default=1, ge=1, le=100, strict=True)
    seed: int = Field(default=0, ge=0, lt=2**62, strict=True)
    gate: Rule = "no_worse"
    publish: Publish | None = None

    def ensure_valid(self) -> None:
        """Raise `RecipeError` if it is published at an address of another kind."""
        check_publish(self.publish, "model", self.file)
