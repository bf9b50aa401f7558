"""Whether the prompts of a recipe's sources have the truth that its stages need.

It is decided when the recipe loads, before anything is paid for. A source without ``check:`` has
no check. A stage that only the claim's measure needs is left out where its truth is missing.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from assets.config.errors import RecipeError, UnfitError
from assets.project.exported_stage import exported_stage
from assets.project.recipe_plan import GIVEN, Stage, policy_stage, with_defaults
from assets.project.role_check import check_role
from assets.project.source import SourceSpec
from engines.checks import bounded
from engines.operators.model_defaults import RoleDefaults
from schemas import TruthNeed, source_table

_NEEDS = {
    "check": "checks answers",
    "opinion": "has annotators who go by the check of answers",
    "rollouts": "checks how answers are continued",
    "steps": "checks the steps of answers",
    "reference": "reads the references of prompts",
    "world": "has annotators who read the problems of one world only",
}


@dataclass(frozen=True)
class Fitted:
    """The stages of a recipe, for the prompts of its sources.

    Attributes:
        stages: The stages in running order.
        left_out: Why a stage is left out, by its name.
        refusal: Why the recipe cannot run; None if it can.
        referenced: The sources whose prompts the recipe can use only with a reference.
        lacking: The needs for which it cannot run, by stage.
    """

    stages: Sequence[Stage]
    left_out: Mapping[str, str]
    refusal: RecipeError | None
    referenced: frozenset[str] = frozenset()
    lacking: Mapping[str, TruthNeed] = field(default_factory=dict)

    @property
    def notice(self) -> str | None:
        """A sentence on the stages that are left out; None if there are none."""
        if not self.left_out:
            return None
        reason = next(iter(self.left_out.values()))
        return f"left out: {', '.join(self.left_out)} ({reason}); the claim is not measured"


def fit(
    stages: Sequence[Stage],
    sources: Mapping[str, Collection[SourceSpec]],
    *,
    file: Path | str,
    roles: Mapping[str, RoleDefaults],
    measured: str | None,
) -> Fitted:
    """Fit the stages of a recipe to the sources of its prompts.

    Args:
        stages: The stages in running order.
        sources: The sources of ``prompts``, of ``held_out``, and of the tables of sources that
            stages read (`schemas.source_table`).
        file: The file that declares the recipe.
        roles: The binding of each role, with the defaults of its model.
        measured: The stage that the claim is about; None if there is none.
    """
    fitted = {stage.name: stage for stage in stages}
    lacking: dict[str, tuple[TruthNeed, SourceSpec, str]] = {}
    for stage in stages:
        missing = _missing(stage, fitted, sources)
        if missing is not None and (instead := stage.operator.without_truth()) is not None:
            try:
                for use in instead.roles():
                    check_role(stage.declared, instead, use, roles, file=file)
            except UnfitError as unbound:
                return Fitted(stages, {}, unbound)
            filled, origins = with_defaults(stage.name, instead, roles, file=file)
            fitted[stage.name] = replace(
                stage, operator=filled, origins={**stage.origins, **origins}
            )
            missing = _missing(fitted[stage.name], fitted, sources)
        if missing is not None:
            lacking[stage.name] = missing
    product = policy_stage(list(stages)) or exported_stage(stages)
    needed = _with_inputs({measured} | ({product.name} if product else set()), fitted)
    refused = [name for name in lacking if measured is None or name in needed]
    if refused:
        error = _refusal(fitted[refused[0]], *lacking[refused[0]], file=file)
        needs = {name: lacking[name][0] for name in refused}
        return Fitted(list(fitted.values()), {}, error, lacking=needs)
    left_out: dict[str, str] = {}
    for name, stage in fitted.items():
        if name in lacking:
            left_out[name] = lacking[name][2]
        elif reason := next((left_out[read] for read in stage.reads if read in left_out), None):
            left_out[name] = reason
    kept = [stage for name, stage in fitted.items() if name not in left_out]
    return Fitted(kept, left_out, None, _referenced(kept, fitted, sources))


def bare_source() -> SourceSpec:
    """A source of prompts without a check and without references."""
    read = {"use": "generators.Files", "path": "prompts.jsonl", "licence": "unknown"}
    return SourceSpec(name="prompts", read=read)


def _missing(
    stage: Stage, stages: Mapping[str, Stage], sources: Mapping[str, Collection[SourceSpec]]
) -> tuple[TruthNeed, SourceSpec, str] | None:
    """The first need of a stage that a source does not meet, the source, and what it lacks."""
    for need in stage.operator.truth_needs():
        for source in sources.get(_source_table(need.prompts, stages), ()):
            if (reason := _lacks(source, need)) is not None:
                return need, source, reason
    return None


def _lacks(source: SourceSpec, need: TruthNeed) -> str | None:
    """What a source lacks for a need; None if it lacks nothing."""
    unreferenced = f"the prompts of source {source.name!r} have no references"
    if need.truth == "reference":
        return None if source.has_references else unreferenced
    if need.truth == "world" and source.check != need.check:
        return f"the prompts of source {source.name!r} are not checked by {need.check}"
    path = need.check or source.check
    if path is None:
        return f"source {source.name!r} has no check"
    check = bounded(path)
    if check.reads_references and not source.has_references:
        return f"{unreferenced}, which {path} compares with"
    if need.truth == "steps" and not check.knows_steps:
        return f"the check of source {source.name!r}, {path}, does not know which steps are right"
    return None


def _source_table(prompts: str, stages: Mapping[str, Stage]) -> str:
    """The table of `GIVEN` or of a source that a stage of prompts passes on; "" if it makes prompts
    of its own."""
    while prompts not in GIVEN:
        stage = stages.get(prompts)
        if stage is not None and stage.sources:
            return source_table(stage.sources[0])
        if stage is None or stage.operator.gives is not None:
            return ""
        prompts = next(read.stage for read in stage.operator.inputs() if read.field == "of")
    return prompts


def _with_inputs(names: Collection[str | None], stages: Mapping[str, Stage]) -> set[str]:
    """The stages ``names`` and all stages that they need."""
    needed: set[str] = set()
    waiting = [name for name in names if name in stages]
    while waiting:
        name = str(waiting.pop())
        if name not in needed:
            needed.add(name)
            needs = [*stages[name].reads, *stages[name].carried]
            waiting += [read for read in needs if read in stages]
    return needed


def _referenced(
    kept: Sequence[Stage],
    stages: Mapping[str, Stage],
    sources: Mapping[str, Collection[SourceSpec]],
) -> frozenset[str]:
    needs = [need for stage in kept for need in stage.operator.truth_needs()]
    drawn = [need for need in needs if _source_table(need.prompts, stages) == "prompts"]
    return frozenset(
        source.name
        for source in sources["prompts"]
        for need in drawn
        if need.truth == "reference"
        or ((path := need.check or source.check) and bounded(path).reads_references)
    )


def _refusal(
    stage: Stage, need: TruthNeed, source: SourceSpec, reason: str, *, file: Path | str
) -> UnfitError:
    operator = type(stage.operator)
    name = f"{operator.__module__.partition('.')[0]}.{operator.__name__}"
    remedies = ["bind another source in factory.yaml"]
    if need.truth != "world":
        add = "name the column of references" if "references" in reason else "set check:"
        remedies.append(f"{add} in {source.file}")
    if need.instead:
        remedies.append(f"set {need.instead} on this stage")
    return UnfitError(
        f"{name} {_NEEDS[need.truth]}, but {reason}: {', '.join(remedies)}, or run a recipe that "
        "needs none (docs/recipes.md, 'needs')",
        file=file,
        stage=stage.declared,
        field="use",
    )
