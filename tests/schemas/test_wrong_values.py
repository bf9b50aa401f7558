"""A value that does not fit its field is explained without pydantic's words, and a password in it
stays unshown."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field, ValidationError

from schemas.parameters import Parameters
from schemas.wrong_values import wrong_values


class Inner(Parameters):
    share: float = Field(gt=0, lt=1, default=0.5)


class Fields(Parameters):
    count: int = Field(ge=1, le=9, default=1)
    rate: float = 1.0
    bounded: float = Field(le=1, default=1.0)
    sure: bool = False
    title: str = Field(min_length=1, max_length=5, default="a")
    tags: tuple[str, ...] = ()
    names: tuple[str, ...] = Field(min_length=2, default=("a", "b"))
    weights: Mapping[str, float] | None = None
    inner: Inner = Inner()
    rule: Literal["hard", "soft"] = "hard"
    start: date | None = None
    of: list[str] | dict[str, float] | None = None
    part: int | float | None = None
    targets: Literal["all"] | tuple[str, ...] = "all"
    learnt: float | Inner = 1.0


class Needed(BaseModel):
    name: str


def problems(kind: type[BaseModel], **given: Any) -> dict[str, str]:
    with pytest.raises(ValidationError) as caught:
        kind.model_validate(given)
    return {".".join(each.place): each.text for each in wrong_values(caught.value, given)}


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("count", "many", "must be a whole number, such as 4; it is 'many'"),
        ("count", "8 GB", "must be a whole number, such as 4; it is '8 GB'"),
        ("count", 2.5, "must be a whole number, such as 4; it is 2.5"),
        ("count", None, "must be a whole number, such as 4; it is empty"),
        ("count", "", "must be a whole number, such as 4; it is an empty text"),
        ("count", [1], "must be a whole number, such as 4; it is a list"),
        ("count", 0, "must be 1 or more; it is 0"),
        ("count", 10, "must be 9 or less; it is 10"),
        ("rate", "1,5", "must be a number, such as 0.5; it is '1,5'"),
        ("rate", {"a": 1}, "must be a number, such as 0.5; it is a mapping"),
        ("bounded", 1.5, "must be 1 or less; it is 1.5"),
        ("sure", "perhaps", "must be true or false; it is 'perhaps'"),
        ("title", 7, "must be text; it is 7 without quotes"),
        ("title", date(2026, 1, 31), "must be text; it is 2026-01-31 without quotes"),
        ("title", "", "must not be empty"),
        ("title", "abcdefg", "must have 5 characters or fewer; it has 7"),
        ("tags", "a", "must be a list: [value, ...]; it is 'a'"),
        ("names", ["a"], "must have 2 entries or more; it has 1"),
        ("weights", ["a"], "must be a mapping: {name: value, ...}; it is a list"),
        ("inner", 7, "must be a mapping: {name: value, ...}; it is 7"),
        ("rule", "sotf", "must be one of 'hard', 'soft'; it is 'sotf'; did you mean 'soft'?"),
        ("rule", 1, "must be 'hard' or 'soft'; it is 1"),
        ("start", "monday", "must be a date, such as 2026-01-31; it is 'monday'"),
        ("of", 7, "must be a list or a mapping; it is 7"),
        ("part", "half", "must be a whole number or a number; it is 'half'"),
        ("targets", 7, "must be 'all' or a list; it is 7"),
        ("learnt", "fast", "must be a number or a mapping; it is 'fast'"),
    ],
)
def test_what_was_expected_and_what_was_given(field: str, value: Any, text: str) -> None:
    assert problems(Fields, **{field: value}) == {field: text}


@pytest.mark.parametrize(
    ("given", "field", "text"),
    [
        ({"inner": {"share": 1}}, "inner.share", "must be less than 1; it is 1"),
        ({"inner": {"share": 0}}, "inner.share", "must be more than 0; it is 0"),
        ({"weights": {"a": "x"}}, "weights.a", "must be a number, such as 0.5; it is 'x'"),
        ({"of": {"a": "x"}}, "of.a", "must be a number, such as 0.5; it is 'x'"),
        ({"learnt": {"share": 2}}, "learnt.share", "must be less than 1; it is 2"),
    ],
)
def test_the_place_has_no_names_of_types(given: Any, field: str, text: str) -> None:
    assert problems(Fields, **given) == {field: text}


def test_a_name_that_is_missing_keeps_its_place() -> None:
    assert problems(Needed) == {"name": "is missing"}


@pytest.mark.parametrize("secret", ["hunter2", "correct horse", "sk-proj-4f9aBcD3fGh1JkLmNoPqRs"])
@pytest.mark.parametrize("field", ["count", "rate", "sure", "rule", "inner", "of", "learnt"])
def test_a_password_is_not_shown(field: str, secret: str) -> None:
    (text,) = problems(Fields, **{field: secret}).values()
    assert secret not in text
    assert f"a text of {len(secret)} characters" in text
