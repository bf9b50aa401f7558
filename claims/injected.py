"""Are injected errors small, and do they make right answers wrong?"""

from collections.abc import Mapping

import polars as pl
from pydantic import Field

from assets.project.intervals import compared
from assets.project.label_truth import by_prompt, pair_labels
from assets.project.measure import Figures, Measure, Tables, UnmeasurableError
from filters.pairs.edits import changed


class InjectedErrors(Measure):
    """The share of pairs with a small change that makes a right answer wrong.

    The two sides differ in at most ``most_changed`` of their tokens (`filters.pairs.edits`), and by
    the check of the source the chosen side is right and the rejected side wrong. A pair whose truth
    is not known does not count as such a pair.

    The claim holds if the share is at least ``at_least`` and significantly higher than that of the
    control's pairs, which are sampled. ``edits`` names the stage that ``of`` was chosen from, to
    show how many edits were dropped.
    """

    most_changed: float = Field(default=0.12, ge=0, le=1)
    at_least: float = Field(default=0.9, ge=0, le=1)
    edits: str | None = None

    def stages(self) -> list[str]:
        return [self.of, *([] if self.edits is None else [self.edits])]

    def figures(self, tables: Tables, control: Tables, *, checks: Mapping[str, str]) -> Figures:
        if self.control is None:
            raise UnmeasurableError("InjectedErrors compares with sampled pairs: name their stage")
        ours = self._by_prompt(tables[self.of], tables["prompts"], checks, self.of)
        theirs = self._by_prompt(
            control[self.control], control["prompts"], checks, f"control {self.control}"
        )
        both = compared(ours, theirs)
        of = "" if self.edits is None else f", kept of {tables[self.edits].height:,} edits,"
        return Figures.of(
            both,
            f"of {both.count:,.0f} injected pairs{of} {both.measured:.1%} differ in at most "
            f"{self.most_changed:.0%} of tokens and turn right into wrong (wanted: "
            f"{self.at_least:.0%}), of {both.control_count:,.0f} sampled ones "
            f"{both.control:.1%}: {both}",
            held=both.measured >= self.at_least and both.low > 0,
        )

    def _by_prompt(
        self, pairs: pl.DataFrame, prompts: pl.DataFrame, checks: Mapping[str, str], name: str
    ) -> pl.DataFrame:
        if pairs.is_empty():
            raise UnmeasurableError(f"{name} holds no pair")
        texts = [
            pairs[side].list.last().struct.field("content").alias(side)
            for side in ("chosen", "rejected")
        ]
        flipped = [label is True for label in pair_labels(pairs, prompts, checks)]
        small = changed(*texts) <= self.most_changed
        flips = pairs.select("prompt_id", hit=pl.Series(flipped, dtype=pl.Boolean) & small)
        return by_prompt(flips, pl.col("hit"))
