"""Solutions that a benchmark brings with its problems, and what it knows of their steps: how they
travel in a prompt's reference."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from engines.protocol import RowError

APART = "\n\n"
"""What stands between steps: a benchmark keeps paragraphs without it."""


class RecordedSolution(BaseModel):
    """One solution, in paragraphs; ``first_error`` is the index of the first wrong one, -1 where
    none is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    author: str | None = None
    paragraphs: tuple[str, ...] = Field(min_length=1)
    first_error: int = Field(ge=-1)
    answer_right: bool | None = None

    @model_validator(mode="after")
    def _has_that_step(self) -> "RecordedSolution":
        if self.first_error >= len(self.paragraphs):
            raise ValueError(
                f"label {self.first_error} is no step of {len(self.paragraphs)}, counted from 0"
            )
        if not all(paragraph.strip() for paragraph in self.paragraphs):
            raise ValueError("a step says nothing")
        return self

    @property
    def steps(self) -> tuple[str, ...]:
        """The paragraphs with what stands between them, so that joined they are the text."""
        *before, last = self.paragraphs
        return (*(paragraph + APART for paragraph in before), last)

    @property
    def text(self) -> str:
        """The whole solution."""
        return APART.join(self.paragraphs)


class RecordedSolutions(BaseModel):
    """All solutions of one problem."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    solutions: tuple[RecordedSolution, ...]


def as_reference(solutions: Sequence[RecordedSolution]) -> str:
    """A prompt's reference that brings ``solutions``."""
    return RecordedSolutions(solutions=tuple(solutions)).model_dump_json()


def recorded(reference: str | None) -> tuple[RecordedSolution, ...]:
    """The solutions that a reference brings. Raises `RowError` if it brings none."""
    try:
        return RecordedSolutions.model_validate_json(reference or "").solutions
    except ValidationError as error:
        raise RowError(
            "the prompt's reference brings no solutions: read the source with "
            "generators.ProcessBench"
        ) from error
