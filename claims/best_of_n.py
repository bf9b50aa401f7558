"""Is the response with the highest reward right more often than the majority vote?"""

from collections.abc import Mapping

import polars as pl

from assets.project.intervals import compared
from assets.project.label_truth import known_responses
from assets.project.measure import Figures, MeasureOfScores, Tables, UnmeasurableError
from filters.demonstrations.majority_vote import MajorityVote
from filters.pairing import scored, tie_break


class BestOfNGain(MeasureOfScores):
    """The share of prompts for which the response with the highest score of stage ``of`` is right.

    Ties are broken at random. It is compared with the same share by the control's scores. Without a
    control it is compared with the majority vote of the responses (`filters.MajorityVote`). The
    result always shows the majority vote. A prompt without a score, or without a vote, counts as
    wrong. ``also`` names more stages of scores of the same responses; ``says`` shows their shares.
    """

    also: tuple[str, ...] = ()

    def stages(self) -> list[str]:
        return [*super().stages(), *self.also]

    def figures(self, tables: Tables, control: Tables, *, checks: Mapping[str, str]) -> Figures:
        truth = self._truth(tables, checks)
        best = _best(tables[self.responses], tables[self.of])
        ours = _answered(truth, best)
        votes = MajorityVote(of="responses").run({"responses": tables[self.responses]}).kept
        vote = _answered(truth, votes)
        if self.control is None:
            theirs, against = vote, "majority vote"
        else:
            other = _best(control[self.responses], control[self.control])
            theirs, against = _answered(self._truth(control, checks), other), "the control's best"
        if not ours.height or not theirs.height:
            raise UnmeasurableError("of no response is it known whether it is right")
        both = compared(ours, theirs)
        one, any_right = (
            float(truth.group_by("prompt_id").agg(aggregate)["right"].to_numpy().mean())
            for aggregate in (pl.col("right").mean(), pl.col("right").any().cast(pl.Float64))
        )
        others = ""
        for stage in self.also:
            other = _answered(truth, _best(tables[self.responses], tables[stage]))
            others += f"; by {stage} for {compared(other, vote).measured:.1%}"
        each = truth.height / ours.height
        voted = ""
        if self.control is not None:
            against_vote = compared(ours, vote)
            voted = f"; majority vote for {against_vote.control:.1%}: {against_vote}"
        return Figures.of(
            both,
            f"the best of {each:.3g} is right for {both.measured:.1%} of {ours.height:,} "
            f"prompts, {against} for {both.control:.1%}: {both}{voted}{others}; one response for "
            f"{one:.1%}, some response for {any_right:.1%}",
        )

    def _truth(self, tables: Mapping[str, pl.DataFrame], checks: Mapping[str, str]) -> pl.DataFrame:
        """The responses whose truth is known, with ``right``."""
        return known_responses(tables[self.responses], tables[self.prompts], checks)


def _best(responses: pl.DataFrame, scores: pl.DataFrame) -> pl.DataFrame:
    """The response of each prompt with the highest score."""
    rated = scored(responses.select("prompt_id", "response_id"), scores).drop_nulls("value")
    return (
        rated.with_columns(tie_break=tie_break("response_id"))
        .sort("prompt_id", -pl.col("value"), "tie_break")
        .unique("prompt_id", keep="first", maintain_order=True)
    )


def _answered(truth: pl.DataFrame, chosen: pl.DataFrame) -> pl.DataFrame:
    """One row a prompt: ``hits`` is 1 if the chosen response is right, and ``count`` is 1."""
    picked = truth.join(chosen, on="response_id", how="semi").select("prompt_id", hits="right")
    return (
        truth.select("prompt_id")
        .unique()
        .join(picked, on="prompt_id", how="left")
        .select(
            "prompt_id",
            hits=pl.col("hits").fill_null(False).cast(pl.Float64),
            count=pl.lit(1.0),
        )
    )
