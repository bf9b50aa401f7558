"""Does a verdict turn where the preference turns?"""

from collections.abc import Mapping

import polars as pl

from assets.project.intervals import compared
from assets.project.measure import Figures, Measure, Tables, UnmeasurableError
from claims.pair_hits import SIDES, hits, rewarded


class TurnedVerdicts(Measure):
    """Of the pairs of responses that are preferred in opposite ways in two contexts, the share for
    which the scores of stage ``of`` predict both preferences, less that for which they predict
    neither: how often a verdict turns with the context, less how often it turns against it.

    ``pairs`` names the stage of pairs that state the preferences, in context; ``of`` their rewards
    (`trainers.RewardAccuracy`), which are of the responses in that context. A tie is neither right
    nor wrong. A verdict that does not turn is right once and wrong once, so a reward that does not
    read the context reaches 0, and so does one that turns by chance. ``says`` adds the share of
    single preferences that are predicted. It is compared with the figure of the control.
    """

    pairs: str = "pairs"

    def stages(self) -> list[str]:
        return [self.of, self.pairs]

    def control_stages(self) -> list[str]:
        return [] if self.control is None else [self.control, self.pairs]

    def units(self, tables: Tables) -> tuple[str, int]:
        """The prompts of the pairs."""
        return "held-out prompts", tables[self.pairs]["prompt_id"].n_unique()

    def figures(self, tables: Tables, control: Tables, *, checks: Mapping[str, str]) -> Figures:
        control_stage = self.required_control()
        ours = _verdicts(tables[self.pairs], tables[self.of])
        theirs = _verdicts(control[self.pairs], control[control_stage])
        turned, control_turned = _turned(ours), _turned(theirs)
        if turned.is_empty() or control_turned.is_empty():
            raise UnmeasurableError(
                f"no two pairs of stage {self.pairs} with rewards prefer the same responses to a "
                "prompt in opposite ways"
            )
        both = compared(turned, control_turned)
        return Figures.of(
            both,
            f"of {both.count:,.0f} pairs of responses that two contexts prefer in opposite ways, "
            f"the verdict turns with the context, less against it, in {both.measured:.1%}, by the "
            f"control in {both.control:.1%}: {both}; of single preferences {_share(ours):.1%} are "
            f"predicted, by the control {_share(theirs):.1%}",
        )


def _verdicts(pairs: pl.DataFrame, scores: pl.DataFrame) -> pl.DataFrame:
    """``prompt_id``, the texts of both sides, and ``hit``, of each pair that has rewards."""
    texts = {side: pl.col(side).list.last().struct.field("content") for side in SIDES}
    ids = ("pair_id", "prompt_id", "chosen_id", "rejected_id")
    texts_of_pairs = pairs.select(*ids, **texts, group=pl.lit(None, pl.String))
    scored = rewarded(texts_of_pairs, scores).drop_nulls([f"{side}_value" for side in SIDES])
    return scored.select("prompt_id", *SIDES, hit=hits())


def _share(verdicts: pl.DataFrame) -> float:
    return float(verdicts["hit"].to_numpy().mean())


def _turned(verdicts: pl.DataFrame) -> pl.DataFrame:
    """``hits`` and ``count`` of each prompt: the pairs of texts that are preferred in opposite
    ways, and of how many of them both preferences are predicted, less those of which neither."""
    other = verdicts.select("prompt_id", chosen="rejected", rejected="chosen", other="hit")
    both = verdicts.join(other, on=["prompt_id", *SIDES])
    # Each two of them meet twice.
    once = both.filter(pl.col("chosen") < pl.col("rejected"))
    right, wrong = (
        ((pl.col("hit") == verdict) & (pl.col("other") == verdict)).cast(pl.Float64)
        for verdict in (1, 0)
    )
    return once.group_by("prompt_id").agg(
        hits=(right - wrong).sum(), count=pl.len().cast(pl.Float64)
    )
