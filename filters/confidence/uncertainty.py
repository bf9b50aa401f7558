"""Samples pairs by the certainty of an estimator, and smooths uncertain labels."""

import math
from collections.abc import Mapping
from typing import Annotated, ClassVar

import polars as pl
from pydantic import Field

from filters.confidence.margins import entropy, probability
from filters.filter import Filter, refused
from schemas import Pairs, Scores, Split, Table, Takes, content_id


class Uncertainty(Filter):
    """Samples the share ``keep`` of the pairs; certain pairs are more likely to be kept.

    Stage ``by`` scored the responses several times with dropout, each pass under its own annotator
    name. Pass t prefers the chosen side with probability p_t = σ(r_t(w) − r_t(l)). The information
    gain of a pair is B = H(mean p_t) − mean H(p_t), in bits. It is 0 if all passes agree and 1 if
    half of them are sure of each side. The size of gains depends on the dropout rate (thousandths
    of a bit at 0.1). So a pair's uncertainty U is its gain divided by the largest gain of all
    pairs.

    Pairs are drawn without replacement, each with a probability proportional to 1 − U (Efraimidis &
    Spirakis 2006). The draw depends only on ``seed`` and on the ids and gains of the pairs. A kept
    pair has the weight 1 − α with α = ``smoothing`` · U: the more uncertain, the smoother its
    label. A pair scored by fewer than two passes is dropped and not counted.

    Source: Wang et al. 2024, UPO (arXiv:2409.11212). There pairs are drawn by 1 − B, which is
    almost uniform if gains are small. Its α is 1 / (P + 1) with P the probability that the pair is
    drawn; these probabilities sum to 1, so α is at least one half and the loss prefers the rejected
    side. Here α is below one half.
    """

    gives: ClassVar[type[Table] | None] = Pairs
    unit: ClassVar[str] = "pair_id"

    of: Annotated[str, Takes(Pairs)]
    by: Annotated[str, Takes(Scores)]
    keep: float = Field(default=0.5, gt=0, le=1)
    smoothing: float = Field(default=0.4, ge=0, lt=0.5)
    seed: int = 0

    def choose(self, tables: Mapping[str, pl.DataFrame]) -> Split:
        pairs = tables[self.of]
        judged = (
            pairs.select("pair_id")
            .join(_gains(pairs, tables[self.by]), on="pair_id", how="left", maintain_order="left")
            .with_columns(
                passes=pl.col("passes").fill_null(0),
                # If all gains are 0, this is 0 / 0: no pair is uncertain.
                uncertainty=(pl.col("gain") / pl.col("gain").max()).fill_nan(0),
                tie_break=pl.col("pair_id").map_elements(self._uniform, return_dtype=pl.Float64),
            )
        )
        candidates = judged.filter(pl.col("passes") >= 2)
        size = math.ceil(round(self.keep * candidates.height, 6))
        # The keys are u^(1/w), sorted here by ln(u) / w; for w = 0 that is −∞, which comes last.
        tie_break = pl.col("tie_break").log() / (1 - pl.col("uncertainty"))
        selected = candidates.sort(-tie_break, "pair_id").head(size)["pair_id"]
        judged = judged.with_columns(
            reason=pl.when(pl.col("passes") < 2)
            .then(pl.lit("scored by fewer than two passes"))
            .when(~pl.col("pair_id").is_in(selected.implode()))
            .then(pl.lit("not drawn"))
        )
        kept = judged["reason"].is_null()
        return Split(
            pairs.with_columns(weight=1 - self.smoothing * judged["uncertainty"]).filter(kept),
            refused(
                judged.filter(~kept),
                "pair_id",
                pl.col("reason"),
                **{name: pl.col(name) for name in ("passes", "p", "gain")},
            ),
        )

    def _uniform(self, pair_id: str) -> float:
        """A number in (0, 1) that depends only on the pair and the seed."""
        return (int(content_id(self.seed, pair_id)[:13], 16) + 0.5) / 16**13


def _gains(pairs: pl.DataFrame, scores: pl.DataFrame) -> pl.DataFrame:
    """Columns: ``pair_id``; ``passes``, the number of passes that scored both sides; ``p``, their
    mean; ``gain``, B."""
    values = scores.filter(pl.col("step").is_null() & pl.col("value").is_not_null()).select(
        "response_id", "annotator", "value"
    )
    sides = pairs.select("pair_id", "chosen_id", "rejected_id")
    p = pl.col("p")
    return (
        sides.join(values, left_on="chosen_id", right_on="response_id")
        .join(values, left_on=["rejected_id", "annotator"], right_on=["response_id", "annotator"])
        .sort("pair_id", "annotator")
        .with_columns(p=probability(pl.col("value") - pl.col("value_right")))
        .group_by("pair_id", maintain_order=True)
        .agg(passes=pl.len(), p=p.mean(), within=entropy(p).mean())
        # Equal passes leave a rounding error (1e-16), which is not a gain.
        .select("pair_id", "passes", "p", gain=(entropy(p) - pl.col("within")).round(12).abs())
    )
