"""Criteria and rubrics as a recipe or a file states them, and as rows of `schemas.Criteria`."""

from collections.abc import Mapping, Sequence
from textwrap import shorten
from typing import Any, Literal

import polars as pl
from pydantic import Field, field_validator, model_validator

from schemas import Criteria, canonical, content_id, rows
from schemas.parameters import Parameters

UNNAMED = "criteria"
"""The name of a rubric whose criteria stand in the recipe."""
_NAME = 60
"""The most characters of a name that is made from the criterion's text."""


class Criterion(Parameters):
    """One criterion. A text alone is one that is graded, named by its text.

    ``kind``: ``graded`` on a scale, ``yes_no``, or ``counted``: how often a response does it.
    ``negated``: a response that fulfils it is worse. ``weight`` is what it counts for in a mean of
    criteria.
    """

    name: str = Field(min_length=1)
    text: str = Field(min_length=1)
    kind: Literal["graded", "yes_no", "counted"] = "graded"
    negated: bool = False
    weight: float = Field(default=1.0, ge=0, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _named(cls, fields: Any) -> Any:
        if isinstance(fields, str):
            fields = {"text": fields}
        if (
            isinstance(fields, dict)
            and "name" not in fields
            and isinstance(fields.get("text"), str)
        ):
            fields = {"name": shorten(fields["text"], _NAME, placeholder=" …"), **fields}
        return fields

    @property
    def item(self) -> str:
        """The criterion as an item of a checklist that a good response passes."""
        return f"Not: {self.text}" if self.negated else self.text


def distinct(criteria: Sequence[Criterion]) -> Sequence[Criterion]:
    """``criteria`` if their names differ.

    Raises:
        ValueError: two have one name.
    """
    first: dict[str, int] = {}
    for number, criterion in enumerate(criteria, start=1):
        if (other := first.setdefault(criterion.name, number)) != number:
            raise ValueError(
                f"criteria {other} and {number} have the name {criterion.name!r}: names must differ"
            )
    return criteria


class RubricOf(Parameters):
    """A named set of criteria. ``version`` counts how often it was rewritten, from 1. ``source``
    says where it comes from."""

    rubric: str = Field(default=UNNAMED, min_length=1)
    version: int = Field(default=1, ge=1)
    source: str | None = None
    criteria: tuple[Criterion, ...] = Field(min_length=1)

    @field_validator("criteria")
    @classmethod
    def _distinct(cls, criteria: tuple[Criterion, ...]) -> tuple[Criterion, ...]:
        return tuple(distinct(criteria))

    def rows(self) -> pl.DataFrame:
        """Rows of `schemas.Criteria`, for all prompts."""
        shared = {"rubric": self.rubric, "version": self.version, "source": self.source}
        origin: dict[str, Any] = {
            "operator": "annotators.Rubric",
            "model": None,
            "parameters": canonical({}),
            "seed": None,
            "parents": [],
        }
        records = [shared | criterion.model_dump() for criterion in self.criteria]
        each = [{"criterion_id": content_id(None, one), **one, "origin": origin} for one in records]
        return rows(Criteria, each)


Stated = Mapping[str | None, Sequence[Mapping[str, Any]]]
"""Rows of `schemas.Criteria` by prompt; under None, those of all prompts."""


def criteria_of(prompt_id: str, stated: Stated) -> list[Mapping[str, Any]]:
    """The criteria of a prompt: those of all prompts, then its own."""
    return [*stated.get(None, ()), *stated.get(prompt_id, ())]


def judged_by(criteria: pl.DataFrame) -> Stated:
    """The criteria of each prompt, and under None those of all prompts, in the order of the rows.
    Of a rubric of several versions, the last counts."""
    latest = pl.col("version").max().over("prompt_id", "rubric") == pl.col("version")
    by_prompt: dict[str | None, list[dict[str, Any]]] = {}
    for row in criteria.filter(latest).iter_rows(named=True):
        by_prompt.setdefault(row["prompt_id"], []).append(row)
    return by_prompt
