"""Are injected errors small, and errors?"""

from collections.abc import Mapping

import polars as pl
from pydantic import Field

from assets.project.intervals import compared
from assets.project.label_truth import by_prompt, pair_labels
from assets.project.measure import Figures, Measure, Tables, UnmeasurableError
from filters.pairs.edits import changed


class InjectedErrors(Measure):
    """The share of pairs that differ in at most ``most_changed`` of their tokens
    (`filters.pairs.edits`) and of which the chosen side is right and the rejected wrong, by the
    check of their source.

    It holds where that is at least ``at_least``, and surely more often so than in the control's
    pairs (those that sampling gives). ``edits`` names the stage of which ``of`` was chosen, to
    tell how many were dropped. A pair whose truth cannot be known counts as one that is not so.
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
        self, pairs: pl.DataFrame, prompts: pl.DataFrame, checks: Mapping[str, str], what: str
    ) -> pl.DataFrame:
        if pairs.is_empty():
            raise UnmeasurableError(f"{what} holds no pair")
        said = [
            pairs[side].list.last().struct.field("content").alias(side)
            for side in ("chosen", "rejected")
        ]
        flipped = [label is True for label in pair_labels(pairs, prompts, checks)]
        small = changed(*said) <= self.most_changed
        flips = pairs.select("prompt_id", hit=pl.Series(flipped, dtype=pl.Boolean) & small)
        return by_prompt(flips, pl.col("hit"))
