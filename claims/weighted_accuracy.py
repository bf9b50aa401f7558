"""Does more of the loss push towards the right answers?"""

from collections.abc import Mapping

import polars as pl

from assets.project.intervals import compared
from assets.project.label_truth import pair_labels
from assets.project.measure import Figures, Measure, Tables, UnmeasurableError


class WeightedAccuracy(Measure):
    """The share of the weights' push that goes towards the right answer, over the pairs with
    exactly one right answer.

    A pair of confidence C has the loss C·L(chosen, rejected) + (1−C)·L(rejected, chosen). At the
    start of training it pushes towards its chosen side by 2C − 1 (twice the gradient when both
    sides are equally likely). So with C below 1/2 it pushes towards its rejected side. If all pairs
    have the same weight above 1/2, the share is that of the correctly labelled pairs.
    """

    def figures(self, tables: Tables, control: Tables, *, checks: Mapping[str, str]) -> Figures:
        control_stage = self.required_control()
        ours = _pushes(tables[self.of], tables["prompts"], checks, self.of)
        theirs = _pushes(
            control[control_stage], control["prompts"], checks, f"control {control_stage}"
        )
        both = compared(ours, theirs)
        return Figures.of(
            both,
            f"{both.measured:.1%} of what {ours['pairs'].sum():,} decided pairs push is pushed "
            f"towards the right answer, of the control's {theirs['pairs'].sum():,} "
            f"{both.control:.1%}: {both}",
        )


def _pushes(
    pairs: pl.DataFrame, prompts: pl.DataFrame, checks: Mapping[str, str], name: str
) -> pl.DataFrame:
    """For each prompt: ``count``, the push of its decided pairs, ``hits``, the part of it that goes
    towards right answers, and the number of ``pairs``."""
    chosen_right = pl.Series("label", pair_labels(pairs, prompts, checks), dtype=pl.Boolean)
    push = 2 * pl.col("weight") - 1
    pushes = (
        pairs.select("prompt_id", "weight", chosen_right)
        .drop_nulls("label")
        .group_by("prompt_id")
        .agg(
            count=push.abs().sum(),
            hits=push.abs().filter((push > 0) == pl.col("label")).sum(),
            pairs=pl.len(),
        )
    )
    if not pushes["count"].sum():
        raise UnmeasurableError(
            f"{name} holds {pairs.height:,} pairs, and of none that prefers a side is it known "
            "that just one is right"
        )
    return pushes
