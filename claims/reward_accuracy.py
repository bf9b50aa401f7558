"""Does a score rank right responses above wrong ones?"""

from collections.abc import Mapping

import polars as pl
from pydantic import Field

from assets.project.intervals import compared
from assets.project.label_truth import ranked_pairs
from assets.project.measure import Curve, Figures, MeasureOfScores, Plot, Tables, UnmeasurableError


class RewardAccuracy(MeasureOfScores):
    """The share of (right, wrong) pairs of responses to one prompt that the scores of stage ``of``
    rank correctly; a tie counts half.

    All such pairs count, so the result does not depend on a pairing rule. Without a control the
    comparison is with 1/2, which is chance. The claim holds if the interval of the difference is
    above −``within``. ``also`` names more stages of scores, each with the stage of its responses to
    the same prompts; ``says`` shows their shares.

    ``curves`` names the stages of scores of these responses for growing numbers ``along`` an axis,
    such as the judgements behind a score: {curve: {number: stage}}. They are plotted and told.
    """

    within: float = Field(default=0.0, ge=0, le=1)
    also: Mapping[str, str] = Field(default_factory=dict)
    curves: Mapping[str, Mapping[int, str]] = Field(default_factory=dict)
    along: str = "votes"

    def stages(self) -> list[str]:
        along = [stage for each in self.curves.values() for stage in each.values()]
        return [*super().stages(), *self.also, *self.also.values(), *along]

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
            hits, pairs = self._ranked(tables, stage, of, checks)
            if pairs:
                others += f"; by {stage} {hits / pairs:.1%} of {pairs:,.0f}"
        curves = [
            Curve(
                "ranked rightly",
                name,
                tuple(
                    (number, hits / pairs)
                    for number, stage in sorted(stages.items())
                    for hits, pairs in [self._ranked(tables, stage, self.responses, checks)]
                    if pairs
                ),
            )
            for name, stages in self.curves.items()
        ]
        for curve in curves:
            points = ", ".join(f"{number} {share:.1%}" for number, share in curve.points)
            others += f"; {curve.name} by {self.along}: {points}"
        return Figures.of(
            both,
            f"of {both.count:,.0f} pairs of a right and a wrong response {both.measured:.1%} "
            f"are ranked rightly, by the control {both.control:.1%}: {both}{others}",
            boundary=-self.within,
            plot=Plot(self.along, tuple(curves)) if curves else None,
        )

    def _ranked(
        self, tables: Tables, stage: str, of: str, checks: Mapping[str, str]
    ) -> tuple[float, float]:
        """How many pairs the scores of ``stage`` rank correctly, and of how many."""
        ranked = ranked_pairs(tables[of], tables[stage], tables[self.prompts], checks)
        return sum(ranked["hits"].to_list()), sum(ranked["count"].to_list())
