"""Which pairs scores predict."""

import polars as pl

from assets.project.label_truth import mean_scores

SIDES = ("chosen", "rejected")


def hits() -> pl.Expr:
    """1 if the chosen response of a row of `rewarded` scores higher, 1/2 if they tie, else 0."""
    more = pl.col("chosen_value") > pl.col("rejected_value")
    tied = pl.col("chosen_value") == pl.col("rejected_value")
    return more.cast(pl.Float64) + tied.cast(pl.Float64) / 2


def rewarded(pairs: pl.DataFrame, scores: pl.DataFrame) -> pl.DataFrame:
    """The pairs with ``chosen_value`` and ``rejected_value``.

    A score by an annotator of the name of the pair's ``group`` counts for that group only;
    otherwise the mean of all scores of a response counts.

    Args:
        pairs: With ``pair_id``, ``chosen_id``, ``rejected_id`` and ``group``.
        scores: Rows of `schemas.Scores` or of `schemas.RewardEvaluations`.
    """
    if "chosen_after" in scores.columns:
        rewards = {f"{side}_value": f"{side}_after" for side in SIDES}
        return pairs.join(scores.select("pair_id", **rewards), on="pair_id")
    mean = mean_scores(scores).rename({"value": "mean"})
    own = scores.filter(pl.col("step").is_null()).select("response_id", "annotator", own="value")
    for side in SIDES:
        pairs = (
            pairs.join(mean, left_on=f"{side}_id", right_on="response_id", how="left")
            .join(
                own,
                left_on=[f"{side}_id", "group"],
                right_on=["response_id", "annotator"],
                how="left",
            )
            .with_columns(pl.coalesce("own", "mean").alias(f"{side}_value"))
            .drop("own", "mean")
        )
    return pairs
