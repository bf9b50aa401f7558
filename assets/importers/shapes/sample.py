"""One form for the rows of all datasets: a prompt, its responses, and their labels and scores.

The classes check their values and raise a `ValueError` that says what is wrong.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import field, replace
from typing import Annotated, Any, TypeVar

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from generators.sources.columns import value_at
from schemas import Message, ToolCall, transcript

Row = Mapping[str, Any]
Part = TypeVar("Part")

Place = Annotated[int, Field(ge=0, lt=2**32)]
"""A number of characters, in the range that tables can store."""

_STRICT = ConfigDict(strict=True, allow_inf_nan=False)


class ShapeError(ValueError):
    """A row does not have its shape. The message names the part."""


@dataclass(frozen=True, config=_STRICT)
class SampleScore:
    """A score by ``annotator`` of a solution, or of its step ``step``. If ``value`` is None,
    ``error`` says why."""

    annotator: str
    value: float | None
    step: int | None = None
    raw: str | None = None
    error: str | None = None


@dataclass(frozen=True, config=_STRICT)
class Solution:
    """A published response. Its text is ``steps`` joined; without steps it is one step.

    ``calls`` are the tools that it calls; then the text may be empty. A response with calls is
    stored as a demonstration or a side of a pair only: `schemas.Responses` are texts.
    ``reasoning`` is the thought before the text. ``labels`` and ``values`` have an entry a step
    (None: not judged). A score that cannot be read is a text with the reason. ``response_id`` is
    the id in an earlier export, if it had one. ``turns`` are those of a transcript
    (`schemas.Responses`): role, start and end in characters of the text.
    """

    steps: tuple[str, ...]
    model: str | None = None
    made: Mapping[str, Any] = field(default_factory=dict)
    scores: tuple[SampleScore | str, ...] = ()
    reasoning: str | None = None
    calls: tuple[ToolCall, ...] = ()
    labels: tuple[bool | None, ...] | None = None
    values: tuple[float | None, ...] | None = None
    response_id: str | None = None
    turns: tuple[tuple[str, int, int], ...] | None = None

    @property
    def text(self) -> str:
        """The text of the response."""
        return "".join(self.steps)

    @property
    def messages(self) -> list[Message]:
        """The response as one message of the assistant or, of a transcript, one for each turn."""
        if self.turns is not None:
            return transcript(self.text, self.turns)
        message: Message = {"role": "assistant", "content": self.text}
        return [{**message, "tool_calls": list(self.calls)} if self.calls else message]


@dataclass(frozen=True, config=_STRICT)
class Preference:
    """Which of a sample's first two solutions is better: 0, 1, or None for neither.

    ``weight`` is the confidence in [0, 1], and ``margin`` says how much better. The other fields
    are columns of `schemas.Pairs` that the factory's exports keep.
    """

    chosen: int | None
    weight: Annotated[float, Field(ge=0, le=1)] = 1.0
    margin: float | None = None
    pair_id: str | None = None
    shared_prefix: Place | None = None
    ends: dict[str, bool] | None = None
    token_weights: dict[str, list[float]] | None = None
    annotator: str | None = None


@dataclass(frozen=True, config=_STRICT)
class Demonstration:
    """Marks a sample's first solution as a demonstration. The fields are columns of
    `schemas.Demonstrations`."""

    demonstration_id: str | None = None
    loss_spans: list[list[Place]] | None = None
    condition: str | None = None
    weight: Annotated[float, Field(ge=0)] | None = None


@dataclass(frozen=True, config=_STRICT)
class Sample:
    """The contents of a row. A solution that cannot be read is a text with the reason, and so is an
    opinion. ``opinions`` are the preferences of single annotators, each a pair of its own."""

    prompt: tuple[Message, ...]
    solutions: tuple[Solution | str, ...] = ()
    reference: str | None = None
    preference: Preference | None = None
    opinions: tuple[Preference | str, ...] = ()
    demonstration: Demonstration | None = None


@dataclass(frozen=True)
class Shape:
    """The shape of the rows of a kind of dataset.

    ``names`` are the names of the shape, and ``what`` describes a row. ``fields`` has the fields
    that ``read`` uses, each with the columns that may hold it, in order of preference. A user can
    name another column (``--column field=column``).

    ``read`` turns a row, with its columns renamed to the fields, into a `Sample`. It raises
    `ShapeError` (a `ValueError`) if the row has another shape. That row is refused with the text of
    the error.
    """

    names: tuple[str, ...]
    what: str
    fields: Mapping[str, tuple[str, ...]]
    read: Callable[[Row], Sample]

    def sample(self, row: Row, columns: Mapping[str, str]) -> Sample:
        """Read ``row``.

        Args:
            columns: The column of a field. A field that is not named is read from the first of its
                own columns that the row has.

        Reasons why something cannot be read name the columns of the file: a quoted field in them
        becomes its column, or the first of its columns if the row has none of them.

        Raises:
            ValueError: The row has another shape.
        """
        named = {name: value for name, value in row.items() if name not in self.fields}
        called: dict[str, str] = {}
        for field_name, known in self.fields.items():
            names = (columns[field_name],) if field_name in columns else known
            called[field_name] = names[0]
            for column in names:
                value = value_at(row, column)
                if column in row or value is not None:
                    named[field_name], called[field_name] = value, column
                    break
        try:
            return _in_columns(self.read(named), called)
        except ValueError as error:
            if hasattr(error, "errors"):  # pydantic's, of a value that no table can hold
                raise
            raise ShapeError(_called(str(error), called)) from error


def _in_columns(sample: Sample, called: Mapping[str, str]) -> Sample:
    """``sample`` with the columns of the file in its reasons."""

    def told(part: Part | str) -> Part | str:
        return _called(part, called) if isinstance(part, str) else part

    def scored(score: SampleScore | str) -> SampleScore | str:
        if isinstance(score, str) or score.error is None:
            return told(score)
        return replace(score, error=_called(score.error, called))

    solutions = (
        one if isinstance(one, str) else replace(one, scores=tuple(map(scored, one.scores)))
        for one in sample.solutions
    )
    return replace(
        sample,
        solutions=tuple(map(told, solutions)),
        opinions=tuple(map(told, sample.opinions)),
    )


def _called(reason: str, called: Mapping[str, str]) -> str:
    """``reason`` with the column of each quoted field. What follows "not" is a value of the row."""
    return re.sub(r"(?<!not )'(\w+)'", lambda found: repr(called.get(found[1], found[1])), reason)
