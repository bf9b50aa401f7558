"""The strength with which an ensemble prefers the chosen side of each pair, and its use."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import polars as pl
from pydantic import Field, model_validator

from filters.confidence.margins import probability, standard_margins
from filters.confidence.relabel import turned_where
from filters.cut_off import CutAnswer, turned_refusal
from filters.filter import Filter, refused
from schemas import Pairs, Scores, Split, Table, Takes

Action = Literal["keep", "flip", "soften", "drop", "margin"]


class PreferenceStrength(Filter):
    """Treats each pair by the strength with which an ensemble prefers its chosen side.

    The ``by`` stages of scores are the ensemble. A member's preference is its margin, in standard
    deviations of all its scores. The strength of a pair is the mean over the members that scored
    both sides; at least two must have. There are three bands, with an action for each:

    - ``wrong``: strength below ``wrong_below``; the label is probably false,
    - ``ambiguous``: strength below ``ambiguous_below``,
    - ``strong``: the rest.

    ``keep`` keeps the weight of the pair and sets no margin. ``flip`` does the same with the sides
    exchanged, unless the new chosen side was cut off: then the pair is dropped (``cut: keep``
    keeps it). ``soften`` sets the weight to σ(strength), the ensemble's belief in the label.
    ``margin`` sets the margin to the strength, for a loss with margins. ``drop`` drops the pair.

    Source: Wang et al. 2024, Secrets of RLHF Part II (arXiv:2401.06080), section 2: the ensemble
    with its mean and spread, flipping the lowest band, soft labels and adaptive margins. The paper
    defines bands by their share of its data set; thresholds mean the same in every data set.
    """

    gives: ClassVar[type[Table] | None] = Pairs
    unit: ClassVar[str] = "pair_id"

    of: Annotated[str, Takes(Pairs)]
    by: Annotated[tuple[str, ...], Takes(Scores)] = Field(min_length=2)
    wrong_below: float = -0.5
    ambiguous_below: float = 0.5
    wrong: Action = "flip"
    ambiguous: Action = "soften"
    strong: Action = "margin"
    cut: CutAnswer = "refuse"

    @model_validator(mode="after")
    def _fits(self) -> "PreferenceStrength":
        if self.wrong_below > self.ambiguous_below:
            raise ValueError("'wrong_below' must not be above 'ambiguous_below'")
        if len(set(self.by)) < len(self.by):
            raise ValueError(f"'by' names a stage twice: {', '.join(self.by)}")
        return self

    def choose(self, tables: Mapping[str, pl.DataFrame]) -> Split:
        pairs = tables[self.of]
        members = pl.DataFrame({name: standard_margins(pairs, tables[name]) for name in self.by})
        each = pl.concat_list(self.by).list.drop_nulls()
        flips = pl.col("action") == "flip"
        judged = (
            members.select(
                members=each.list.len(), strength=each.list.mean(), spread=each.list.std(ddof=0)
            )
            .with_columns(
                band=pl.when(pl.col("strength") < self.wrong_below)
                .then(pl.lit("wrong"))
                .when(pl.col("strength") < self.ambiguous_below)
                .then(pl.lit("ambiguous"))
                .otherwise(pl.lit("strong"))
            )
            .with_columns(
                action=pl.col("band").replace_strict(
                    {band: getattr(self, band) for band in ("wrong", "ambiguous", "strong")}
                )
            )
            .with_columns(pairs.select("ends", "shared_prefix"))
            .with_columns(
                reason=pl.when(pl.col("members") < 2)
                .then(pl.lit("scored by fewer than two members"))
                .when(pl.col("action") == "drop")
                .then(pl.lit("label is ") + pl.col("band"))
                .otherwise(turned_refusal(self.cut, flips))
            )
        )
        action, strength = pl.lit(judged["action"]), pl.lit(judged["strength"])
        treated = turned_where(pairs, judged.select(flips).to_series()).with_columns(
            margin=pl.when(action == "margin").then(strength),
            weight=pl.when(action == "soften")
            .then(probability(strength))
            .otherwise(pl.col("weight")),
        )
        kept = judged["reason"].is_null()
        return Split(
            treated.filter(kept),
            refused(
                judged.with_columns(pairs["pair_id"]).filter(~kept),
                "pair_id",
                pl.col("reason"),
                **{name: pl.col(name) for name in ("members", "strength", "spread")},
            ),
        )
