"""What Dagster's catalogue says of a recipe's assets: so that they are found by family, paper,
recipe or kind (``tag:family=search``), and understood without the code."""

import hashlib
import inspect
import re
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.config.settings import Settings
from assets.project.recipe_plan import Stage
from assets.rendering.markdown import escaped, linked, markdown
from schemas import Operator, Table, canonical

if TYPE_CHECKING:
    from assets.project.recipe import RecipeSpec

LONGEST_TAG = 63


def tags(recipe: "RecipeSpec") -> dict[str, str]:
    """Those of the recipe's assets, of its job and of the job's runs."""
    return {
        "recipe": recipe.name,
        "family": tag(recipe.family),
        "paper": tag(recipe.paper.title.partition(":")[0]),
    }


def tag(text: str) -> str:
    """``text`` as Dagster takes it for a tag: lower case, its words joined by ``-``."""
    words = re.findall(r"[a-z0-9_.]+", text.lower())
    while len(short := "-".join(words)) > LONGEST_TAG and len(words) > 1:
        words.pop()
    return short[:LONGEST_TAG]


def kinds(stage: Stage, settings: Settings) -> set[str]:
    """Its package (what it does), what runs it, and how its table is kept."""
    uses = stage.operator.roles()
    runs = "polars"
    if uses:
        runs = tag(settings.roles[uses[0].role.partition("@")[0]].engine_class.name)
    return {type(stage.operator).__module__.partition(".")[0], runs, "parquet"}


def source_field(recipe: "RecipeSpec") -> str:
    """The paper and the claim, in Markdown."""
    paper = linked(recipe.paper.title, recipe.paper.code)
    return f"**Paper:** {paper}\n\n**Claim:** {escaped(recipe.claim)}"


def described_stage(recipe: "RecipeSpec", stage: Stage) -> str:
    """What the stage does in its operator's words, the paper, the claim and the parameters, in
    Markdown."""
    words = inspect.cleandoc(type(stage.operator).__doc__ or type(stage.operator).__name__)
    first, _, more = words.replace("``", "`").partition("\n\n")
    name = f"{type(stage.operator).__module__.partition('.')[0]}.{type(stage.operator).__name__}"
    parts = [first, source_field(recipe), more, f"**Parameters** of {name}:", _parameters(stage)]
    return "\n\n".join(part for part in parts if part)


def described_prompts(recipe: "RecipeSpec", weights: Mapping[str, float]) -> str:
    """What the stage ``prompts`` does, in Markdown."""
    drawn = ", ".join(f"{name} (weight {weight:g})" for name, weight in weights.items())
    return (
        f"The prompts that a refresh works on: {recipe.rows:,} if the launchpad says nothing else, "
        f"drawn from {drawn}. None that an earlier refresh used, none that is held out.\n\n"
        + source_field(recipe)
    )


def described_job(recipe: "RecipeSpec") -> str:
    """What a run of the whole recipe does."""
    return (
        f"One refresh of {recipe.name}, family {recipe.family}: new prompts in, all stages, "
        f"each in its own process. {source_field(recipe)}"
    )


@cache
def column_schema(table: type[Table]) -> dg.TableSchema:
    """The table's columns and rules, as Dagster shows them."""
    keys = set(table.primary_key())
    columns = [
        dg.TableColumn(
            name,
            type=str(column.dtype),
            constraints=dg.TableColumnConstraints(nullable=column.nullable, unique=name in keys),
        )
        for name, column in table.columns().items()
    ]
    return dg.TableSchema(columns)


def code_version(stage: Stage, spec: Mapping[str, Any], settings: Settings, *, seed: int) -> str:
    """Changes with everything that is configured and changes what the stage makes: its parameters
    (``spec`` is its YAML), the seed, the models of its roles, the factory's release. So the UI
    calls a table out of date once its recipe or its model was changed, not for an edit of code
    between releases."""
    roles = sorted({use.role.partition("@")[0] for use in stage.operator.roles()})
    models = {
        role: settings.roles[role].model_dump(
            mode="json", exclude={"url", "api_key_env", "concurrency", "licence"}
        )
        for role in roles
    }
    made_by = {
        "release": _release(),
        "spec": dict(spec),
        "parameters": stage.operator.model_dump(mode="json"),
        "seed": seed,
        "models": models,
    }
    return hashlib.sha256(canonical(made_by).encode()).hexdigest()[:12]


@cache
def _release() -> str:
    return version("preference-factory")


def _parameters(stage: Stage) -> str:
    """Every parameter with its value and whether the recipe sets it, as a Markdown table."""
    operator: Operator = stage.operator
    rows = [
        [name, value, "the recipe" if name in operator.model_fields_set else "by default"]
        for name, value in operator.model_dump(mode="json").items()
    ]
    return markdown(["parameter", "value", "set by"], rows)
