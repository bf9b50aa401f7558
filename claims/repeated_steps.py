"""Does repeating a step raise the score?"""

from collections.abc import Mapping

import polars as pl
from pydantic import Field

from assets.project.intervals import compared
from assets.project.label_truth import by_prompt
from assets.project.measure import Figures, Measure, Tables, UnmeasurableError
from filters.pairing import mean_scores

ROUNDING = 1e-6
"""A smaller rise does not count: scores of the same text differ by as much between batches."""


class RepeatedSteps(Measure):
    """The share of responses whose score rises when one of their steps is repeated.

    Stage ``of`` scores the responses. Stage ``repeated`` scores the responses of stage ``edits``
    (`generators.RepeatStep`), each of which names its original. The scores are of whole responses.

    The share is compared with that of the control's scores and ``control_repeated``. The claim
    holds if it is at most ``at_most`` and significantly lower than the control's. ``says`` adds the
    mean change of the scores. ``also`` names more stages of scores of the responses, each with its
    stage of scores of the edits; ``says`` shows their shares too.
    """

    repeated: str
    edits: str
    control_repeated: str | None = None
    at_most: float = Field(default=1.0, ge=0, le=1)
    also: Mapping[str, str] = Field(default_factory=dict)

    def stages(self) -> list[str]:
        others = [stage for both in self.also.items() for stage in both]
        return [self.of, self.repeated, self.edits, *others]

    def control_stages(self) -> list[str]:
        names = [self.control, self.control_repeated]
        return [stage for stage in names if stage is not None] + [self.edits]

    def figures(self, tables: Tables, control: Tables, *, checks: Mapping[str, str]) -> Figures:
        if self.control is None or self.control_repeated is None:
            raise UnmeasurableError(
                "RepeatedSteps compares with other scores: name 'control' and 'control_repeated'"
            )
        edits = tables[self.edits]
        ours = self._changes(edits, tables[self.of], tables[self.repeated])
        theirs = self._changes(
            control[self.edits], control[self.control], control[self.control_repeated]
        )
        both = compared(_raised(ours), _raised(theirs))
        others = [
            f"; {stage} of {_summary(self._changes(edits, tables[stage], tables[repeated]))}"
            for stage, repeated in self.also.items()
        ]
        return Figures.of(
            both,
            f"saying a step twice raises the score of {_summary(ours)}, the control's of "
            f"{_summary(theirs)}: {both}{''.join(others)}",
            held=both.measured <= self.at_most and both.high < 0,
            below=True,
        )

    def _changes(
        self, edits: pl.DataFrame, before: pl.DataFrame, after: pl.DataFrame
    ) -> pl.DataFrame:
        """The ``prompt_id`` of each edit, and the ``change`` of its score from its parent's."""
        parent = pl.col("origin").struct.field("parents").list.first()
        changes = (
            edits.select("prompt_id", "response_id", parent=parent)
            .join(mean_scores(after).select("response_id", after="value"), on="response_id")
            .join(
                mean_scores(before).select("response_id", before="value"),
                left_on="parent",
                right_on="response_id",
            )
            .select("prompt_id", change=pl.col("after") - pl.col("before"))
            .drop_nulls()
        )
        if changes.is_empty():
            raise UnmeasurableError(f"no response of {self.edits} is scored before and after")
        return changes


def _raised(changes: pl.DataFrame) -> pl.DataFrame:
    """For each prompt: ``count`` edits, of which ``hits`` have a higher score."""
    return by_prompt(changes, pl.col("change") > ROUNDING)


def _summary(changes: pl.DataFrame) -> str:
    rose = float((changes["change"] > ROUNDING).to_numpy().mean())
    mean = float(changes["change"].to_numpy().mean())
    return f"{rose:.1%} of {changes.height:,} responses ({mean:+.3f} on average)"
