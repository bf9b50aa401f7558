"""Pairs of which an estimator is certain, and how far each label is trusted."""

import math
from collections.abc import Mapping
from typing import Annotated, ClassVar

import polars as pl
from pydantic import Field

from filters.confidence.margins import entropy, probability
from filters.filter import Filter, refused
from schemas import Pairs, Scores, Split, Table, Takes, content_id


class Uncertainty(Filter):
    """Samples the ``keep`` share of the pairs, rather those of which an estimator is certain.

    Stage ``by`` scored the responses several times with dropout on, each pass under an annotator's
    name of its own. Pass t prefers the chosen side with probability p_t = σ(r_t(w) − r_t(l)). What
    one would learn from knowing the right pass is the gain B = H(mean p_t) − mean H(p_t), in bits:
    0 where all passes say the same, 1 where half of them are sure of either side. How large gains
    are depends on how much is dropped out (with a tenth: thousandths of a bit), so a pair's
    uncertainty U is its gain in parts of the largest of all pairs.

    Pairs are drawn without replacement, the next each time with a probability in proportion to
    1 − U (Efraimidis & Spirakis 2006); the draw depends on ``seed`` and the pairs' ids and gains
    alone. A pair that is kept weighs 1 − α with α = ``smoothing`` · U, so the more uncertain it is
    the smoother its label. A pair that fewer than two passes scored is dropped and not counted.

    Source: Wang et al. 2024, UPO (arXiv:2409.11212). There pairs are drawn by 1 − B, which is all
    but blindly where gains are small, and α is 1 / (P + 1) with P a pair's chance to be drawn;
    chances sum to 1, so that α is never below one half and the loss prefers the rejected side. Here
    α is below one half.
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
                # Where no pair has a gain none is uncertain: 0 / 0.
                uncertainty=(pl.col("gain") / pl.col("gain").max()).fill_nan(0),
                tie_break=pl.col("pair_id").map_elements(self._uniform, return_dtype=pl.Float64),
            )
        )
        known = judged.filter(pl.col("passes") >= 2)
        room = math.ceil(round(self.keep * known.height, 6))
        # Lots are u^(1/w); in the order of ln(u) / w, which for w = 0 is −∞: the last.
        tie_break = pl.col("tie_break").log() / (1 - pl.col("uncertainty"))
        drawn = known.sort(-tie_break, "pair_id").head(room)["pair_id"]
        judged = judged.with_columns(
            reason=pl.when(pl.col("passes") < 2)
            .then(pl.lit("scored by fewer than two passes"))
            .when(~pl.col("pair_id").is_in(drawn.implode()))
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
        """A number in (0, 1) that belongs to the pair and the seed."""
        return (int(content_id(self.seed, pair_id)[:13], 16) + 0.5) / 16**13


def _gains(pairs: pl.DataFrame, scores: pl.DataFrame) -> pl.DataFrame:
    """``pair_id``; ``passes``, those that scored both sides; ``p``, their mean; ``gain``, B."""
    read = scores.filter(pl.col("step").is_null() & pl.col("value").is_not_null()).select(
        "response_id", "annotator", "value"
    )
    sides = pairs.select("pair_id", "chosen_id", "rejected_id")
    p = pl.col("p")
    return (
        sides.join(read, left_on="chosen_id", right_on="response_id")
        .join(read, left_on=["rejected_id", "annotator"], right_on=["response_id", "annotator"])
        .sort("pair_id", "annotator")
        .with_columns(p=probability(pl.col("value") - pl.col("value_right")))
        .group_by("pair_id", maintain_order=True)
        .agg(passes=pl.len(), p=p.mean(), within=entropy(p).mean())
        # Passes that say the same leave the error of floats (1e-16), and that is no gain.
        .select("pair_id", "passes", "p", gain=(entropy(p) - pl.col("within")).round(12).abs())
    )
