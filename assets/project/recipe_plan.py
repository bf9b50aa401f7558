"""Makes operators from a recipe's ``stages``, in running order, and checks that they can run.

The checks need no run, so a wrong recipe fails before a GPU is paid for. They cover the operators
and their parameters, the stages that they read, the tables of these stages, and the models that
are bound to their roles.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from assets.config.errors import NAME_RULE, RecipeError, is_name, parameter_error
from assets.project.batches import unrolled
from assets.project.refusal import as_recipe_error
from engines.operators.model_defaults import RoleDefaults, with_model_defaults
from engines.protocol import EngineError
from schemas import (
    Checkpoints,
    Operator,
    Prompts,
    Scores,
    Table,
    UnknownOperatorError,
    chooser_of,
    load_operator,
    operator_class,
    source_table,
)
from schemas.near import near

GIVEN: Mapping[str, type[Table]] = {"prompts": Prompts, "held_out": Prompts}
"""Tables that stages can read and that the recipe does not declare: the prompts of the refresh, and
the held-out prompts that policies are validated on."""

MODELS = {
    "CAUSAL_LM": "a language model",
    "SEQ_CLS": "a reward model",
    "TOKEN_CLS": "a process reward model",
    "BLEND": "a blend of scores",
}
"""What a training makes, by its task type."""

CARRIED = "@previous"
"""After the name of a stage: its table of an earlier refresh."""


@dataclass(frozen=True)
class Stage:
    """One stage of a recipe.

    Attributes:
        name: Its name.
        operator: Its operator.
        gives: The table that it gives.
        reads: The stages that it reads.
        sources: The sources of prompts that it reads.
        carried: The table of each stage that it reads at an earlier refresh (``name@previous``).
        batch_of: The stage in the recipe that it is made from, if it is of one of several batches
            (`assets.project.batches`).
        weights: For roles that an earlier batch has trained, the stage that did.
        exported: Whether the recipe names it as what it makes.
        origins: Where parameters come from that the recipe does not set: from the profile of the
            model, for example, or from this run. Of all others it sets the value, or the operator
            has a default.
    """

    name: str
    operator: Operator
    gives: type[Table]
    reads: tuple[str, ...]
    origins: Mapping[str, str] = field(default_factory=dict)
    carried: Mapping[str, type[Table]] = field(default_factory=dict)
    sources: tuple[str, ...] = ()
    batch_of: str | None = None
    weights: Mapping[str, str] = field(default_factory=dict)
    exported: bool = False

    @property
    def declared(self) -> str:
        """The name that it has in the recipe."""
        return self.batch_of or self.name

    @property
    def asks_held_out(self) -> bool:
        """Whether it is about the held-out prompts, of which a run may take some. A stage that
        compares other prompts ``against`` them needs them all."""
        reads = self.operator.inputs()
        return any(read.stage == "held_out" and read.field != "against" for read in reads)


def carried_name(stage: str) -> str:
    """What an operator calls the table of ``stage`` of an earlier refresh."""
    return f"{stage}{CARRIED}"


def plan(
    stages: Mapping[str, Any], *, file: Path | str, roles: Mapping[str, RoleDefaults]
) -> list[Stage]:
    """Plan the stages of a recipe.

    Args:
        stages: The spec of each stage, by its name.
        file: The file that declares the recipe.
        roles: The binding of each role, with the defaults of its model.

    Returns:
        The stages in running order: each comes after the stages that it reads. The order of the
        file is kept if it is such an order.

    Raises:
        RecipeError: A stage cannot work. The message names the file, the stage and the field.
    """
    if not stages:
        raise RecipeError("a recipe needs at least one stage", file=file, field="stages")
    declared = {name: stage_operator(name, spec, file=file) for name, spec in stages.items()}
    unrolled_operators = unrolled(declared, file=file)
    operators = {name: each.operator for name, each in unrolled_operators.items()}
    gives: dict[str, type[Table]] = dict(GIVEN)
    earlier = {carried_name(name): table_of(name, operators) for name in operators}
    choosers: dict[str, RoleDefaults] = {}
    ordered: list[Stage] = []
    waiting = dict(operators)
    while waiting:
        ready = [
            name
            for name, operator in waiting.items()
            if waiting.keys().isdisjoint(
                [
                    *(read.stage for read in operator.inputs()),
                    *unrolled_operators[name].weights.values(),
                ]
            )
        ]
        if not ready:
            _refuse_cycle(waiting, file=file)
        for name in ready:
            operator = waiting.pop(name)
            inputs, weights = operator.inputs(), unrolled_operators[name].weights
            sources = dict.fromkeys(read.source for read in inputs if read.source is not None)
            offered = {source_table(source): Prompts for source in sources}
            gives[name] = fit_stage(
                name, operator, {**gives, **earlier, **offered}, known=operators, file=file
            )
            read_stages = dict.fromkeys(
                [*(read.stage for read in inputs if read.source is None), *weights.values()]
            )
            reads = [each for each in read_stages if each not in earlier]
            carried = {
                each.removesuffix(CARRIED): earlier[each] for each in read_stages if each in earlier
            }
            filled, origins = with_defaults(name, operator, {**roles, **choosers}, file=file)
            for use in filled.roles():
                role = use.role.partition("@")[0]
                if "choose" in use.needs and role in roles:
                    choosers[chooser_of(name)] = roles[role]
            if gives[name] is Scores and not filled.roles():
                # Scores that are made of scores alone were chosen by the model behind these.
                read_scores = [read.stage for read in inputs if gives.get(read.stage) is Scores]
                behind = [chooser_of(stage) for stage in read_scores]
                if behind and choosers.keys() >= {*behind}:
                    choosers[chooser_of(name)] = choosers[behind[0]]
            ordered.append(
                Stage(
                    name,
                    filled,
                    gives[name],
                    tuple(reads),
                    origins,
                    carried,
                    tuple(sources),
                    unrolled_operators[name].of,
                    weights,
                )
            )
    return _as_written(ordered, list(operators))


def policy_stage(stages: Sequence[Stage]) -> Stage | None:
    """The stage whose checkpoint the next refresh starts from; None if there is none.

    It is the last stage that trains the policy as a language model. Stages that train another role
    or a scoring head do not count.
    """
    return next((stage for stage in reversed(stages) if _trains_policy(stage)), None)


def with_read(stages: Sequence[Stage], names: Collection[str]) -> list[Stage]:
    """The stages ``names`` and all that they need, in running order.

    Args:
        stages: All stages, in running order.
        names: Names of stages; names of other tables are ignored.
    """
    needed = set(names)
    for stage in reversed(stages):
        if stage.name in needed:
            needed.update(stage.reads)
    return [stage for stage in stages if stage.name in needed]


def _trains_policy(stage: Stage) -> bool:
    trained_roles = {
        use.role.partition("@")[0] for use in stage.operator.roles() if "weights" in use.needs
    }
    is_language_model = getattr(stage.operator, "task", "CAUSAL_LM") == "CAUSAL_LM"
    return stage.gives is Checkpoints and is_language_model and "policy" in trained_roles


def stage_operator(
    name: str, spec: Any, *, file: Path | str, reserved: Collection[str] = GIVEN
) -> Operator:
    """The operator of a stage, whose name is none of ``reserved``.

    Raises:
        RecipeError: There is no such operator, or a parameter is wrong.
    """
    if name in reserved:
        raise RecipeError(
            "this name is taken: it is a table that every recipe has", file=file, stage=name
        )
    if not is_name(name):
        raise RecipeError(NAME_RULE, file=file, stage=name)
    if not isinstance(spec, Mapping):
        raise RecipeError(
            "a stage is a mapping: {use: generators.Sample, ...}", file=file, stage=name
        )
    with as_recipe_error(file, stage=name):
        try:
            operator: Operator = load_operator(spec)
        except UnknownOperatorError as error:
            raise RecipeError(str(error), file=file, stage=name, field="use") from error
        except ValidationError as error:
            kind = operator_class(spec["use"])
            raise parameter_error(
                error, kind, spec, of=kind.__name__, file=file, stage=name
            ) from error
    return operator


def fit_stage(
    name: str,
    operator: Operator,
    gives: Mapping[str, type[Table]],
    *,
    known: Mapping[str, Operator],
    file: Path | str,
) -> type[Table]:
    """Check that a stage can read its inputs; returns the table that it gives."""
    for read in operator.inputs():
        if read.stage not in gives:
            hint = near(read.stage, [*known, *GIVEN])
            problem = f"there is no stage {read.stage!r}; {hint}"
            raise RecipeError(problem, file=file, stage=name, field=read.field)
        table_given = gives[read.stage]
        if table_given not in read.tables:
            takes = " or ".join(table.__name__ for table in read.tables)
            fitting = [
                stage
                for stage, table in gives.items()
                if table in read.tables and not stage.endswith(CARRIED)
            ]
            hint = f"stages that give it: {', '.join(fitting)}" if fitting else "no stage gives it"
            problem = (
                f"takes {takes}, but stage {read.stage!r} gives {table_given.__name__}; {hint}"
            )
            raise RecipeError(problem, file=file, stage=name, field=read.field)
        producer = known.get(read.stage.removesuffix(CARRIED))
        trained_task = getattr(producer, "task", None)
        if trained_task is not None and read.tasks and trained_task not in read.tasks:
            takes = " or ".join(MODELS[task] for task in read.tasks)
            problem = f"takes {takes}, but stage {read.stage!r} trains {MODELS[trained_task]}"
            raise RecipeError(problem, file=file, stage=name, field=read.field)
        _refuse_other_role(name, operator, producer, read.field, file=file)
    if operator.gives is not None:
        return operator.gives
    of = [read.stage for read in operator.inputs() if read.field == "of"]
    other = next((stage for stage in of if gives[stage] is not gives[of[0]]), None)
    if other is not None:
        first = f"{of[0]!r} gives {gives[of[0]].__name__}"
        problem = f"takes stages of one table, but {first} and {other!r} {gives[other].__name__}"
        raise RecipeError(problem, file=file, stage=name, field="of")
    return gives[of[0]]


def table_of(name: str, operators: Mapping[str, Operator]) -> type[Table]:
    """The table that a stage gives; `schemas.Table` if it cannot be told from the stages."""
    visited: set[str] = set()
    while name in operators and name not in visited:
        visited.add(name)
        operator = operators[name]
        if operator.gives is not None:
            return operator.gives
        of = (read.stage for read in operator.inputs() if read.field == "of")
        name = next(of, "").removesuffix(CARRIED)
    return GIVEN.get(name, Table)


def _refuse_other_role(
    name: str, operator: Operator, producer: Operator | None, field: str, *, file: Path | str
) -> None:
    """A training that goes on from the checkpoint of ``producer`` trains the same role."""
    if operator.gives is not Checkpoints or producer is None or producer.gives is not Checkpoints:
        return
    role, trained = (getattr(each, "start", None) for each in (operator, producer))
    if role != trained:
        problem = f"trains the role {role!r}, but its checkpoint is of the role {trained!r}"
        raise RecipeError(f"{problem}: set start: {trained}", file=file, stage=name, field=field)


def with_defaults(
    stage: str, operator: Operator, roles: Mapping[str, RoleDefaults], *, file: Path | str
) -> tuple[Operator, Mapping[str, str]]:
    """The operator with the defaults of its models, and where these come from."""
    try:
        return with_model_defaults(operator, roles)
    except EngineError as error:
        raise RecipeError(str(error), file=file, stage=stage) from error
    except ValidationError as error:
        kind = type(operator)
        raise parameter_error(
            error,
            kind,
            operator.model_dump(),
            of=f"{kind.__name__} with its model's defaults",
            file=file,
            stage=stage,
        ) from error


def _refuse_cycle(waiting: Mapping[str, Operator], *, file: Path | str) -> None:
    reads = {
        name: next((read for read in operator.inputs() if read.stage in waiting), None)
        for name, operator in waiting.items()
    }
    visited: list[str] = []
    name = next(iter(waiting))
    while name not in visited:
        visited.append(name)
        read = reads[name]
        assert read is not None, "every waiting stage reads a waiting stage"
        name = read.stage
    cycle = [*visited[visited.index(name) :], name]
    first = reads[cycle[0]]
    assert first is not None
    raise RecipeError(
        f"stages wait for each other: {' reads '.join(map(repr, cycle))}",
        file=file,
        stage=cycle[0],
        field=first.field,
    )


def _as_written(ordered: list[Stage], names: list[str]) -> list[Stage]:
    """The order of the file if each stage comes after the stages it reads, else ``ordered``."""
    by_name = {stage.name: stage for stage in ordered}
    in_file_order = [by_name[name] for name in names]
    available = set(GIVEN)
    for stage in in_file_order:
        if not available.issuperset(stage.reads):
            return ordered
        available.add(stage.name)
    return in_file_order
