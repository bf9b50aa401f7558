"""Makes a plan from the declaration of a dataset, and checks that it can work."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from assets.config.errors import RecipeError, UnfitError, parameter_error
from assets.config.settings import Settings
from assets.project.dataset import Cap, DatasetSpec
from assets.project.export_format import dataset_format
from assets.project.exported_stage import EXPORTED, exported_stage
from assets.project.given_prompts import given_tables
from assets.project.publish import Publish, refused_format
from assets.project.recipe import RecipeSpec
from assets.project.recipe_plan import Stage
from assets.project.refusal import Declarations
from assets.project.source import SourceSpec
from filters.filter import Filter
from schemas import Prompts, Table, Takes, UnknownOperatorError, load_operator, operator_class
from schemas.near import near

HELD_OUT = "held_out"
"""The name that filters use for the source that policies are validated on."""


@dataclass(frozen=True)
class DatasetPlan:
    """The plan of a dataset.

    Attributes:
        name: The name of the dataset.
        table: The table of its rows.
        parts: The stage of each recipe that is read.
        prompts: The tables of each recipe that tell the source and the task of its prompts.
        weights: The weight of each recipe; None keeps all rows.
        filters: Filters that read ``rows`` or ``prompts``.
        evaluations: The source behind each name of evaluation prompts that the filters use.
        cap: The largest numbers of rows.
        held_out: The share of prompts to hold out.
        publish: Where it is exported after each run; None: nowhere.
    """

    name: str
    table: type[Table]
    parts: Mapping[str, str]
    prompts: Mapping[str, Sequence[str]]
    weights: Mapping[str, float] | None
    filters: Sequence[Filter]
    evaluations: Mapping[str, str]
    cap: Cap
    held_out: float
    publish: Publish | None = None


def plan_dataset(
    dataset: DatasetSpec,
    recipes: Declarations[RecipeSpec],
    sources: Declarations[SourceSpec],
    settings: Settings,
) -> DatasetPlan:
    """Plan a dataset.

    Raises:
        RecipeError: The declaration cannot work. The message names the file and the field.
    """
    file = dataset.file
    if not dataset.of:
        raise RecipeError("a dataset needs at least one recipe", file=file, field="of")
    parts: dict[str, Stage] = {}
    weights: dict[str, float] = {}
    for entry in dataset.of:
        recipe, stage = _part(entry, recipes, settings, file=file)
        if recipe in parts:
            raise RecipeError(f"recipe {recipe!r} is named twice", file=file, field="of")
        parts[recipe] = stage
        weights[recipe] = 1.0 if dataset.weights is None else float(dataset.weights[entry])
    if not all(0 < weight < float("inf") for weight in weights.values()):
        raise RecipeError("a weight must be a number above 0", file=file, field="of")
    (first, stage), *others = parts.items()
    for recipe, other in others:
        if other.gives is not stage.gives:
            raise RecipeError(
                f"a dataset has rows of one table, but {first}/{stage.name} gives "
                f"{stage.gives.__name__} and {recipe}/{other.name} {other.gives.__name__}",
                file=file,
                field="of",
            )
    if dataset.publish is not None:
        with refused_format(file):
            dataset_format(dataset.name, stage.gives, dataset.publish.format)
    cap = _cap(dataset.cap, parts, sources, file=file)
    specs = {"deduplicate": dataset.deduplicate, "decontaminate": dataset.decontaminate}
    filters = [
        _filter(spec, stage.gives, file=file, field=field)
        for field, spec in specs.items()
        if spec is not None
    ]
    return DatasetPlan(
        dataset.name,
        stage.gives,
        {recipe: each.name for recipe, each in parts.items()},
        {recipe: _prompt_tables(recipes[recipe].planned(settings)) for recipe in parts},
        None if dataset.weights is None else weights,
        filters,
        _evaluations(filters, sources, settings, file=file),
        cap,
        dataset.held_out,
        dataset.publish,
    )


def _prompt_tables(stages: Sequence[Stage]) -> tuple[str, ...]:
    """The tables of prompts of a recipe: those from sources, and questions to judges about them."""
    prompt_stages = (stage.name for stage in stages if stage.gives is Prompts)
    return tuple(dict.fromkeys([*given_tables(stages), *prompt_stages]))


def check_parts(
    plan: DatasetPlan, recipes: Mapping[str, RecipeSpec], settings: Settings, *, file: Any
) -> None:
    """Check that the recipes of a dataset can run. Its stored rows can be read in any case.

    Raises:
        UnfitError: A recipe cannot run.
    """
    for name in plan.parts:
        if (refusal := recipes[name].refusal(settings)) is not None:
            problem = f"recipe {name!r} cannot run, so no new rows come from it: {refusal}"
            raise UnfitError(problem, file=file, field="of")


def _part(
    entry: str, recipes: Declarations[RecipeSpec], settings: Settings, *, file: Any
) -> tuple[str, Stage]:
    """The recipe and the stage that an entry of ``of`` names."""
    name, _, stage = entry.partition("/")
    if name not in recipes:
        raise RecipeError(recipes.missing(name), file=file, field="of")
    stages = recipes[name].planned(settings)
    exported = {each.name: each for each in stages if each.gives in EXPORTED}
    if stage and stage not in exported:
        problem = (
            f"{name} has no stage {stage!r} of pairs, step labels or demonstrations; "
            f"{near(stage, exported)}"
        )
        raise RecipeError(problem, file=file, field="of")
    part = exported[stage] if stage else exported_stage(stages)
    if part is None:
        problem = f"recipe {name!r} makes no pairs, step labels or demonstrations"
        raise RecipeError(problem, file=file, field="of")
    return name, part


def _cap(
    spec: Mapping[str, Any],
    recipes: Mapping[str, Any],
    sources: Mapping[str, SourceSpec],
    *,
    file: Any,
) -> Cap:
    try:
        cap = Cap.model_validate(spec)
    except ValidationError as error:
        raise parameter_error(error, Cap, spec, of="cap", file=file, under="cap") from error
    for field, chosen, declared in (
        ("recipes", cap.recipes, recipes),
        ("sources", cap.sources, sources),
    ):
        for name in chosen:
            if name not in declared:
                problem = f"there is no {name!r} among them; {near(name, declared)}"
                raise RecipeError(problem, file=file, field=f"cap.{field}")
    return cap


def _filter(spec: Mapping[str, Any], table: type[Table], *, file: Any, field: str) -> Filter:
    """The filter of a spec. It reads the rows of the dataset or, if it cannot, their prompts."""
    try:
        kind = operator_class(spec.get("use"))
    except UnknownOperatorError as error:
        raise RecipeError(str(error), file=file, field=f"{field}.use") from error
    marks = kind.model_fields["of"].metadata if "of" in kind.model_fields else []
    takes = {each for mark in marks if isinstance(mark, Takes) for each in mark.tables}
    if not issubclass(kind, Filter) or not takes & {table, Prompts}:
        raise RecipeError(
            f"{kind.__name__} is not a filter of {table.__name__} or of prompts",
            file=file,
            field=f"{field}.use",
        )
    defaults: dict[str, Any] = {"of": "rows" if table in takes else "prompts"}
    if "against" in kind.model_fields:
        defaults["against"] = [HELD_OUT]
    try:
        operator: Filter = load_operator({**defaults, **spec})
    except ValidationError as error:
        raise parameter_error(error, kind, spec, of=field, file=file, under=field) from error
    return operator


def _evaluations(
    filters: Sequence[Filter],
    sources: Declarations[SourceSpec],
    settings: Settings,
    *,
    file: Any,
) -> dict[str, str]:
    """The source behind each name of evaluation prompts that the filters use."""
    evaluations = {}
    for each in filters:
        for read in each.inputs():
            if read.field == "of":
                continue
            source = settings.held_out if read.stage == HELD_OUT else read.stage
            if source in sources.refused and source not in sources:
                problem = sources.missing(source)
                raise RecipeError(problem, file=file, field=f"decontaminate.{read.field}")
            if source not in sources or not sources[source].fixed:
                fixed = [name for name, one in sources.items() if one.fixed]
                raise RecipeError(
                    f"there is no fixed source {source!r}; {near(source, fixed)}",
                    file=file,
                    field=f"decontaminate.{read.field}",
                )
            evaluations[read.stage] = source
    return evaluations
