"""What a row of any dataset says, in one form: a prompt, its responses, and what is said of them.

Values are checked when a part is made; a `ValueError` says what is wrong.
"""

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Annotated, Any

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from generators.sources.columns import value_at
from schemas import Message

Row = Mapping[str, Any]

Place = Annotated[int, Field(ge=0, lt=2**32)]
"""A number of characters, as tables hold it."""

_STRICT = ConfigDict(strict=True, allow_inf_nan=False)


class ShapeError(ValueError):
    """A row is not what its shape says; the message says which part."""


@dataclass(frozen=True, config=_STRICT)
class SampleScore:
    """What ``annotator`` said of a solution, or of its step ``step``; ``value`` None with why."""

    annotator: str
    value: float | None
    step: int | None = None
    raw: str | None = None
    error: str | None = None


@dataclass(frozen=True, config=_STRICT)
class Solution:
    """A response as it was published. ``steps`` joined are its text; one step where it has none.

    ``labels`` (one a step; None: not judged) are of those that come with step labels. A score that
    cannot be read is a text that says why. ``response_id`` is the id it has had, if it had one.
    """

    steps: tuple[str, ...]
    model: str | None = None
    made: Mapping[str, Any] = field(default_factory=dict)
    scores: tuple[SampleScore | str, ...] = ()
    labels: tuple[bool | None, ...] | None = None
    values: tuple[float | None, ...] | None = None
    response_id: str | None = None

    @property
    def text(self) -> str:
        """The whole of it."""
        return "".join(self.steps)


@dataclass(frozen=True, config=_STRICT)
class Preference:
    """Which of a sample's first two solutions is the better one (0 or 1; None: neither is).

    ``weight`` is how sure that is, in [0, 1], and ``margin`` by how much. The others are columns
    of `schemas.Pairs` that an export of ours keeps.
    """

    chosen: int | None
    weight: Annotated[float, Field(ge=0, le=1)] = 1.0
    margin: float | None = None
    pair_id: str | None = None
    shared_prefix: Place | None = None
    ends: dict[str, bool] | None = None
    token_weights: dict[str, list[float]] | None = None


@dataclass(frozen=True, config=_STRICT)
class Demonstration:
    """That a sample's first solution is to be imitated. The columns are of
    `schemas.Demonstrations`."""

    demonstration_id: str | None = None
    loss_spans: list[list[Place]] | None = None
    condition: str | None = None


@dataclass(frozen=True, config=_STRICT)
class Sample:
    """What a row holds. A solution that cannot be read is a text that says why."""

    prompt: tuple[Message, ...]
    solutions: tuple[Solution | str, ...] = ()
    reference: str | None = None
    preference: Preference | None = None
    demonstration: Demonstration | None = None


@dataclass(frozen=True)
class Shape:
    """How rows are written in a kind of dataset.

    ``names``: what it is called. ``what``: what a row is, for lists. ``fields``: the names that
    ``read`` looks for, each with the columns that may hold it, in order; a user can name another
    (``--column field=column``). ``read`` makes a `Sample` of a row whose columns have the names of
    the fields, and raises `ShapeError` (a `ValueError`) where the row has another shape: that row
    is refused, with the error's text.
    """

    names: tuple[str, ...]
    what: str
    fields: Mapping[str, tuple[str, ...]]
    read: Callable[[Row], Sample]

    def sample(self, row: Row, columns: Mapping[str, str]) -> Sample:
        """What ``row`` says, where a field is in the column that ``columns`` names for it, or else
        in the first of its own that the row has. Raises `ValueError` if it has another shape."""
        named = {name: value for name, value in row.items() if name not in self.fields}
        for field_name, known in self.fields.items():
            for column in (columns[field_name],) if field_name in columns else known:
                value = value_at(row, column)
                if column in row or value is not None:
                    named[field_name] = value
                    break
        return self.read(named)
