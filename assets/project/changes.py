"""Parameters that one run sets: ``factory run RECIPE --set STAGE.PARAMETER=VALUE``."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce
from typing import Any

from assets.config.errors import FactoryError, RecipeError
from assets.config.yaml_file import YamlError, unsound, value
from assets.project.declaration import LARGEST
from assets.project.recipe_plan import Stage
from schemas import Operator
from schemas.near import near

WHERE = "--set"
"""The place of a wrong value in error messages, in place of a file."""
ORIGIN = "this run"
"""The origin of a parameter that a run sets."""

SET = "set"
"""The parameters that a run has set: their entry in the metadata and in the file of a table."""

Changes = Mapping[str, Any]
"""The values by ``stage.parameter``, such as ``responses.max_tokens`` or ``trees.proposer.n``."""


def read_changes(texts: Sequence[str]) -> dict[str, Any]:
    """The values in texts such as ``responses.max_tokens=64``. A value is YAML, as in a recipe.

    Raises:
        FactoryError: A text has another form.
    """
    changes: dict[str, Any] = {}
    for text in texts:
        name, equals, text_value = text.partition("=")
        if not equals or "." not in name:
            raise FactoryError(
                f"{WHERE} {text!r}: write it as STAGE.PARAMETER=VALUE, as in "
                "--set responses.max_tokens=64"
            )
        if name in changes:
            raise FactoryError(f"{WHERE} {name}: is given twice")
        try:
            changes[name] = value(text_value)
        except YamlError as error:
            raise FactoryError(f"{WHERE} {name}: {error}") from None
    return changes


def changed_specs(stages: Mapping[str, Any], changes: Changes) -> dict[str, Any]:
    """The specs of a recipe's stages with the values of a run.

    Raises:
        RecipeError: There is no such stage, or a value cannot be used.
    """
    changed = dict(stages)
    for name, setting in changes.items():
        stage, _, parameter = name.partition(".")
        if stage not in stages:
            raise RecipeError(f"there is no stage {stage!r}; {near(stage, stages)}", file=WHERE)
        wrong = unsound({parameter: setting}, largest=LARGEST)
        if wrong is not None:
            raise RecipeError(wrong[1], file=WHERE, stage=stage, field=wrong[0])
        changed[stage] = _with(changed[stage], parameter.split("."), setting, stage=stage)
    return changed


def declared_changes(stages: Sequence[Stage], changes: Changes) -> dict[str, Any]:
    """``changes`` by the names that stages have in the recipe: ``responses_2.n`` of a batch is that
    of ``responses``."""
    declared = {stage.name: stage.declared for stage in stages}
    declared_by_name: dict[str, Any] = {}
    for name, setting in changes.items():
        stage, _, parameter = name.partition(".")
        declared_by_name[f"{declared.get(stage, stage)}.{parameter}"] = setting
    return declared_by_name


def check_changes(before: Sequence[Stage], after: Sequence[Stage]) -> None:
    """Check that a run changes no operator, no input and no role that is trained.

    Raises:
        RecipeError: It changes one of them.
    """
    stages = {stage.name: stage.operator for stage in before}
    for stage in after:
        old = stages.get(stage.name)
        if old is None or _fixed(old) != _fixed(stage.operator):
            raise RecipeError(
                "a run cannot change an operator, an input or the role that is trained: change the "
                "recipe, or write one of your own",
                file=WHERE,
                stage=stage.name,
            )


def with_origins(stage: Stage, origins: Mapping[str, str]) -> Stage:
    """The stage, with the origins of parameters by ``stage.parameter``."""
    of_stage = f"{stage.declared}."
    own = {
        name.removeprefix(of_stage): origin
        for name, origin in origins.items()
        if name.startswith(of_stage)
    }
    return replace(stage, origins={**stage.origins, **own})


def _fixed(operator: Operator) -> tuple[Any, ...]:
    trained = [(use.field, use.role) for use in operator.roles() if "weights" in use.needs]
    return type(operator), operator.inputs(), trained


def _with(spec: Any, path: Sequence[str], setting: Any, *, stage: str) -> dict[str, Any]:
    """The mapping ``spec`` with a value at ``path``."""
    if not isinstance(spec, Mapping):
        raise RecipeError("this is no mapping", file=WHERE, stage=stage, field=path[0])
    name, *inner = path
    if not inner:
        return {**spec, name: setting}
    return {**spec, name: _with(spec.get(name) or {}, inner, setting, stage=stage)}


def set_by_run(stage: Stage) -> dict[str, Any]:
    """The parameters of a stage that its run sets, by name (``max_tokens``, ``proposer.n``)."""
    parameters = stage.operator.model_dump(mode="json")
    return {
        name: reduce(lambda part, field: part[field], name.split("."), parameters)
        for name, origin in stage.origins.items()
        if origin == ORIGIN
    }
