"""Operators: frozen Pydantic models whose fields are the parameters and inputs in YAML.

An input is a field that names a stage and is annotated with the tables that it takes::

    class BestWorst(Filter):
        of: Annotated[str, Takes(Responses)]
        by: Annotated[str, Takes(Scores)]

A field of the type `SourceName` names a source of prompts, which are an input too. A role is a
field with a `RoleMark`, such as `GeneratingRole`: the name of a model that is bound in
``factory.yaml``. From these fields a recipe knows the inputs and models of each stage before it
runs.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar

import polars as pl
from pydantic import (
    AfterValidator,
    Field,
)

from schemas.accept import Split
from schemas.named import UnknownNameError, named, subclass_of
from schemas.parameters import Parameters, field_marks
from schemas.tables import Prompts, Table
from schemas.truth import Truth, TruthNeed


def chooser_of(stage: str) -> str:
    """The name, as a role, of the model with which ``stage`` chooses among options. A filter of its
    scores takes a default from that model (`Operator.role_of`)."""
    return f"stage {stage}"


class Takes:
    """Marks a field that names one or more stages as input, with the tables that fit. ``tasks``
    are the task types that a trained model may have, as `peft` names them; empty if all fit."""

    def __init__(self, *tables: type[Table], tasks: tuple[str, ...] = ()) -> None:
        self.tables = tables
        self.tasks = tasks


class RoleMark:
    """Marks a field that names a model role. ``needs``: the methods that the model must have."""

    def __init__(self, *needs: str) -> None:
        self.needs = needs


def _inside(name: str) -> str:
    if not re.fullmatch(r"\w[\w.-]*(/\w[\w.-]*)*", name):
        raise ValueError("is no name of a file inside its folder")
    return name


class SourceMark:
    """Marks a field that names a source of prompts. Its prompts are an input."""


def source_table(source: str) -> str:
    """What an operator calls the prompts of ``source``. No stage can have this name."""
    return f"prompts/{source}"


class TemplateMark:
    """Marks a field that names a template."""


class RubricMark:
    """Marks a field that names a file with criteria."""


InnerFile = Annotated[str, Field(max_length=100), AfterValidator(_inside)]
"""The name of a template or of an imported dataset. It cannot lead out of its folder."""
TemplateName = Annotated[InnerFile, TemplateMark()]
RubricName = Annotated[InnerFile, RubricMark()]
"""The name of a file with criteria, beside the recipe or shipped."""

SourceName = Annotated[str, SourceMark()]

GeneratingRole = Annotated[str, RoleMark("generate")]
ScoringRole = Annotated[str, RoleMark("score")]
ChoosingRole = Annotated[str, RoleMark("choose")]
RewardingRole = Annotated[str, RoleMark("reward")]
TrainedRole = Annotated[str, RoleMark("weights")]


@dataclass(frozen=True)
class Input:
    """One input of an operator: the field that names it, the stage, the tables that fit, and the
    task types that a trained model may have (empty: all). ``source`` is the source of prompts that
    takes the place of a stage; None if there is none."""

    field: str
    stage: str
    tables: tuple[type[Table], ...]
    tasks: tuple[str, ...] = ()
    source: str | None = None


@dataclass(frozen=True)
class RoleUse:
    """One model role: the field that names it, its name, the methods that it needs, and the
    operator that asks it (which may be nested in another)."""

    field: str
    role: str
    needs: tuple[str, ...]
    operator: "Operator"


@dataclass(frozen=True)
class TemplateUse:
    """One template of an operator: the field that names it, its name, and the operator's class."""

    field: str
    name: str
    operator: type


class UnknownOperatorError(ValueError):
    """The ``use:`` of a recipe does not name an operator."""


