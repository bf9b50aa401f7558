"""Do scores fall when responses get worse?"""

from collections.abc import Mapping

import polars as pl

from assets.project.intervals import compared
from assets.project.label_truth import by_prompt, mean_scores
from assets.project.measure import Figures, Measure, Tables, UnmeasurableError
from filters.pairs.graded_pairs import levels


class GradedScores(Measure):
    """Kendall's rank correlation (τ-a) between a response's quality and its score.

    Stage ``degraded`` has degraded versions of responses. A pair of versions of one response is
    concordant if the scores of stage ``of`` rank the less degraded one higher. The correlation is
    the number of concordant pairs minus that of discordant pairs, divided by all pairs, in [−1, 1];
    a tie counts for neither. ``control`` names other scores of the same versions; without it the
    comparison is with 0, which is chance.
    """

    degraded: str = "degraded"

    def stages(self) -> list[str]:
        return [self.of, self.degraded]

    def control_stages(self) -> list[str]:
        return [] if self.control is None else [self.control, self.degraded]

    def figures(self, tables: Tables, control: Tables, *, checks: Mapping[str, str]) -> Figures:
        ours = ranked(tables[self.degraded], tables[self.of])
        if self.control is None:
            theirs = ours.with_columns(hits=pl.lit(0.0))
        else:
            theirs = ranked(control[self.degraded], control[self.control])
        if not ours["count"].sum() or not theirs["count"].sum():
            raise UnmeasurableError("no response has two degraded versions with scores")
        both = compared(ours, theirs)
        return Figures(
            both.measured,
            None if self.control is None else both.control,
            both.low,
            both.high,
            held=both.low > 0,
            says=(
                f"over {both.count:,.0f} pairs of versions of one response, scores fall with the "
                f"level to a rank correlation of {both.measured:+.2f}, the control's of "
                f"{both.control:+.2f}: difference {both.measured - both.control:+.2f} "
                f"[{both.low:+.2f}, {both.high:+.2f}]"
            ),
        )


def ranked(degraded: pl.DataFrame, scores: pl.DataFrame) -> pl.DataFrame:
    """One row a prompt: ``count`` pairs of scored versions of one response with different levels,
    and ``hits``, the concordant pairs minus the discordant ones."""
    versions = levels(degraded).join(mean_scores(scores).drop_nulls(), on="response_id")
    versions = versions.select("prompt_id", "original", "level", "value")
    worse = versions.rename({"level": "worse_level", "value": "worse_value"}).drop("prompt_id")
    pairs = versions.join(worse, on="original").filter(pl.col("level") < pl.col("worse_level"))
    lead = (pl.col("value") - pl.col("worse_value")).sign()
    return by_prompt(pairs, lead)
