"""The base classes of measures. A measure compares tables of a recipe with those of its control."""

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist, fmean, variance
from typing import Any, Literal, get_args

import polars as pl
from pydantic import BaseModel, ConfigDict

from assets.project.intervals import Shares

Tables = Mapping[str, pl.DataFrame]
"""Tables by the names of their stages."""


class UnmeasurableError(ValueError):
    """The tables do not hold the data that the claim needs. The message says what is missing."""


Verdict = Literal["held", "undecided", "did not hold"]
"""Undecided: the interval of the difference holds the boundary, so more prompts are needed."""

WOULD_DECIDE = "would decide"
"""A sentence with this says how many prompts would decide a claim that is undecided."""

_QUANTILE = NormalDist().inv_cdf(0.975)
_POWER = 1 + NormalDist().inv_cdf(0.8) / _QUANTILE
"""How far the boundary is from the difference, in half-widths of the 95 % interval, if the interval
leaves it out with a chance of 80 %."""

_TELLING = 100
"""A difference nearer to the boundary than this part of the half-width tells nothing."""


def verdict(*, held: bool, low: float, high: float, boundary: float = 0.0) -> Verdict:
    """The verdict on a claim, from the interval of the difference that decides it.

    Args:
        held: Whether the claim holds.
        low: The lower end of the interval.
        high: The upper end.
        boundary: What the difference has to be above.
    """
    if held:
        return "held"
    return "undecided" if low <= boundary <= high else "did not hold"


def with_verdict(verdict: Verdict, says: str) -> str:
    """A sentence with the verdict before it."""
    return f"{verdict}: {says}"


def without_verdict(says: str) -> str | None:
    """The sentence after the verdict; None if there is no verdict before it."""
    before, _, after = says.partition(": ")
    return after if before in get_args(Verdict) else None


@dataclass(frozen=True)
class Curve:
    """A line of a plot: the panel that it is in, which is what it shows; its name; and its points
    (x, y), by rising x."""

    panel: str
    name: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Plot:
    """The curves behind a claim, and what is along their x axis."""

    along: str
    curves: tuple[Curve, ...]

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> "Plot":
        """The plot of which `dataclasses.asdict` made ``stored``."""
        curves = (
            Curve(each["panel"], each["name"], tuple((x, y) for x, y in each["points"]))
            for each in stored["curves"]
        )
        return cls(stored["along"], tuple(curves))


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
        boundary: What the difference has to be above.
        below: Whether it has to be below the boundary instead.
        rows: How many prompts of the recipe would decide an undecided claim (`deciding`); None if
            more of them do not.
        plot: The curves behind the figures, if there are any.
    """

    measured: float
    control: float | None
    low: float
    high: float
    held: bool
    says: str
    boundary: float = 0.0
    below: bool = False
    rows: int | None = None
    plot: Plot | None = None

    @classmethod
    def of(
        cls,
        both: Shares,
        says: str,
        *,
        held: bool | None = None,
        boundary: float = 0.0,
        below: bool = False,
        plot: Plot | None = None,
    ) -> "Figures":
        """The figures of two shares.

        Args:
            both: The shares.
            says: A sentence with the figures.
            held: Whether the claim holds; by default, whether the interval is beyond ``boundary``.
            boundary: What the difference has to be above.
            below: Whether it has to be below the boundary instead.
            plot: The curves behind the figures.
        """
        figures = cls(
            both.measured,
            both.control,
            both.low,
            both.high,
            held=False,
            says=says,
            boundary=boundary,
            below=below,
            plot=plot,
        )
        return replace(figures, held=figures.clears if held is None else held)

    @property
    def clears(self) -> bool:
        """Whether the interval is beyond the boundary, on the side where the claim wants it."""
        return self.high < self.boundary if self.below else self.low > self.boundary

    @property
    def differs(self) -> bool:
        """Whether the figures differ from the boundary in any resample."""
        return not self.low == self.high == self.boundary

    @property
    def verdict(self) -> Verdict:
        """The verdict on the claim."""
        return verdict(held=self.held, low=self.low, high=self.high, boundary=self.boundary)

    def deciding(self, prompts: int) -> int | None:
        """How many prompts would decide with a chance of 80 %, if the difference is as measured:
        the interval narrows with the root of their number. None if they are enough, or if the
        difference is so near to the boundary that it says nothing about their number.

        Args:
            prompts: How many were measured.
        """
        far = abs((self.low + self.high) / 2 - self.boundary)
        half = (self.high - self.low) / 2
        if self.verdict != "undecided" or far <= half / _TELLING:
            return None
        return math.ceil(prompts * (_POWER * half / far) ** 2)


def over_seeds(by_seed: Sequence[Figures]) -> Figures:
    """The figures of a claim whose trainings were repeated with several seeds, on the same prompts.

    The difference is the mean over the seeds. Its variance is the mean of the variances over
    prompts, which the seeds share, and the variance between the seeds divided by their number. So
    the interval is never narrower than that of one seed is on average.

    Args:
        by_seed: The figures of each seed; one at least.
    """
    first, count = by_seed[0], len(by_seed)
    if count == 1:
        return first
    middles = [(each.low + each.high) / 2 for each in by_seed]
    variances = [((each.high - each.low) / 2 / _QUANTILE) ** 2 for each in by_seed]
    middle = fmean(middles)
    half = _QUANTILE * math.sqrt(fmean(variances) + variance(middles) / count)
    controls = [each.control for each in by_seed if each.control is not None]
    # A claim may ask for more than a difference: then one that fails has another reason.
    others = all(each.held or not each.clears for each in by_seed)
    combined = replace(
        first,
        measured=fmean(each.measured for each in by_seed),
        control=fmean(controls) if controls else None,
        low=middle - half,
        high=middle + half,
        says=(
            f"over {count} seeds of training the difference is {middle:+.3f} "
            f"[{middle - half:+.3f}, {middle + half:+.3f}], of each "
            f"{', '.join(f'{each:+.3f}' for each in middles)}; with the first seed: {first.says}"
        ),
        rows=None,
    )
    return replace(combined, held=combined.clears and others)


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

    def units(self, tables: Tables) -> tuple[str, int]:
        """What the interval is resampled over, in the plural, and how many there are."""
        return "prompts", tables["prompts"].height

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


def prompts_of(stage: str, tables: Tables, answers: str) -> tuple[str, int]:
    """What the prompts of a stage are called, and how many there are: a recipe's own, drawn ones,
    or the held-out ones, of which a small run answers only some.

    Args:
        stage: The stage of the prompts.
        tables: The tables of the recipe.
        answers: The stage that answered them.
    """
    if stage == "held_out":
        return "held-out prompts", tables[answers]["prompt_id"].n_unique()
    return "prompts" if stage == "prompts" else f"prompts of {stage}", tables[stage].height


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

    def units(self, tables: Tables) -> tuple[str, int]:
        """The prompts of the responses."""
        return prompts_of(self.prompts, tables, self.responses)
