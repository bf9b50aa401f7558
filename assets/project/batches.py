"""Several batches within a refresh: ``batches: 4`` of a trainer makes its stages four times.

A recipe declares the stages once: ``responses``, their ``scores``, and the trainer ``policy``. Each
batch has a fold of the prompts, ``prompts_1`` to ``prompts_4``, and stages of its own:
``responses_1`` to ``responses_4``, ``scores_1`` to ``scores_4``, ``policy_1`` to ``policy_3``, and
at last ``policy``. In a later batch the role is the policy that the batch before has trained.

So a batch is stages as any others. Its answers and scores are journaled, its tables are shown, and
a run that was killed goes on in the middle.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assets.config.errors import RecipeError
from filters import Fold
from schemas import Operator, Prompts
from schemas.operator import Takes
from schemas.parameters import field_marks


@dataclass(frozen=True)
class Unrolled:
    """An operator of a recipe that may be of a batch.

    Attributes:
        operator: The operator.
        of: The stage in the recipe that it is made from for a batch; None if it is of no batch.
        weights: For roles that an earlier batch has trained, the stage that did.
    """

    operator: Operator
    of: str | None = None
    weights: Mapping[str, str] = field(default_factory=dict)


def unrolled(operators: Mapping[str, Operator], *, file: Path | str) -> dict[str, Unrolled]:
    """The operators of a recipe by stage, with those of each batch in place of the declared ones.

    Made for each batch are the trainer, the stages that its responses come from, and those between
    them, such as their scores. All others are made once.

    Raises:
        RecipeError: There are no prompts to divide, or a stage of a batch has the name of another.
    """
    stages_by_name = {name: Unrolled(operator) for name, operator in operators.items()}
    for trainer, operator in operators.items():
        if getattr(operator, "batches", 1) == 1:
            continue
        batches = dict(_batches(trainer, operators, file=file))
        repeated = {each.of for each in batches.values()}
        others = {name: each for name, each in stages_by_name.items() if name not in repeated}
        duplicates = [name for name, each in batches.items() if others.get(name, each) != each]
        if duplicates:
            raise RecipeError(
                f"is also the name of a stage of a batch of {trainer!r}: choose another name, and "
                "give each trainer with batches responses of its own",
                file=file,
                stage=duplicates[0],
            )
        before = [
            name
            for name in list(stages_by_name)[: list(stages_by_name).index(trainer)]
            if name in others
        ]
        stages = {**others, **batches}
        stages_by_name = {
            name: stages[name] for name in dict.fromkeys([*before, *batches, *others])
        }
    return stages_by_name


def _batches(
    trainer: str, operators: Mapping[str, Operator], *, file: Path | str
) -> Iterator[tuple[str, Unrolled]]:
    """The stages of the batches of a trainer, batch by batch."""
    learner: Any = operators[trainer]
    count, role = learner.batches, learner.start
    prompts, sampled = _sampled(trainer, operators, file=file)
    repeated = [
        name
        for name in operators
        if name in sampled
        or (name in _behind(trainer, operators) and _behind(name, operators) & sampled)
    ]
    last = None
    for number in range(1, count + 1):
        names = {name: f"{name}_{number}" for name in [prompts, *repeated]}
        if number == count:
            names[trainer] = trainer
        if last is not None and learner.checkpoint is not None:
            names[learner.checkpoint] = last
        yield names[prompts], Unrolled(Fold(of=prompts, prompts=prompts, fold=number, folds=count))
        for name in repeated:
            operator = _reading(operators[name], names)
            weights: dict[str, str] = {}
            if name == trainer:
                changed: dict[str, Any] = {"batches": 1}
                if last is not None:
                    first = learner.reference or f"{trainer}_1"
                    changed |= {"checkpoint": last, "reference": first}
                operator = operator.model_copy(update=changed)
            elif last is not None and any(use.role == role for use in operator.roles()):
                weights = {role: last}
            yield names[name], Unrolled(operator, name, weights)
        last = names[trainer]


def _sampled(
    trainer: str, operators: Mapping[str, Operator], *, file: Path | str
) -> tuple[str, set[str]]:
    """The stage of the prompts that a trainer's responses answer, and the stages that they come
    from with the trainer."""
    prompts: set[str] = set()
    names: set[str] = set()
    waiting = [trainer]
    while waiting:
        name = waiting.pop()
        names.add(name)
        for read in operators[name].inputs():
            if read.field != "of":
                continue
            if read.tables == (Prompts,):
                prompts.add(read.stage)
            elif read.stage in operators and read.stage not in names:
                waiting.append(read.stage)
    role = getattr(operators[trainer], "start", None)
    roles = {use.role for name in names - {trainer} for use in operators[name].roles()}
    problem = None
    if role not in roles:
        problem = f"each batch has responses of the policy so far, but none ask the role {role!r}"
    elif len(prompts) != 1:
        answered = " and ".join(sorted(prompts)) or "no stage of prompts"
        problem = f"each batch has a fold of the prompts, but the responses answer {answered}"
    if problem is not None:
        raise RecipeError(problem, file=file, stage=trainer, field="batches")
    return prompts.pop(), names


def _behind(name: str, operators: Mapping[str, Operator]) -> set[str]:
    """All stages that a stage needs."""
    names: set[str] = set()
    waiting = [name]
    while waiting:
        for read in operators[waiting.pop()].inputs():
            if read.stage in operators and read.stage not in names:
                names.add(read.stage)
                waiting.append(read.stage)
    return names


def _reading(operator: Operator, names: Mapping[str, str]) -> Operator:
    """``operator`` with other names of the stages that it and its nested operators read."""
    read = {field for field, mark in field_marks(type(operator)) if isinstance(mark, Takes)}
    changed = {}
    for each in type(operator).model_fields:
        value = getattr(operator, each)
        if isinstance(value, Operator):
            renamed: Any = _reading(value, names)
        elif each in read and isinstance(value, Mapping):
            renamed = {names.get(stage, stage): weight for stage, weight in value.items()}
        elif each in read and isinstance(value, tuple):
            renamed = tuple(names.get(stage, stage) for stage in value)
        elif each in read:
            renamed = names.get(value, value)
        else:
            continue
        if renamed != value:
            changed[each] = renamed
    return operator.model_copy(update=changed)
