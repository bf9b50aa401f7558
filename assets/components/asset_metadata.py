"""Tags, kinds, descriptions and column schemas of a recipe's assets in Dagster's catalogue.

With them, a user finds an asset by family, paper, recipe or kind (``tag:family=search``).
"""

import hashlib
import inspect
import re
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import dagster as dg
import polars as pl

from assets.config.settings import Settings
from assets.project.recipe_plan import Stage
from assets.rendering.markdown import cited, escaped, markdown
from engines.bindings import PLACEMENT
from schemas import Checkpoints, Operator, Table, canonical
from schemas.column_descriptions import column_description

if TYPE_CHECKING:
    from assets.project.recipe import RecipeSpec

LONGEST_TAG = 45
"""Characters that the page of an asset shows whole. Dagster allows 63."""
_ICONS = {"transformers": "huggingface"}
"""The kind with an icon, for an engine that has none."""


def tags(recipe: "RecipeSpec") -> dict[str, str]:
    """The Dagster tags of a recipe's assets, its job and the runs of the job."""
    told = {"recipe": recipe.name, "family": tag(recipe.family)}
    if recipe.paper is not None:
        told["paper"] = tag(recipe.paper.title.partition(":")[0])
    return told


def tag(text: str) -> str:
    """``text`` as a valid Dagster tag: lower case, words joined by ``-``, at most 45 characters."""
    words = re.findall(r"[a-z0-9_.]+", text.lower())
    while len(short := "-".join(words)) > LONGEST_TAG and len(words) > 1:
        words.pop()
    return short[:LONGEST_TAG]


def kinds(stage: Stage, settings: Settings) -> set[str]:
    """The Dagster kinds of a stage, as the UI has icons for: what computes it, and the format."""
    uses = stage.operator.roles()
    if stage.gives is Checkpoints:
        return {"pytorch", "huggingface", "parquet"}
    if not uses:
        return {"polars", "parquet"}
    engine = tag(settings.roles[uses[0].role.partition("@")[0]].engine_class.name)
    return {_ICONS.get(engine, engine), "parquet"}


def group(recipe: "RecipeSpec") -> str:
    """The Dagster group of a recipe's assets. The groups of a family follow each other."""
    named = (re.sub(r"\W", "_", each, flags=re.ASCII) for each in (recipe.family, recipe.name))
    return "/".join(named)


def source_field(recipe: "RecipeSpec") -> str:
    """The paper and the claim of a recipe, in Markdown; empty if it has neither."""
    told = []
    if (paper := recipe.paper) is not None:
        told.append(f"**Paper:** {cited(paper.title, paper.page, paper.code)}")
    if recipe.claim is not None:
        told.append(f"**Claim:** {escaped(recipe.claim)}")
    return "\n\n".join(told)


def described_stage(recipe: "RecipeSpec", stage: Stage) -> str:
    """The description of a stage, in Markdown.

    It holds the docstring of the operator, the paper, the claim and the parameters.
    """
    first, *more = _operator_parts(stage)
    return "\n\n".join(filter(None, [first, source_field(recipe), *more]))


def described_operator(stage: Stage) -> str:
    """The docstring and the parameters of the operator of a stage, in Markdown."""
    return "\n\n".join(_operator_parts(stage))


def described_prompts(recipe: "RecipeSpec", weights: Mapping[str, float]) -> str:
    """The description of the stage ``prompts``, in Markdown.

    Args:
        recipe: The recipe.
        weights: The weight of each source, by its name.
    """
    sources = ", ".join(f"{name} (weight {weight:g})" for name, weight in weights.items())
    return (
        f"The prompts of a refresh: {recipe.rows:,} unless the launchpad sets another number, "
        f"drawn from {sources}. Prompts that an earlier refresh used and held-out prompts are "
        "left out.\n\n" + source_field(recipe)
    ).rstrip()


def described_job(recipe: "RecipeSpec") -> str:
    """The description of a recipe's job."""
    return (
        f"One refresh of {recipe.name}, family {recipe.family}: all stages on new prompts, "
        f"each in its own process. {source_field(recipe)}"
    ).rstrip()


@cache
def _type_name(dtype: pl.DataType) -> str:
    """A type without the fields of structures, for which the UI has no room."""
    if isinstance(dtype, pl.List):
        return f"List({_type_name(_inner(dtype))})"
    return "Struct" if isinstance(dtype, pl.Struct) else str(dtype)


def _with_fields(description: str | None, dtype: pl.DataType) -> str | None:
    """A description, with the fields of the structures in the column."""
    while isinstance(dtype, pl.List):
        dtype = _inner(dtype)
    if not isinstance(dtype, pl.Struct):
        return description
    return f"{description}: {', '.join(field.name for field in dtype.fields)}"


def _inner(dtype: pl.List) -> pl.DataType:
    return dtype.inner if isinstance(dtype.inner, pl.DataType) else dtype.inner()


@cache
def column_schema(table: type[Table]) -> dg.TableSchema:
    """The columns of a table with their types and constraints, as Dagster shows them."""
    keys = set(table.primary_key())
    columns = [
        dg.TableColumn(
            name,
            type=_type_name(column.dtype),
            description=_with_fields(column_description(table, name), column.dtype),
            constraints=dg.TableColumnConstraints(nullable=column.nullable, unique=name in keys),
        )
        for name, column in table.columns().items()
    ]
    return dg.TableSchema(columns)


def code_version(stage: Stage, spec: Mapping[str, Any], settings: Settings, *, seed: int) -> str:
    """A hash of the configuration that decides a stage's rows.

    It covers the parameters, the seed, the models of the stage's roles and the release of the
    package. The UI shows a table as out of date when one of them has changed. An edit of code
    between releases does not change it.

    Args:
        stage: The stage.
        spec: The YAML of the stage.
        settings: The configuration, with the models of the roles.
        seed: The recipe's seed.

    Returns:
        12 hexadecimal digits.
    """
    roles = sorted({use.role.partition("@")[0] for use in stage.operator.roles()})
    models = {
        role: settings.roles[role].model_dump(
            mode="json",
            exclude={"url", "api_key_env", "concurrency", "licence", "price", "profile"}
            | {"defaults"}
            | PLACEMENT,
        )
        for role in roles
    }
    inputs = {
        "release": _release(),
        "spec": dict(spec),
        "parameters": stage.operator.model_dump(mode="json"),
        "seed": seed,
        "models": models,
    }
    return hashlib.sha256(canonical(inputs).encode()).hexdigest()[:12]


@cache
def _release() -> str:
    return version("preference-factory")


def _operator_parts(stage: Stage) -> list[str]:
    """The first paragraph of the docstring of an operator, the other ones, and its parameters."""
    kind = type(stage.operator)
    docstring = inspect.cleandoc(kind.__doc__ or kind.__name__)
    first, _, more = docstring.replace("``", "`").partition("\n\n")
    name = f"{kind.__module__.partition('.')[0]}.{kind.__name__}"
    parts = [first, more, f"**Parameters** of {name}:", _parameters(stage)]
    return [part for part in parts if part]


def _parameters(stage: Stage) -> str:
    """A Markdown table of the parameters: value, and what sets it."""
    operator: Operator = stage.operator
    rows = [
        [name, value, _setter(stage, name)]
        for name, value in operator.model_dump(mode="json").items()
    ]
    return markdown(["parameter", "value", "set by"], rows)


def _setter(stage: Stage, name: str) -> str:
    origins = {origin for field, origin in stage.origins.items() if field.partition(".")[0] == name}
    if origins:
        return ", ".join(sorted(origins))
    return "the recipe" if name in stage.operator.model_fields_set else "by default"
