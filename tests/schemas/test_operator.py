"""An operator says what it reads and which models it calls, before anything runs."""

from typing import Annotated, ClassVar

import pytest
from pydantic import BeforeValidator, SerializeAsAny, ValidationError

from schemas import (
    ChoosingRole,
    GeneratingRole,
    Operator,
    Pairs,
    Responses,
    Scores,
    Table,
    Takes,
    UnknownOperatorError,
    content_id,
    load_operator,
    operator_class,
    prompt_id,
)


class Inner(Operator):
    gives: ClassVar[type[Table] | None] = Scores
    unit: ClassVar[str] = "response_id"
    of: Annotated[tuple[str, ...], Takes(Scores)]
    judge: ChoosingRole | None = None


class Outer(Operator):
    gives: ClassVar[type[Table] | None] = Pairs
    unit: ClassVar[str] = "prompt_id"
    of: Annotated[str, Takes(Responses)]
    model: GeneratingRole = "policy"
    weight: Annotated[SerializeAsAny[Operator], BeforeValidator(load_operator)] | None = None


def outer(**fields: object) -> Outer:
    return Outer.model_validate({"of": "answers"} | fields)


def test_inputs_and_roles_include_those_of_operators_inside() -> None:
    operator = outer(weight={"use": f"{__name__}.Inner", "of": ["now", "before"], "judge": "j"})
    assert [(i.field, i.stage) for i in operator.inputs()] == [
        ("of", "answers"),
        ("of", "now"),
        ("of", "before"),
    ]
    assert operator.inputs()[0].tables == (Responses,)
    assert [(r.field, r.role, r.needs) for r in operator.roles()] == [
        ("model", "policy", ("generate",)),
        ("judge", "j", ("choose",)),
    ]


def test_an_optional_role_that_is_not_set_is_not_called() -> None:
    assert [role.role for role in outer().roles()] == ["policy"]


def test_unknown_parameters_are_refused() -> None:
    with pytest.raises(ValidationError, match="temprature"):
        outer(temprature=1.0)


@pytest.mark.parametrize("path", ["nowhere.Sample", "schemas.Nothing", "schemas.Pairs", "Sample"])
def test_an_unknown_operator_is_named(path: str) -> None:
    with pytest.raises(UnknownOperatorError, match=path):
        operator_class(path)


def test_an_operator_without_use_says_what_is_missing() -> None:
    with pytest.raises(UnknownOperatorError, match="'use' is missing"):
        load_operator({"of": "answers"})


def test_ids_depend_on_what_a_row_says_alone() -> None:
    assert prompt_id([{"role": "user", "content": "é"}]) == prompt_id(
        [{"content": "é", "role": "user"}]
    )
    assert content_id("a", "b") != content_id("ab")
