"""What an operator is: a frozen model whose fields are its parameters, the YAML, and its inputs.

An input is a field that names a stage and is annotated with the tables it takes::

    class BestWorst(Filter):
        of: Annotated[str, Takes(Responses)]
        by: Annotated[str, Takes(Scores)]

A role is a field annotated with `Role`: the name of a model bound in ``factory.yaml``. From these
a recipe knows what each stage reads and which models it calls before anything runs.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, ClassVar, get_args

import polars as pl
from pydantic import (
    AfterValidator,
    Field,
)

from schemas.accept import Split
from schemas.named import UnknownNameError, named, subclass_of
from schemas.parameters import Parameters
from schemas.tables import Table


class Takes:
    """Marks a field that names the stage (or stages) whose rows are read, and which tables fit."""

    def __init__(self, *tables: type[Table]) -> None:
        self.tables = tables


class RoleMark:
    """Marks a field that names a model role; ``needs`` says what is asked of the model."""

    def __init__(self, *needs: str) -> None:
        self.needs = needs


def _inside(name: str) -> str:
    if not re.fullmatch(r"\w[\w.-]*(/\w[\w.-]*)*", name):
        raise ValueError("is no name of a file inside its folder")
    return name


InnerFile = Annotated[str, Field(max_length=100), AfterValidator(_inside)]
"""The name of a template, or of an imported dataset: never a path that leads out of its folder."""

GeneratingRole = Annotated[str, RoleMark("generate")]
ScoringRole = Annotated[str, RoleMark("score")]
ChoosingRole = Annotated[str, RoleMark("choose")]
RewardingRole = Annotated[str, RoleMark("reward")]
TrainedRole = Annotated[str, RoleMark("weights")]


@dataclass(frozen=True)
class Input:
    """One stage that an operator reads: the field that names it and the tables that fit."""

    field: str
    stage: str
    tables: tuple[type[Table], ...]


@dataclass(frozen=True)
class RoleUse:
    """One model role that an operator calls, and what for."""

    field: str
    role: str
    needs: tuple[str, ...]


class UnknownOperatorError(ValueError):
    """A recipe's ``use:`` names nothing that is an operator."""


class Operator(Parameters):
    """The base of generators, annotators, filters and trainers.

    ``gives`` is the table it writes; None stands for the table that it takes as ``of``.
    ``unit`` is the id column in which rows are counted: as many distinct ids as came in are kept
    or dropped.
    """

    gives: ClassVar[type[Table] | None]
    unit: ClassVar[str]
    supplies: ClassVar[frozenset[str]] = frozenset()
    """Fields of the operators inside it that are no inputs, since it hands over the rows itself."""

    def inputs(self) -> list[Input]:
        """The stages this operator reads, those of operators inside it included."""
        found = []
        for name, field, mark in self._marks(Takes):
            stages = [field] if isinstance(field, str) else list(field)
            found += [Input(name, stage, mark.tables) for stage in stages]
        for nested in self._nested():
            found += [read for read in nested.inputs() if read.field not in self.supplies]
        return found

    def roles(self) -> list[RoleUse]:
        """The model roles this operator calls, those of operators inside it included."""
        found = [RoleUse(name, value, mark.needs) for name, value, mark in self._marks(RoleMark)]
        for nested in self._nested():
            found += nested.roles()
        return found

    def run(self, tables: Mapping[str, pl.DataFrame], context: Any) -> Split:
        """Read ``tables`` (by stage name), return what was kept and dropped.

        ``context`` is what a stage may use beyond its rows: `engines.Context`. Filters ignore it.
        """
        raise TypeError(f"{type(self).__name__} does not say how it runs")

    def _marks(self, kind: type) -> Iterator[tuple[str, Any, Any]]:
        for name, mark in _field_marks(type(self)):
            if isinstance(mark, kind) and getattr(self, name) is not None:
                yield name, getattr(self, name), mark

    def _nested(self) -> Iterator["Operator"]:
        for name in type(self).model_fields:
            if isinstance(getattr(self, name), Operator):
                yield getattr(self, name)


@cache
def _field_marks(operator: type[Operator]) -> tuple[tuple[str, Any], ...]:
    """The marks of each field. An optional field keeps its mark inside the union."""
    return tuple(
        (name, mark)
        for name, field in operator.model_fields.items()
        for mark in [
            *field.metadata,
            *(m for part in get_args(field.annotation) for m in getattr(part, "__metadata__", ())),
        ]
    )


def operator_class(path: Any) -> type[Operator]:
    """The class that ``path`` (``package.Name``) names. Raises `UnknownOperatorError`."""
    try:
        found: type[Operator] = named(path, subclass_of(Operator, "an operator"))
    except UnknownNameError as error:
        raise UnknownOperatorError(f"unknown operator: {error}") from error
    if not hasattr(found, "gives"):
        raise UnknownOperatorError(f"{path!r} is what operators derive from: name one that does")
    return found


def load_operator(spec: Any) -> Any:
    """An operator from its YAML: ``{use: package.Name, parameter: value, ...}``.

    Anything but a mapping is returned as it is, so that pydantic reports it.
    """
    if not isinstance(spec, Mapping):
        return spec
    if "use" not in spec:
        raise UnknownOperatorError("'use' is missing: name an operator, as in generators.Sample")
    parameters = {name: value for name, value in spec.items() if name != "use"}
    return operator_class(spec["use"]).model_validate(parameters)
