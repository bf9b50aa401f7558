"""Are more pairs labelled correctly?"""

from collections.abc import Mapping

import polars as pl

from assets.project.intervals import compared
from assets.project.label_truth import by_prompt, pair_labels
from assets.project.measure import Figures, Measure, Tables, UnmeasurableError


class LabelAccuracy(Measure):
    """The share of pairs whose chosen answer is right and whose rejected answer is wrong.

    Only pairs with exactly one right answer count: of two right or two wrong answers, neither is
    better. With ``weighted``, a correctly labelled pair of weight C counts C, and a wrongly
    labelled one counts 1 − C.
    """

    weighted: bool = False

    def figures(self, tables: Tables, control: Tables, *, checks: Mapping[str, str]) -> Figures:
        ours = self._by_prompt(tables[self.of], tables["prompts"], checks, self.of)
        control_stage = self.required_control()
        theirs = self._by_prompt(
            control[control_stage], control["prompts"], checks, f"control {control_stage}"
        )
        both = compared(ours, theirs)
        return Figures.of(
            both,
            f"{both.measured:.1%} of {both.count:,.0f} decided pairs are labelled truly, of "
            f"the control's {both.control_count:,.0f} {both.control:.1%}: {both}",
        )

    def _by_prompt(
        self, pairs: pl.DataFrame, prompts: pl.DataFrame, checks: Mapping[str, str], name: str
    ) -> pl.DataFrame:
        labels = pl.Series("label", pair_labels(pairs, prompts, checks), dtype=pl.Boolean)
        true = pl.col("label").cast(pl.Float64)
        weight = pl.col("weight") if self.weighted else pl.lit(1.0)
        decided = pairs.select("prompt_id", "weight", labels).drop_nulls("label")
        counted = by_prompt(decided, true * weight + (1 - true) * (1 - weight))
        if counted.is_empty():
            raise UnmeasurableError(
                f"{name} holds {pairs.height:,} pairs, and of none it is known that just one side "
                "is right"
            )
        return counted
