"""What measures a recipe's claim: figures of its tables beside its control's, with an interval."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl
from pydantic import BaseModel, ConfigDict

from assets.project.intervals import Shares

Tables = Mapping[str, pl.DataFrame]
"""Tables by the names of their stages."""


class UnmeasurableError(ValueError):
    """The tables do not hold what the claim is about; the message says what is missing."""


@dataclass(frozen=True)
class Figures:
    """What a claim came to. ``low`` and ``high`` bound the difference that decides it (95 %, by a
    bootstrap over prompts); ``says`` puts it in words. The unit is the measure's own: shares are
    in [0, 1]."""

    measured: float
    control: float | None
    low: float
    high: float
    held: bool
    says: str

    @classmethod
    def of(cls, both: Shares, says: str, *, held: bool | None = None) -> "Figures":
        """Of two shares. The claim holds where the whole interval of their difference is above 0,
        unless ``held`` says otherwise."""
        held = both.low > 0 if held is None else held
        return cls(both.measured, both.control, both.low, both.high, held=held, says=says)


class Measure(BaseModel):
    """The base of measures, in a recipe's YAML as ``measure: {use: claims.Name, of: …}``.

    ``of`` names the stage that is measured. ``control`` names the one it is compared with: a stage
    of the control recipe, or of the same recipe where that has no control.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    of: str
    control: str | None = None

    def stages(self) -> list[str]:
        """The stages of the recipe that are read, besides its prompts."""
        return [self.of]

    def control_stages(self) -> list[str]:
        """The stages of the control that are read, besides its prompts."""
        return [] if self.control is None else [self.control]

    def required_control(self) -> str:
        """The stage of the control. Raises `UnmeasurableError` where none is named."""
        if self.control is None:
            raise UnmeasurableError(
                f"{type(self).__name__} compares with a control: name its stage"
            )
        return self.control

    @abstractmethod
    def figures(self, tables: Tables, control: Tables, *, checks: Mapping[str, str]) -> Figures:
        """Measure ``tables`` against ``control``, both by stage name and of the same prompts.

        ``checks``: import path of each source's check, by the source's name. Raises
        `UnmeasurableError` where there is nothing to measure.
        """


class MeasureOfScores(Measure):
    """The base of measures of a stage of scores. ``responses`` names the stage whose responses were
    scored, ``prompts`` what those answer (``held_out``: prompts that no model was trained on)."""

    responses: str = "responses"
    prompts: str = "prompts"

    def stages(self) -> list[str]:
        return [self.of, self.responses, self.prompts]

    def control_stages(self) -> list[str]:
        return [] if self.control is None else [self.control, self.responses, self.prompts]
