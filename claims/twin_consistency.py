"""Does a reward prefer the answer to each of two similar prompts over the answer to the other?"""

from collections.abc import Mapping

import polars as pl

from assets.project.intervals import compared
from assets.project.measure import Figures, Measure, Tables, UnmeasurableError


class TwinConsistency(Measure):
    """The share of twins that rewards rank rightly both ways: each prompt's own answer has a higher
    reward than the answer of its twin. A tie is not right.

    ``pairs`` names the stage of twins (`filters.ContrastPairs`), two pairs each, and ``of`` their
    rewards (`trainers.RewardAccuracy`). Guessing ranks a fourth rightly; a reward that does not
    read the prompt ranks none. ``says`` adds the two halves of the paper's measure: the share of
    pairs whose own answer has the higher reward for the prompt, and the share of answers whose own
    prompt gives them the higher reward. ``also`` names more stages of rewards that it tells.

    Source: Shen et al. 2023 (arXiv:2309.16155): consistency on Contrast Instructions.
    """

    pairs: str = "pairs"
    also: tuple[str, ...] = ()

    def stages(self) -> list[str]:
        return [self.of, self.pairs, *self.also]

    def control_stages(self) -> list[str]:
        return [] if self.control is None else [self.control, self.pairs]

    def units(self, tables: Tables) -> tuple[str, int]:
        """The prompts with a twin."""
        return "prompts with a twin", tables[self.pairs]["prompt_id"].n_unique()

    def figures(self, tables: Tables, control: Tables, *, checks: Mapping[str, str]) -> Figures:
        control_stage = self.required_control()
        ours = twins(tables[self.pairs], tables[self.of])
        theirs = twins(control[self.pairs], control[control_stage])
        if ours.is_empty() or theirs.is_empty():
            raise UnmeasurableError(f"no two pairs of {self.pairs} with rewards are twins")
        both = compared(*(_hits(side, "consistent") for side in (ours, theirs)))
        others = ""
        for stage in self.also:
            other = twins(tables[self.pairs], tables[stage])
            others += f"; by {stage} {_share(other, 'consistent'):.1%}"
        return Figures.of(
            both,
            f"of {both.count:,.0f} twins {both.measured:.1%} are ranked rightly both ways, by "
            f"{control_stage} {both.control:.1%}: {both}; {_halves(ours)}, by {control_stage} "
            f"{_halves(theirs)}{others}",
        )


def twins(pairs: pl.DataFrame, rewards: pl.DataFrame) -> pl.DataFrame:
    """One row for each two twins with rewards: ``prompt_id`` of one of them; ``consistent``; and
    ``answers`` and ``prompts``, the shares of comparisons of two answers to one prompt, and of one
    answer to two prompts, that are right."""
    rewarded_pairs = pairs.select("pair_id", "chosen_id", "rejected_id").join(
        rewards.select("pair_id", "prompt_id", own="chosen_after", other="rejected_after"),
        on="pair_id",
    )
    both = rewarded_pairs.join(
        rewarded_pairs,
        left_on=["chosen_id", "rejected_id"],
        right_on=["rejected_id", "chosen_id"],
        suffix="_twin",
    ).filter(pl.col("pair_id") < pl.col("pair_id_twin"))
    one, two = pl.col("own") > pl.col("other"), pl.col("own_twin") > pl.col("other_twin")
    # The twin rejects this prompt's answer, so that is its reward for the other prompt.
    first, second = pl.col("own") > pl.col("other_twin"), pl.col("own_twin") > pl.col("other")
    return both.select(
        "prompt_id",
        consistent=(one & two).cast(pl.Float64),
        answers=(one.cast(pl.Float64) + two.cast(pl.Float64)) / 2,
        prompts=(first.cast(pl.Float64) + second.cast(pl.Float64)) / 2,
    )


def _hits(consistency: pl.DataFrame, column: str) -> pl.DataFrame:
    return consistency.group_by("prompt_id").agg(
        hits=pl.col(column).sum(), count=pl.len().cast(pl.Float64)
    )


def _share(consistency: pl.DataFrame, column: str) -> float:
    return float(consistency[column].to_numpy().mean()) if consistency.height else float("nan")


def _halves(rows: pl.DataFrame) -> str:
    return (
        f"of two answers to a prompt {_share(rows, 'answers'):.1%} rightly, of two prompts of an "
        f"answer {_share(rows, 'prompts'):.1%}"
    )
