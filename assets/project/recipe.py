"""What declares a recipe: ``type: assets.Recipe`` in a ``defs.yaml``.

    type: assets.Recipe
    attributes:
      name: online_dpo
      paper: {title: "RLHF Workflow: …", code: https://…}
      claim: "what the paper says that can be measured"
      control: random_pairs              # the recipe that it is compared with; null: none
      measure: {use: claims.PolicyGain, of: validated, control: validated}
      rounds: 1                          # refreshes over which the claim is measured
      rows: 512                          # prompts a refresh
      sources: {gsm8k: 1.0}              # instead of those that factory.yaml binds
      seed: 0
      gate: no_worse                     # what a policy must pass so that the next refresh starts
                                         # from it (assets/policy/promotion.py); none: nothing
      stages:
        responses: {use: generators.Sample, n: 8}
        ...

Each stage becomes the asset ``<name>/<stage>``, a partition of it a refresh. ``prompts`` and
``held_out`` are there to be read without being written. Two things make refreshes once they are
switched on in the UI: the schedule ``<name>_nightly`` each day's, the sensor ``<name>_new_prompts``
one when a source has changed.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, PrivateAttr

from assets.config.errors import RecipeError, near
from assets.config.settings import Settings, load_settings
from assets.project.dataset import DATASETS
from assets.project.declaration import Declaration
from assets.project.import_path import built
from assets.project.measure import Measure
from assets.project.recipe_plan import GIVEN, Stage, plan
from engines.bindings import Binding
from schemas.named import subclass_of

_MEASURE = subclass_of(Measure, "a measure")


Rule = Literal["no_worse", "none"]
"""What a trained policy must pass so that the next refresh starts from it."""


class Paper(BaseModel):
    """Where a recipe comes from."""

    model_config = ConfigDict(extra="forbid")

    title: str = Field(min_length=1)
    code: str | None = None


class RecipeSpec(Declaration):
    """A published way to make preference or step-level data, as stages of operators."""

    type_name: ClassVar[str] = "assets.Recipe"
    taken: ClassVar[frozenset[str]] = frozenset({"prompts", DATASETS})

    stages: dict[str, Any]
    paper: Paper
    claim: str = Field(min_length=1)
    control: str | None = None
    measure: dict[str, Any] | None = None
    rounds: int = Field(default=1, ge=1, strict=True)
    sources: dict[str, NonNegativeFloat] | None = None
    rows: int = Field(default=512, ge=1, strict=True)
    seed: int = Field(default=0, ge=0, lt=2**63, strict=True)
    gate: Rule = "no_worse"

    _plan: tuple[Mapping[str, Binding], list[Stage]] | None = PrivateAttr(default=None)

    def ensure_valid(self) -> None:
        """Raises `RecipeError` where stages or measure cannot be."""
        settings = load_settings()
        self.planned(settings)
        self.measured_by(settings)

    @property
    def family(self) -> str:
        """The kind of recipe: the name of the folder above its own."""
        return Path(self.file).parent.parent.name

    def weights(self, settings: Settings) -> dict[str, float]:
        """The sources that prompts are drawn from, each with its weight above 0."""
        bound = settings.sources if self.sources is None else self.sources
        return {source: weight for source, weight in bound.items() if weight > 0}

    def planned(self, settings: Settings) -> list[Stage]:
        """The stages in running order. Raises `RecipeError` where they cannot run."""
        if not self.weights(settings):
            raise RecipeError("no source has a weight above 0", file=self.file, field="sources")
        # Asked for by many, and the same as long as the roles are bound to the same models.
        if self._plan is None or self._plan[0] != settings.roles:
            self._plan = settings.roles, plan(self.stages, file=self.file, roles=settings.roles)
        return list(self._plan[1])

    def measured_by(self, settings: Settings) -> Measure | None:
        """What measures the claim, if the recipe says. Raises `RecipeError` where it cannot, or
        names a stage that this recipe (or, without a control, its own) does not have."""
        if self.measure is None:
            return None
        file = self.file
        measure: Measure = built(
            self.measure, _MEASURE, file=file, field="measure", folder=Path(file).parent
        )
        own = [stage.name for stage in self.planned(settings)]
        read = measure.stages() + (measure.control_stages() if self.control is None else [])
        for name in read:
            if name not in [*own, *GIVEN]:
                problem = f"there is no stage {name!r}; {near(name, own)}"
                raise RecipeError(problem, file=file, field="measure")
        return measure
