"""What a recipe need not say, because it follows from its stages.

    known: {use: generators.Sample, n: 8}
    opinions: {use: annotators.Simulated, of: known, personas: [pocket.personas.short]}
    pairs: {use: filters.BestWorst, of: known, by: opinions}
    reward: {use: trainers.RewardModel, of: pairs}
    unseen: {use: generators.Sample, of: held_out, n: 8}
    rewards: {use: annotators.Reward, of: unseen, checkpoint: reward}

The ``prompts`` of a stage are those that the rows of its input ``of`` answer: ``held_out`` of
``rewards``. The ``model`` of a stage with a ``checkpoint`` is the role that the checkpoint was
trained from: ``policy``. A measure of scores reads the ``responses`` that were scored, and their
prompts. What a recipe says itself counts.

Prompts that were chosen from others, as by `filters.Fold`, count as those they were chosen from,
which have all that is asked for. Prompts that a stage makes of responses, as
`annotators.JudgingItems` does, are its own.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assets.config.errors import RecipeError
from assets.project.measure import Measure
from assets.project.recipe_plan import CARRIED, GIVEN, stage_operator, table_of
from schemas import Checkpoints, Operator, Prompts, Responses, Scores
from schemas.operator import RoleMark, Takes
from schemas.parameters import field_marks

_PROMPTS = "prompts"


@dataclass(frozen=True)
class Implied:
    """A parameter that a stage does not say: its value, and the stages that it follows from."""

    value: str
    by: str


def implied(specs: Mapping[str, Any], *, file: Path | str) -> dict[str, Implied]:
    """The parameters that follow from other stages and differ from the operator's default.

    Args:
        specs: The YAML of each stage, by its name.
        file: The file that declares the recipe.

    Returns:
        The parameters by ``stage.parameter``, as in ``rewards.model`` or ``best.scorer.model``.

    Raises:
        RecipeError: A stage cannot work, or its rows answer prompts that cannot be told.
    """
    operators = {name: stage_operator(name, spec, file=file) for name, spec in specs.items()}
    answered = _answered(operators)
    implied_fields: dict[str, Implied] = {}
    for name, operator in operators.items():
        of = _of(operator)
        if _unset(operator, _PROMPTS, Takes) == _PROMPTS and of:
            tables = dict.fromkeys(each for one in of for each in answered.get(one, ()))
            prompts = _one(list(tables), of, file=file, stage=name, field=_PROMPTS)
            if table_of(prompts, operators) is not Prompts:
                raise RecipeError(
                    f"the rows of stage {prompts!r} answer prompts of its own: name the stage that "
                    "gives these prompts",
                    file=file,
                    stage=name,
                    field=_PROMPTS,
                )
            if prompts != _PROMPTS:
                implied_fields[f"{name}.prompts"] = Implied(prompts, " and ".join(of))
        for path, role in _roles(operator, operators):
            implied_fields[f"{name}.{path}"] = role
    return implied_fields


def implied_measure(
    measure: Measure, operators: Mapping[str, Operator], *, file: Path | str
) -> Measure:
    """``measure`` with the responses and prompts of the stage that it measures, where it does not
    name them.

    Args:
        measure: The measure.
        operators: The operators of the recipe by stage.
        file: The file that declares the recipe.

    Raises:
        RecipeError: Several stages could be meant.
    """
    changed: dict[str, Any] = {}
    for field, field_info in type(measure).model_fields.items():
        value = getattr(measure, field)
        if isinstance(value, Measure):
            changed[field] = implied_measure(value, operators, file=file)
        elif isinstance(value, tuple) and any(isinstance(each, Measure) for each in value):
            changed[field] = tuple(implied_measure(each, operators, file=file) for each in value)
        elif field in measure.model_fields_set or field_info.default != field:
            continue
        elif field == "responses" and table_of(measure.of, operators) is Scores:
            scored = _scored([measure.of], operators)
            changed[field] = _one(scored, [measure.of], file=file, field=f"measure.{field}")
        elif field == _PROMPTS:
            prompts = _answered(operators).get(measure.of, [])
            changed[field] = _one(prompts, [measure.of], file=file, field=f"measure.{field}")
    return measure.model_copy(update=changed)


def _one(
    names: Sequence[str],
    of: Sequence[str],
    *,
    file: Path | str,
    field: str,
    stage: str | None = None,
) -> str:
    """The one stage that is meant; the default, which has the name of the field, if none is known,
    as of a stage of an earlier refresh.

    Raises:
        RecipeError: There are several.
    """
    if len(names) > 1:
        several, kind = " and ".join(map(repr, names)), field.removeprefix("measure.")
        raise RecipeError(
            f"{' and '.join(map(repr, of))} has rows of the {kind} {several}: say which {kind} are "
            "meant, or read them apart",
            file=file,
            stage=stage,
            field=field,
        )
    return names[0] if names else field.removeprefix("measure.")


def _answered(operators: Mapping[str, Operator]) -> dict[str, list[str]]:
    """The tables of prompts that the rows of each stage answer. A stage whose rows answer prompts
    that no table has is among them itself."""
    answered = {name: [name] for name in GIVEN}
    started: set[str] = set()
    waiting = list(operators)
    while waiting:
        name = waiting[-1]
        before = _answered_stages(operators[name])
        unknown = {*before} & operators.keys() - answered.keys() - started
        if unknown and name not in started:
            started.add(name)
            waiting += unknown
            continue
        waiting.pop()
        below = list(dict.fromkeys(each for one in before for each in answered.get(one, ())))
        makes = operators[name].gives is Prompts and not _chooses(operators[name])
        several = len(below) > 1 and table_of(name, operators) is Prompts
        answered[name] = [name] if makes or several or operators[name].own_prompts else below
    return answered


def _answered_stages(operator: Operator) -> list[str]:
    """The stages whose prompts the rows of an operator answer, if it makes none itself."""
    if operator.gives is Checkpoints:
        return []
    stated = getattr(operator, _PROMPTS, None)
    unsaid = _unset(operator, _PROMPTS, Takes) is not None
    return [stated] if isinstance(stated, str) and not unsaid else _of(operator)


def _scored(names: Sequence[str], operators: Mapping[str, Operator]) -> list[str]:
    """The stages of responses that stages of scores are about."""
    response_stages: dict[str, None] = {}
    waiting, visited = [*names], set[str]()
    while waiting:
        name = waiting.pop(0)
        if name in visited or name not in operators:
            continue
        visited.add(name)
        table = table_of(name, operators)
        if table is Responses:
            response_stages[name] = None
        elif table is Scores:
            waiting += _of(operators[name])
    return list(response_stages)


def _roles(
    operator: Operator, operators: Mapping[str, Operator], path: str = ""
) -> Iterator[tuple[str, Implied]]:
    """The model of an operator, and of those nested in it, that its checkpoint implies."""
    checkpoint = getattr(operator, "checkpoint", None)
    if isinstance(checkpoint, str):
        trainer = operators.get(checkpoint.removesuffix(CARRIED))
        start = getattr(trainer, "start", None)
        default = _unset(operator, "model", RoleMark)
        if isinstance(start, str) and default not in (None, start.partition("@")[0]):
            yield f"{path}model", Implied(start.partition("@")[0], checkpoint)
    for field in type(operator).model_fields:
        nested = getattr(operator, field)
        if isinstance(nested, Operator):
            yield from _roles(nested, operators, f"{path}{field}.")


def _unset(operator: Operator, field: str, mark: type) -> str | None:
    """The default of a field with such a mark that the recipe does not set, else None."""
    if field in operator.model_fields_set or not list(_marks(operator, field, mark)):
        return None
    default: str | None = getattr(operator, field)
    return default


def _of(operator: Operator) -> list[str]:
    """The stages that an operator itself reads as ``of``."""
    if not list(_marks(operator, "of", Takes)):
        return []
    of: str | Sequence[str] | None = getattr(operator, "of", None)
    return [of] if isinstance(of, str) else list(of or ())


def _chooses(operator: Operator) -> bool:
    """Whether an operator that gives prompts takes prompts: it makes none."""
    return any(Prompts in mark.tables for mark in _marks(operator, "of", Takes))


def _marks(operator: Operator, field: str, kind: type) -> Iterator[Any]:
    marks = field_marks(type(operator))
    return (mark for name, mark in marks if name == field and isinstance(mark, kind))
