"""The declaration of a recipe: ``type: assets.Recipe`` in a ``defs.yaml``.

    type: assets.Recipe
    attributes:
      name: online_dpo
      paper: {title: "RLHF Workflow: …", arxiv: "2405.07863", code: https://…}
      claim: "a claim of the paper that can be measured"
      control: random_pairs              # the recipe that it is compared with; null: none
      measure: {use: claims.PolicyGain, of: validated, control: validated}
      rounds: 1                          # refreshes over which the claim is measured
      rows: 512                          # prompts of a refresh
      sources: {gsm8k: 1.0}              # instead of the sources in factory.yaml
      schedule: {cron: "0 3 * * MON"}    # what is different from the schedule in factory.yaml
      seed: 0
      publish: hf://datasets/me/pairs    # export there after each run (assets/project/publish.py)
      gate: no_worse                     # condition for the next refresh to start from the policy
                                         # (assets/policy/promotion.py); none: no condition
      stages:
        responses: {use: generators.Sample, n: 8}
        ...

All but ``stages`` may be left out. Without a ``name``, a recipe has that of its folder. What is
measured is a claim, so ``control`` and ``measure`` need one.

Each stage becomes the asset ``<name>/<stage>``, with one partition for each refresh. Stages can
also read ``prompts`` and ``held_out``, which are not declared. If switched on in the UI, the
schedule ``<name>_nightly`` starts a refresh every day, and the sensor ``<name>_new_prompts`` starts
one when a source has changed. A recipe has no sensor if none of its sources can tell.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, PrivateAttr, field_validator

from assets.config.errors import RecipeError, UnfitError
from assets.config.operation import RecipeSchedule, Schedule
from assets.config.settings import Settings, load_settings
from assets.project.changes import (
    ORIGIN,
    WHERE,
    Changes,
    changed_specs,
    check_changes,
    declared_changes,
    with_origins,
)
from assets.project.dataset import DATASETS
from assets.project.declaration import Declaration
from assets.project.export_format import recipe_format
from assets.project.exported_stage import with_exported
from assets.project.implied import implied, implied_measure
from assets.project.import_path import built
from assets.project.measure import Measure
from assets.project.publish import PUBLISHED, Publish, check_publish, refused_format
from assets.project.recipe_plan import GIVEN, Stage, plan
from assets.project.refusal import REFUSED
from assets.project.role_check import check_roles
from assets.project.source import SourceSpec
from assets.project.source_truth import Fitted, bare_source, fit
from assets.project.stage_templates import check_templates
from engines.operators.model_defaults import RoleDefaults
from schemas import source_table
from schemas.named import subclass_of
from schemas.near import near

_MEASURE = subclass_of(Measure, "a measure")


Rule = Literal["no_worse", "none"]
"""The condition for the next refresh to start from a trained policy."""


class Paper(BaseModel):
    """The paper of a recipe.

    Attributes:
        title: Its title.
        arxiv: Its id on arXiv, such as ``2405.07863``.
        code: The URL of its code.
    """

    model_config = ConfigDict(extra="forbid")

    title: str = Field(min_length=1)
    arxiv: str | None = None
    code: str | None = None

    @field_validator("arxiv")
    @classmethod
    def _refuse_other_ids(cls, arxiv: str | None) -> str | None:
        if arxiv is not None and not re.fullmatch(r"[0-9]{4}\.[0-9]{4,5}", arxiv):
            raise ValueError("must be an id of arXiv, such as '2405.07863', without its version")
        return arxiv

    @property
    def year(self) -> int | None:
        """The year of its first version on arXiv; None if it has no id."""
        return None if self.arxiv is None else 2000 + int(self.arxiv[:2])

    @property
    def page(self) -> str | None:
        """Its page on arXiv; None if no id is given."""
        return None if self.arxiv is None else f"https://arxiv.org/abs/{self.arxiv}"


@dataclass(frozen=True)
class Plan:
    """The stages of a recipe before they are fitted to sources.

    Attributes:
        stages: The stages in running order.
        roles: The binding of each role, with the defaults of its model.
        specs: The YAML of each stage, with what follows from other stages.
    """

    stages: Sequence[Stage]
    roles: Mapping[str, RoleDefaults]
    specs: Mapping[str, Any]


class RecipeSpec(Declaration):
    """A published method to make preference or step-level data, as stages of operators."""

    type_name: ClassVar[str] = "assets.Recipe"
    kind: ClassVar[str] = "recipe"
    reserved: ClassVar[frozenset[str]] = frozenset(
        {"prompts", DATASETS, "models", PUBLISHED, REFUSED}
    )

    stages: dict[str, Any]
    paper: Paper | None = None
    claim: str | None = Field(default=None, min_length=1)
    control: str | None = None
    measure: dict[str, Any] | None = None
    rounds: int = Field(default=1, ge=1, strict=True)
    sources: dict[str, NonNegativeFloat] | None = None
    rows: int = Field(default=512, ge=1, strict=True)
    schedule: RecipeSchedule | None = None
    publish: Publish | None = None
    exports: str | None = None
    seed: int = Field(default=0, ge=0, lt=2**63, strict=True)
    gate: Rule = "no_worse"

    _sources: Mapping[str, Sequence[SourceSpec]] | None = PrivateAttr(default=None)
    _refused: RecipeError | None = PrivateAttr(default=None)
    _plan: tuple[Any, Plan] | None = PrivateAttr(default=None)
    _fitted: Fitted | None = PrivateAttr(default=None)

    def ensure_valid(self) -> None:
        """Raise `RecipeError` if the stages or the measure cannot work."""
        for field in ("control", "measure"):
            if self.claim is None and getattr(self, field) is not None:
                problem = f"say as claim: what {field} is for, or leave it out"
                raise RecipeError(problem, file=self.file, field=field)
        settings = load_settings()
        stages = self.planned(settings)
        self.measured_by(settings)
        check_publish(self.publish, "dataset", self.file)
        if self.publish is not None:
            with refused_format(self.file):
                recipe_format(self.name, stages, self.publish.format)

    @property
    def family(self) -> str:
        """The family of the recipe: the name of the parent folder of its folder."""
        return Path(self.file).parent.parent.name

    def weights(self, settings: Settings) -> dict[str, float]:
        """The weight of each source that prompts are drawn from; all above 0."""
        own = settings.recipe_sources.get(self.name, self.sources)
        bound = settings.sources if own is None else own
        return {source: weight for source, weight in bound.items() if weight > 0}

    def asked_of_sources(
        self, stages: Sequence[Stage], settings: Settings, rows: int
    ) -> dict[str, int]:
        """How many prompts each source is asked for, so that stages that draw from it find others
        than ``prompts`` does.

        Args:
            stages: The stages that run.
            settings: The configuration.
            rows: The largest number of ``prompts``.
        """
        rows_by_source = dict.fromkeys(self.weights(settings), rows)
        for stage in stages:
            for source in stage.sources:
                rows_by_source[source] = rows_by_source.get(source, 0) + getattr(
                    stage.operator, "rows", rows
                )
        return rows_by_source

    def drawn_for(self, settings: Settings, rows: int | None) -> dict[str, int]:
        """The parameters ``rows`` of the stages that draw prompts of their own, by
        ``stage.parameter``, in a run of fewer prompts than the recipe's: they draw fewer in
        proportion, and one at least. Empty for a run of more prompts.

        Args:
            settings: The configuration.
            rows: The largest number of ``prompts``; None: the recipe's.
        """
        if rows is None or rows >= self.rows:
            return {}
        drawing = {
            stage.declared: getattr(stage.operator, "rows", None)
            for stage in self.planned(settings)
            if stage.sources
        }
        return {
            f"{name}.rows": ceil(own * rows / self.rows)
            for name, own in drawing.items()
            if own is not None
        }

    @property
    def hears_news(self) -> bool:
        """Whether one of its sources can tell that it has new prompts without being read."""
        return self._sources is None or any(
            source.reports_news for source in self._sources["prompts"]
        )

    @property
    def fixed_sources(self) -> frozenset[str]:
        """Those of its sources that are the same at every refresh."""
        all_sources = (self._sources or {}).values()
        return frozenset(each.name for sources in all_sources for each in sources if each.fixed)

    def scheduled(self, settings: Settings) -> Schedule:
        """When the recipe's schedule runs, and for how many prompts."""
        schedule = settings.schedule.changed(
            self.schedule, settings.recipe_schedules.get(self.name)
        )
        return schedule.model_copy(update={"rows": schedule.rows or self.rows})

    def held_out_rows(self, rows: int | None) -> int | None:
        """The most held-out prompts that a run of so many prompts asks: as many, if these are fewer
        than the recipe's; else all, which is None."""
        return None if rows is None or rows >= self.rows else rows

    def planned(self, settings: Settings) -> list[Stage]:
        """The stages in running order.

        Raises:
            RecipeError: The stages cannot run.
        """
        return list(self.fitted(settings).stages)

    def fitted(self, settings: Settings) -> Fitted:
        """The stages in running order, for the sources of `draw_from`.

        Raises:
            RecipeError: The stages cannot run on any prompts.
        """
        if not self.weights(settings):
            raise RecipeError("no source has a weight above 0", file=self.file, field="sources")
        # Cached: many callers need it, and it changes only with the bindings of roles.
        bound = settings.roles, settings.profiles
        if self._plan is None or self._plan[0] != bound:
            self._plan = bound, self._plan_of(self.stages, settings, file=self.file)
            self._fitted = None
        if self._fitted is None:
            self._fitted = self._fit(self._plan[1], file=self.file)
        return self._fitted

    def specs(self, settings: Settings) -> Mapping[str, Any]:
        """The YAML of each stage, with what follows from other stages (`assets.project.implied`).

        Raises:
            RecipeError: The stages cannot run.
        """
        self.fitted(settings)
        assert self._plan is not None
        return self._plan[1].specs

    def refusal(self, settings: Settings, changes: Changes | None = None) -> RecipeError | None:
        """Why the recipe cannot run with the project's models and sources; None if it can.

        Args:
            settings: The configuration.
            changes: The parameters that a run sets.

        Raises:
            RecipeError: A value cannot be set.
        """
        if not changes:
            return self.fitted(settings).refusal
        self.changed(settings, changes)
        specs = changed_specs(self.stages, declared_changes(self.planned(settings), changes))
        return self._fit(self._plan_of(specs, settings, file=self.file), file=self.file).refusal

    def on_bare_prompts(self, settings: Settings) -> Fitted:
        """The stages as they would run on prompts without a check and without references."""
        bare = [bare_source()]
        sources = {**(self._sources or {}), "prompts": bare, "held_out": bare}
        planned = self._plan_of(self.stages, settings, file=self.file)
        return self._fit(planned, file=self.file, sources=sources)

    def draw_from(self, sources: Mapping[str, SourceSpec], settings: Settings) -> None:
        """Fit the stages to the sources of the recipe's prompts, of the held-out prompts and of
        the prompts that stages draw.

        Args:
            sources: All sources of the project, by name.
            settings: The configuration.
        """
        drawn = [sources[name] for name in self.weights(settings)]
        read = {name for stage in self.planned(settings) for name in stage.sources}
        self._sources = {
            "prompts": drawn,
            "held_out": [sources[settings.held_out]],
            **{source_table(name): [sources[name]] for name in sorted(read)},
        }
        self._fitted = None

    def refuse(self, error: RecipeError) -> None:
        """Refuse to run, because of something else in the project: a source, for example.

        The stored tables of the recipe can still be read.
        """
        self._refused = error
        self._fitted = None

    def _plan_of(self, specs: Mapping[str, Any], settings: Settings, *, file: Path | str) -> Plan:
        roles = settings.defaults()
        follows = implied(specs, file=file)
        specs = changed_specs(specs, {name: each.value for name, each in follows.items()})
        origins = {name: f"stage {each.by}" for name, each in follows.items()}
        stages = [with_origins(stage, origins) for stage in plan(specs, file=file, roles=roles)]
        if self.exports is not None:
            stages = with_exported(stages, self.exports, file=file)
        check_templates(stages, roles, file=file, folder=Path(self.file).parent)
        return Plan(stages, roles, specs)

    def _fit(
        self,
        planned: Plan,
        *,
        file: Path | str,
        sources: Mapping[str, Sequence[SourceSpec]] | None = None,
    ) -> Fitted:
        if sources is None:
            try:
                check_roles(planned.stages, planned.roles, file=file)
            except UnfitError as unfit:
                return Fitted(planned.stages, {}, unfit)
            if self._refused is not None or self._sources is None:
                return Fitted(planned.stages, {}, self._refused)
            sources = self._sources
        measured = None if self.measure is None else self.measure.get("of")
        return fit(planned.stages, sources, file=file, roles=planned.roles, measured=measured)

    def changed(self, settings: Settings, changes: Changes) -> list[Stage]:
        """The stages in running order, with the parameters that a run sets.

        Raises:
            RecipeError: A value cannot be set.
        """
        before = self.planned(settings)
        if not changes:
            return before
        changes = declared_changes(before, changes)
        specs = changed_specs(self.stages, changes)
        after = self._fit(self._plan_of(specs, settings, file=WHERE), file=WHERE)
        check_changes(before, after.stages)
        if after.refusal is not None and self.fitted(settings).refusal is None:
            raise after.refusal
        this_run = dict.fromkeys(changes, ORIGIN)
        return [with_origins(stage, this_run) for stage in after.stages]

    def measured_by(self, settings: Settings) -> Measure | None:
        """The measure of the claim; None if the recipe has none, or if a stage that it reads is
        left out.

        Raises:
            RecipeError: The measure is wrong, or names a stage that does not exist.
        """
        if self.measure is None:
            return None
        file = self.file
        measure: Measure = built(
            self.measure, _MEASURE, file=file, field="measure", folder=Path(file).parent
        )
        fitted = self.fitted(settings)
        operators = {stage.name: stage.operator for stage in fitted.stages}
        measure = implied_measure(measure, operators, file=file)
        stages = list(operators)
        read = measure.stages() + (measure.control_stages() if self.control is None else [])
        if not fitted.left_out.keys().isdisjoint(read):
            return None
        for name in read:
            if name not in [*stages, *GIVEN]:
                problem = f"there is no stage {name!r}; {near(name, stages)}"
                raise RecipeError(problem, file=file, field="measure")
        return measure
