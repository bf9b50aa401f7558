"""Does more of the loss push the right way?"""

from collections.abc import Mapping

import polars as pl

from assets.project.intervals import compared
from assets.project.label_truth import pair_labels
from assets.project.measure import Figures, Measure, Tables, UnmeasurableError


class WeightedAccuracy(Measure):
    """The share of what the weights push that is pushed towards the right answer, over the pairs in
    which just one of the two is right.

    A pair of confidence C, which costs C·L(chosen, rejected) + (1−C)·L(rejected, chosen), pushes
    towards its chosen side by 2C − 1 at first (twice the gradient where both are equally likely),
    so below one half towards its rejected side. Where all pairs weigh 1, and wherever all weigh the
    same above one half, it is the share of pairs that are labelled truly.
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
    pairs: pl.DataFrame, prompts: pl.DataFrame, checks: Mapping[str, str], what: str
) -> pl.DataFrame:
    """For each prompt: ``count``, all that its decided pairs push, ``hits``, what of it is pushed
    the right way, and how many ``pairs`` those are."""
    chosen_right = pl.Series("label", pair_labels(pairs, prompts, checks), dtype=pl.Boolean)
    push = 2 * pl.col("weight") - 1
    found = (
        pairs.select("prompt_id", "weight", chosen_right)
        .drop_nulls("label")
        .group_by("prompt_id")
        .agg(
            count=push.abs().sum(),
            hits=push.abs().filter((push > 0) == pl.col("label")).sum(),
            pairs=pl.len(),
        )
    )
    if not found["count"].sum():
        raise UnmeasurableError(
            f"{what} holds {pairs.height:,} pairs, and of none that prefers a side is it known "
            "that just one is right"
        )
    return found
