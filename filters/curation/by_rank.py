"""Responses by their rank among those to the same prompt."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import polars as pl
from pydantic import Field, model_validator

from filters.filter import Filter, refused_by_reason
from filters.pairing import mean_scores, scored, tie_break
from schemas import Findings, Responses, Scores, Split, StageReport, Table, Takes

Share = Annotated[float, Field(ge=0, le=1)]


class ByRank(Filter):
    """Keeps responses by their rank within the prompt, the best first, by the scores of stage
    ``by``.

    | ``keep`` | kept |
    |---|---|
    | ``best`` | the best response |
    | ``best_worst`` | the best and the worst |
    | ``best_random`` | the best and a random one of the others |
    | ``outside`` | all but those whose place lies in ``band`` |

    The score of a response is the mean of its scores as a whole, without errors. The place of the
    i-th of k responses is (i − 1)/(k − 1): 0 is the best, 1 the worst. ``band`` is its lowest and
    highest dropped place, as in ``[0.25, 0.75]``. Ties and random ones are drawn with ``seed``, and
    do not depend on the order of the rows. A response is dropped if it has no score, or if no other
    response to its prompt has one.

    With ``truth``, a stage of scores that no rule looks at, the findings have R² of a linear
    regression of the truth on the score, over all responses that have both and over the kept ones
    of them: the squared correlation, in [0, 1], None if all scores or all truths are equal. So
    rules can be compared before a policy is trained. It says little of responses to prompts that
    the scores were learnt from.

    Source: Zhang et al. 2024, Policy Filtration (arXiv:2409.06957), for the first three rules and
    R². Its public code draws what PPO learns from, with 0.4 for the best and 0.1 for each of four
    others in place of one random one. That R² is over single responses is a reading.
    """

    gives: ClassVar[type[Table] | None] = Responses
    unit: ClassVar[str] = "response_id"
    one_prompt: ClassVar[bool] = True

    of: Annotated[str, Takes(Responses)]
    by: Annotated[str, Takes(Scores)]
    keep: Literal["best", "best_worst", "best_random", "outside"]
    band: tuple[Share, Share] | None = None
    truth: Annotated[str | None, Takes(Scores)] = None
    seed: int = 0

    @model_validator(mode="after")
    def _band_fits(self) -> "ByRank":
        if (self.keep == "outside") != (self.band is not None):
            raise ValueError("keep: outside needs a band, and no other rule has one")
        if self.band is not None and self.band[0] > self.band[1]:
            raise ValueError(f"the band ends at {self.band[1]}, before it begins")
        return self

    @property
    def by_prompt(self) -> bool:
        """R² is of all rows."""
        return self.truth is None

    def run(self, tables: Mapping[str, pl.DataFrame], context: Any = None) -> Split:
        split = super().run(tables, context)
        if self.truth is None:
            return split
        both = mean_scores(tables[self.by]).join(
            mean_scores(tables[self.truth]).select("response_id", truth="value"), on="response_id"
        )
        of_all = both.join(tables[self.of], on="response_id", how="semi")
        kept = both.join(split.kept, on="response_id", how="semi")
        findings: Findings = {
            "R² of truth and score, all": determination(of_all["value"], of_all["truth"]),
            "R² of truth and score, kept": determination(kept["value"], kept["truth"]),
        }
        return split.with_report(StageReport(findings=findings))

    def choose(self, tables: Mapping[str, pl.DataFrame]) -> Split:
        responses = tables[self.of]
        ids = responses.select("response_id", "prompt_id").with_columns(
            tie=tie_break("response_id", self.seed), lot=tie_break("response_id", self.seed + 1)
        )
        ranked = scored(ids, tables[self.by]).rename({"value": "score"})
        has_score = pl.col("score").is_not_null()
        ranked = ranked.with_columns(scored=has_score.sum().over("prompt_id"))
        order = pl.struct(-pl.col("score"), "tie").rank("ordinal").over("prompt_id", has_score)
        ranked = ranked.with_columns(rank=pl.when(has_score).then(order))
        ranked = ranked.with_columns(
            reason=pl.when(~has_score)
            .then(pl.lit("no score"))
            .when(pl.col("scored") == 1)
            .then(pl.lit("no other response of its prompt has a score"))
            .when(~self._kept())
            .then(pl.lit("rank not kept"))
        )
        return Split(
            responses.filter(ranked["reason"].is_null()),
            refused_by_reason(ranked, "response_id", "rank", "score", "scored"),
        )

    def _kept(self) -> pl.Expr:
        rank, last = pl.col("rank"), pl.col("scored")
        best = rank == 1
        if self.band is not None:
            place = (rank - 1) / (last - 1)
            return ~place.is_between(*self.band)
        match self.keep:
            case "best_worst":
                return best | (rank == last)
            case "best_random":
                # Another seed than that of ties, or it would be the first of the worst ones' ties.
                drawn = pl.when(rank > 1).then("lot").rank("ordinal").over("prompt_id")
                return best | (drawn == 1)
        return best


def determination(scores: pl.Series, truths: pl.Series) -> float | None:
    """R² of a linear regression of ``truths`` on ``scores``, where both are known."""
    # Sorted, so that the order of rows does not change the last digits.
    points = pl.DataFrame([scores.alias("x"), truths.alias("y")]).drop_nulls().sort("x", "y")
    x, y = (points[name].to_numpy().astype(np.float64) for name in ("x", "y"))
    if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    return float(np.corrcoef(x, y)[0, 1] ** 2)
