"""The base classes of measures. A measure compares tables of a recipe with those of its control."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import polars as pl
from pydantic import BaseModel, ConfigDict

from assets.project.intervals import Shares

Tables = Mapping[str, pl.DataFrame]
"""Tables by the names of their stages."""


class UnmeasurableError(ValueError):
    """The tables do not hold the data that the claim needs. The message says what is missing."""


Verdict = Literal["held", "undecided", "did not hold"]
"""Undecided: the interval of the difference holds 0, so more prompts are needed."""


def verdict(*, held: bool, low: float, high: float) -> Verdict:
    """The verdict on a claim, from the interval of the difference that decides it."""
    if held:
        return "held"
    return "undecided" if low <= 0 <= high and low < high else "did not hold"


def with_verdict(given: Verdict, says: str) -> str:
    """A sentence with the verdict before it."""
    return f"{given}: {says}"


def without_verdict(says: str) -> str | None:
    """The sentence after the verdict; None if there is no verdict before it."""
    before, _, after = says.partition(": ")
    return after if before in get_args(Verdict) else None


@dataclass(frozen=True)
class Figures:
    """The figures of a claim. Their unit depends on the measure; shares are in [0, 1].

    Attributes:
        measured: The figure of the recipe.
        control: The figure of the control; None if the measure has none.
        low: The lower end of the 95 % interval of the difference, from a bootstrap over prompts.
        high: The upper end.
        held: Whether the claim holds.
        says: A sentence with the figures.
    """

    measured: float
    control: float | None
    low: float
    high: float
    held: bool
    says: str

    @classmethod
    def of(cls, both: Shares, says: str, *, held: bool | None = None) -> "Figures":
        """The figures of two shares.

        Args:
            both: The shares.
            says: A sentence with the figures.
            held: Whether the claim holds; by default, whether ``both.low`` is above 0.
        """
        held = both.low > 0 if held is None else held
        return cls(both.measured, both.control, both.low, both.high, held=held, says=says)

    @property
    def verdict(self) -> Verdict:
        """The verdict on the claim."""
        return verdict(held=self.held, low=self.low, high=self.high)


class Measure(BaseModel):
    """The base class of measures. A recipe has one as ``measure: {use: claims.Name, of: …}``.

    Attributes:
        of: The stage that is measured.
        control: The stage that it is compared with: a stage of the control recipe, or of the same
            recipe if it has no control.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    of: str
    control: str | None = None

    def stages(self) -> list[str]:
        """The stages of the recipe that the measure reads, in addition to its prompts."""
        return [self.of]

    def control_stages(self) -> list[str]:
        """The stages of the control that the measure reads, in addition to its prompts."""
        return [] if self.control is None else [self.control]

    def required_control(self) -> str:
        """The stage of the control. Raises `UnmeasurableError` if ``control`` is not set."""
        if self.control is None:
            raise UnmeasurableError(
                f"{type(self).__name__} compares with a control: set control to a stage of it"
            )
        return self.control

    @abstractmethod
    def figures(self, tables: Tables, control: Tables, *, checks: Mapping[str, str]) -> Figures:
        """Compare the tables of a recipe with those of its control, on the same prompts.

        Args:
            tables: The tables of the recipe, by stage name.
            control: The tables of the control, by stage name.
            checks: The import path of each source's check, by the name of the source.

        Raises:
            UnmeasurableError: There is nothing to measure.
        """


class MeasureOfScores(Measure):
    """The base class of measures of a stage of scores.

    Attributes:
        responses: The stage whose responses were scored.
        prompts: The stage of their prompts; ``held_out`` for prompts that no model is trained on.
    """

    responses: str = "responses"
    prompts: str = "prompts"

    def stages(self) -> list[str]:
        return [self.of, self.responses, self.prompts]

    def control_stages(self) -> list[str]:
        return [] if self.control is None else [self.control, self.responses, self.prompts]
