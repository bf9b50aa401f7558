"""TwinConsistency: whether rewards rank both of two twins rightly."""

from typing import Any

import polars as pl
import pytest

from claims import TwinConsistency, UnmeasurableError
from schemas import Pairs, RewardEvaluations, rows
from tests.claims.tables import prompts

NAMES = [f"t{n:02}" for n in range(20)]


def pair(prompt: str, own: str, other: str) -> dict[str, Any]:
    said = {
        side: [{"role": "assistant", "content": text}]
        for side, text in (("chosen", own), ("rejected", other))
    }
    return {
        "pair_id": prompt,
        "prompt_id": prompt,
        "prompt": [{"role": "user", "content": "?"}],
        **said,
        "chosen_id": own,
        "rejected_id": other,
        "weight": 1.0,
    }


TWINS = rows(
    Pairs,
    [
        one
        for name in NAMES
        for one in (
            pair(f"{name}a", f"{name}A", f"{name}B"),
            pair(f"{name}b", f"{name}B", f"{name}A"),
        )
    ],
)


def rewards(*, reads: int) -> pl.DataFrame:
    """Of the first ``reads`` twins the own answer is worth 1; of the others the answer of the first
    prompt, whatever is asked."""
    found = []
    for n, name in enumerate(NAMES):
        for side in "ab":
            own = 1.0 if n < reads or side == "a" else 0.0
            found.append(
                {"pair_id": f"{name}{side}", "prompt_id": f"{name}{side}"}
                | {"chosen_before": 0.0, "rejected_before": 0.0}
                | {"chosen_after": own, "rejected_after": 1 - own}
            )
    return rows(RewardEvaluations, found)


def figures(ours: pl.DataFrame, theirs: pl.DataFrame, pairs: pl.DataFrame = TWINS) -> Any:
    tables = {"prompts": prompts(*NAMES), "pairs": pairs, "rewards": ours, "plain": theirs}
    return TwinConsistency(of="rewards", control="plain", also=("plain",)).figures(
        tables, tables, checks={}
    )


def test_a_reward_that_does_not_read_the_prompt_is_never_consistent() -> None:
    found = figures(rewards(reads=15), rewards(reads=0))
    assert (found.measured, found.control, found.verdict) == (0.75, 0.0, "held")
    # Of 40 answers 30 and one of each of five twins are right; of one answer the reward is the same
    # for both prompts in these five.
    assert (
        "of two answers to a prompt 87.5% rightly, of two prompts of an answer 75.0%" in found.says
    )
    assert found.says.endswith("by plain 0.0%")


def test_equal_rewards_are_not_right() -> None:
    tied = rewards(reads=20).with_columns(rejected_after=pl.lit(1.0))
    assert figures(tied, rewards(reads=0)).measured == 0.0


def test_a_pair_without_its_twin_is_not_measured() -> None:
    with pytest.raises(UnmeasurableError, match="are twins"):
        figures(
            rewards(reads=1), rewards(reads=1), TWINS.filter(pl.col("pair_id").str.ends_with("a"))
        )
