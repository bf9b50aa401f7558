"""Pairs on whose winner several stages of scores agree."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import polars as pl
from pydantic import Field, model_validator

from filters.confidence.margins import entropy, margins, probability, standard_margins
from filters.confidence.relabel import turned_where
from filters.cut_off import CutAnswer, turned_refusal
from filters.filter import Filter, refused
from filters.pairing import mean_scores
from schemas import Pairs, Scores, Split, Table, Takes

_NEAREST = 1e-6
"""The smallest distance of a probability from 0 and 1, where log-odds are infinite."""


class ViewsAgreement(Filter):
    """Keeps the pairs on whose winner the views agree. The winner becomes the chosen side.

    A view is a stage of scores. It prefers the chosen side with probability σ(m). For ``views``, m
    is the margin in standard deviations of the view's scores. For ``probabilities``, whose scores
    are probabilities that a response is right, m is the difference of log-odds. A view with equal
    scores votes for neither side. A view that did not score both sides does not take part.

    All views, or at least ``at_least`` of them, must vote for one side, and their mean probability
    must agree. That mean becomes the pair's weight. ``max_entropy`` limits the entropy of the mean,
    in bits (1: no limit). A pair whose new chosen side was cut off is dropped, unless
    ``cut: keep``.

    Source: Zhou et al. 2025, Self-Consistent Internal Rewards (arXiv:2502.08922): the generative
    judge and the implicit reward of one model as views of unlabelled pairs. The penalty that trains
    the views to agree is in `trainers.ConsistentViews`.
    """

    gives: ClassVar[type[Table] | None] = Pairs
    unit: ClassVar[str] = "pair_id"

    of: Annotated[str, Takes(Pairs)]
    views: Annotated[tuple[str, ...], Takes(Scores)] = ()
    probabilities: Annotated[tuple[str, ...], Takes(Scores)] = ()
    at_least: int | None = None
    max_entropy: float = Field(default=1.0, ge=0, le=1)
    cut: CutAnswer = "refuse"

    @property
    def by_prompt(self) -> bool:
        """Margins in standard deviations look at all scores; log-odds do not."""
        return not self.views

    @model_validator(mode="after")
    def _several(self) -> "ViewsAgreement":
        stages = [*self.views, *self.probabilities]
        if len(stages) < 2 or len(set(stages)) < len(stages):
            raise ValueError(
                "agreement needs two different stages or more, in 'views' and "
                f"'probabilities' together, not {stages}"
            )
        if self.at_least is not None and not len(stages) / 2 < self.at_least <= len(stages):
            raise ValueError(
                f"'at_least' must be more than half of the {len(stages)} views and no more than all"
            )
        return self

    def choose(self, tables: Mapping[str, pl.DataFrame]) -> Split:
        pairs = tables[self.of]
        preferences = pl.DataFrame(
            {name: standard_margins(pairs, tables[name]) for name in self.views}
            | {name: margins(pairs, _log_odds(name, tables[name])) for name in self.probabilities}
        )
        needed = preferences.width if self.at_least is None else self.at_least
        views = [pl.col(name) for name in preferences.columns]
        judged = preferences.select(
            *[probability(view).name.prefix("p_") for view in views],
            voices=pl.sum_horizontal(view.is_not_null() for view in views),
            chosen=pl.sum_horizontal(view > 0 for view in views),
            rejected=pl.sum_horizontal(view < 0 for view in views),
            p=pl.mean_horizontal(probability(view) for view in views),
        )
        turned = judged["rejected"] > judged["chosen"]
        confidence = pl.when(pl.lit(turned)).then(1 - pl.col("p")).otherwise(pl.col("p"))
        judged = judged.with_columns(weight=confidence).with_columns(
            entropy=entropy(pl.col("weight"))
        )
        reason = (
            pl.when(pl.col("voices") < needed)
            .then(pl.lit("scored by too few views"))
            .when((pl.max_horizontal("chosen", "rejected") < needed) | (pl.col("weight") < 0.5))
            .then(pl.lit("views disagree"))
            .when(pl.col("entropy") > self.max_entropy)
            .then(pl.lit("views are unsure"))
            .otherwise(turned_refusal(self.cut, pl.lit(turned)))
        )
        judged = judged.with_columns(pairs.select("ends", "shared_prefix")).with_columns(
            reason=reason
        )
        kept = judged["reason"].is_null()
        relabelled = turned_where(pairs, turned).with_columns(judged["weight"])
        decided = (
            "chosen",
            "rejected",
            "p",
            "entropy",
            *[f"p_{name}" for name in preferences.columns],
        )
        return Split(
            relabelled.filter(kept),
            refused(
                judged.with_columns(pairs["pair_id"]).filter(~kept),
                "pair_id",
                pl.col("reason"),
                **{name: pl.col(name) for name in decided},
            ),
        )


def _log_odds(stage: str, scores: pl.DataFrame) -> pl.DataFrame:
    values = mean_scores(scores)
    outside = values.filter(~pl.col("value").is_between(0, 1))["value"]
    if outside.len():
        raise ValueError(
            f"stage {stage!r} scored {outside[0]}, which is not a probability: name it in 'views'"
        )
    p = pl.col("value").clip(_NEAREST, 1 - _NEAREST)
    return values.select("response_id", value=(p / (1 - p)).log())