class Operator(Parameters):
    """The base of generators, annotators, filters and trainers.

    ``gives`` is the output table; None means the table of its input ``of``. ``unit`` is the id
    column in which rows are counted: each distinct id of the input is kept or dropped.
    """

    gives: ClassVar[type[Table] | None]
    unit: ClassVar[str]
    adds: ClassVar[bool] = False
    """Whether it gives rows with ids of their own beside those of its input: a mirrored pair, for
    example. They do not count as kept."""
    own_prompts: ClassVar[bool] = False
    """Whether its rows answer prompts that it makes itself and that no input has. A stage that
    reads them has to name their prompts."""
    supplies: ClassVar[frozenset[str]] = frozenset()
    """Input fields of nested operators that are not inputs of this one, as it supplies the rows."""
    instead_of_truth: ClassVar[str] = ""
    """The parameters with which the operator needs no truth, for the error where there is none."""

    def inputs(self) -> list[Input]:
        """The inputs of this operator and of its nested operators: stages, and sources of
        prompts."""
        inputs = [
            Input(name, source_table(source), (Prompts,), source=source)
            for name, source, _ in self._marks(SourceMark)
        ]
        for name, field, mark in self._marks(Takes):
            stages = [field] if isinstance(field, str) else list(field)
            inputs += [Input(name, stage, mark.tables, mark.tasks) for stage in stages]
        for nested in self._nested():
            inputs += [read for read in nested.inputs() if read.field not in self.supplies]
        return inputs

    def roles(self) -> list[RoleUse]:
        """The model roles of this operator and of its nested operators."""
        roles = [
            RoleUse(name, value, mark.needs, self) for name, value, mark in self._marks(RoleMark)
        ]
        for nested in self._nested():
            roles += nested.roles()
        return roles

    def templates(self) -> list[TemplateUse]:
        """The templates that fields of this operator and of its nested operators name."""
        templates = [
            TemplateUse(name, value, type(self)) for name, value, _ in self._marks(TemplateMark)
        ]
        for nested in self._nested():
            templates += nested.templates()
        return templates

    def rubrics(self) -> list[tuple[str, str]]:
        """The fields of this operator and of its nested operators that name files with criteria,
        and the names."""
        rubrics = [(field, name) for field, name, _ in self._marks(RubricMark)]
        for nested in self._nested():
            rubrics += nested.rubrics()
        return rubrics

    @property
    def by_prompt(self) -> bool:
        """Whether the rows of a prompt depend on the rows of that prompt alone: then a large stage
        is worked in parts, some prompts after the other."""
        return False

    def needs_truth(self) -> Truth | None:
        """How this operator uses the truth of its prompts; None if it does not need it."""
        return None

    def without_truth(self) -> "Operator | None":
        """The operator that takes the place of this one where its prompts have no truth; None if
        there is none."""
        return None

    def truth_needs(self) -> list[TruthNeed]:
        """The truth that this operator and its nested operators need."""
        prompts = next((read.stage for read in self.inputs() if Prompts in read.tables), "prompts")
        needs = [need for nested in self._nested() for need in nested.truth_needs()]
        if self.supplies:
            needs = [replace(need, prompts=prompts) for need in needs]
        if (truth := self.needs_truth()) is not None:
            check = getattr(self, "check", None)
            needs.insert(0, TruthNeed(truth, prompts, check, self.instead_of_truth))
        return needs

    def role_of(self, field: str) -> str | None:
        """The role whose model decides the default of ``field``, which is marked with
        `schemas.ModelDefault`: the first that writes, or else the first. None if the operator has
        no role."""
        uses = [(value, mark.needs) for _, value, mark in self._marks(RoleMark)]
        writing = [role for role, needs in uses if "generate" in needs]
        return next(iter([*writing, *(role for role, _ in uses)]), None)

    def run(self, tables: Mapping[str, pl.DataFrame], context: Any) -> Split:
        """Run on ``tables`` (by stage name) and return kept and dropped rows.

        ``context``: the stage's other inputs (`engines.Context`). Filters ignore it.
        """
        raise TypeError(f"{type(self).__name__} does not say how it runs")

    def _marks(self, kind: type) -> Iterator[tuple[str, Any, Any]]:
        for name, mark in field_marks(type(self)):
            if isinstance(mark, kind) and getattr(self, name) is not None:
                yield name, getattr(self, name), mark

    def _nested(self) -> Iterator["Operator"]:
        for name in type(self).model_fields:
            if isinstance(getattr(self, name), Operator):
                yield getattr(self, name)


def operator_class(path: Any) -> type[Operator]:
    """The operator class at ``path`` (``package.Name``). Raises `UnknownOperatorError`."""
    try:
        operator: type[Operator] = named(path, subclass_of(Operator, "an operator"))
    except UnknownNameError as error:
        raise UnknownOperatorError(f"unknown operator: {error}") from error
    if not hasattr(operator, "gives"):
        raise UnknownOperatorError(
            f"{path!r} declares no 'gives', the table that it makes, as an operator does"
        )
    return operator


def load_operator(spec: Any) -> Any:
    """An operator from its YAML: ``{use: package.Name, parameter: value, ...}``.

    If ``spec`` is not a mapping, it is returned unchanged and pydantic reports it.
    """
    if not isinstance(spec, Mapping):
        return spec
    if "use" not in spec:
        raise UnknownOperatorError("'use' is missing: name an operator, as in generators.Sample")
    parameters = {name: value for name, value in spec.items() if name != "use"}
    return operator_class(spec["use"]).model_validate(parameters)
