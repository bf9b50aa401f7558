"""TurnedVerdicts: opposite preferences that are both predicted."""

import itertools
from collections.abc import Sequence

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claims import TurnedVerdicts, UnmeasurableError
from schemas import Pairs, RewardEvaluations, rows

MEASURE = TurnedVerdicts(of="rewards", control="plain", pairs="pairs")
CONTEXTS = ("hurry", "leisure")


def pairs(prompts: int, contexts: Sequence[str] = CONTEXTS) -> pl.DataFrame:
    """To each prompt two texts; the first context prefers the one, the second the other."""

    def pair(prompt: int, place: int) -> dict[str, object]:
        texts = ["short", "long"] if place == 0 else ["long", "short"]
        sides = {
            side: [{"role": "assistant", "content": f"{text} {prompt}"}]
            for side, text in zip(("chosen", "rejected"), texts, strict=True)
        }
        ids = {f"{side}_id": f"{turns[0]['content']}" for side, turns in sides.items()}
        asked = [{"role": "system", "content": contexts[place]}]
        return {
            "pair_id": f"{prompt} {place}",
            "prompt_id": f"{prompt}",
            "prompt": asked,
            "weight": 1.0,
            **sides,
            **ids,
        }

    each = itertools.product(range(prompts), range(len(contexts)))
    return rows(Pairs, [pair(*place) for place in each])


def rewards(margins: Sequence[float]) -> pl.DataFrame:
    """The margin of each pair, in their order."""
    told = [
        {
            "pair_id": f"{n // 2} {n % 2}",
            "prompt_id": f"{n // 2}",
            "chosen_before": 0.0,
            "rejected_before": 0.0,
            "chosen_after": margin,
            "rejected_after": 0.0,
        }
        for n, margin in enumerate(margins)
    ]
    return rows(RewardEvaluations, told)


def test_a_verdict_that_does_not_turn_is_right_once_and_counts_nothing() -> None:
    tables = {
        "pairs": pairs(20),
        "rewards": rewards([1.0] * 40),
        "plain": rewards([1.0, -1.0] * 20),
    }
    found = MEASURE.figures(tables, tables, checks={})
    assert (found.measured, found.control, found.verdict) == (1.0, 0.0, "held")
    assert "single preferences 100.0% are predicted, by the control 50.0%" in found.says
    assert MEASURE.units(tables) == ("held-out prompts", 20)


@given(st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=8, max_size=8))
def test_the_share_is_that_of_a_slow_count(margins: list[float]) -> None:
    tables = {"pairs": pairs(4), "rewards": rewards(margins), "plain": rewards([0.0] * 8)}
    found = MEASURE.figures(tables, tables, checks={})
    each = [margins[n : n + 2] for n in range(0, 8, 2)]
    both = [(min(two) > 0) - (max(two) < 0) for two in each]
    assert found.measured == pytest.approx(sum(both) / 4)
    assert found.control == 0.0


def test_without_opposite_preferences_nothing_is_measured() -> None:
    alike = pairs(4).filter(pl.col("pair_id").str.ends_with("0"))
    tables = {"pairs": alike, "rewards": rewards([1.0] * 8), "plain": rewards([1.0] * 8)}
    with pytest.raises(UnmeasurableError, match="stage pairs with rewards prefer the same"):
        MEASURE.figures(tables, tables, checks={})
