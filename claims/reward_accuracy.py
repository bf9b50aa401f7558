"""Does a score rank right responses above wrong ones?"""

from collections.abc import Mapping

import polars as pl
from pydantic import Field

from assets.project.intervals import compared
from assets.project.label_truth import ranked_pairs
from assets.project.measure import Figures, MeasureOfScores, Tables, UnmeasurableError


class RewardAccuracy(MeasureOfScores):
    """The share of (right, wrong) pairs of responses to one prompt that the scores of stage ``of``
    rank correctly; a tie counts half.

    All such pairs count, so the result does not depend on a pairing rule. Without a control the
    comparison is with 1/2, which is chance. The claim holds if the interval of the difference is
    above −``within``. ``also`` names more stages of scores, each with the stage of its responses to
    the same prompts; ``says`` shows their shares.
    """

    within: float = Field(default=0.0, ge=0, le=1)
    also: Mapping[str, str] = Field(default_factory=dict)

    def stages(self) -> list[str]:
        return [*super().stages(), *self.also, *self.also.values()]

    def figures(self, tables: Tables, control: Tables, *, checks: Mapping[str, str]) -> Figures:
        ours = ranked_pairs(tables[self.responses], tables[self.of], tables[self.prompts], checks)
        if self.control is None:
            theirs = ours.with_columns(hits=pl.col("count") / 2)
        else:
            theirs = ranked_pairs(
                control[self.responses], control[self.control], control[self.prompts], checks
            )
        if not ours["count"].sum() or not theirs["count"].sum():
            raise UnmeasurableError("no prompt has both a right and a wrong response with scores")
        both = compared(ours, theirs)
        others = ""
        for stage, of in self.also.items():
            other = ranked_pairs(tables[of], tables[stage], tables[self.prompts], checks)
            hits, pairs = (sum(other[name].to_list()) for name in ("hits", "count"))
            if pairs:
                others += f"; by {stage} {hits / pairs:.1%} of {pairs:,.0f}"
        return Figures.of(
            both,
            f"of {both.count:,.0f} pairs of a right and a wrong response {both.measured:.1%} "
            f"are ranked rightly, by the control {both.control:.1%}: {both}{others}",
            boundary=-self.within,
        )
