"""What pairs push the right way, on pairs whose truth is plain."""

from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claims import UnmeasurableError, WeightedAccuracy
from schemas import Pairs, Prompts, rows


def says_it(messages: Any, reference: str | None, text: str) -> bool:
    """Right is what repeats the reference."""
    return text == reference


CHECKS = {"mine": f"{__name__}.says_it"}
TURN = [{"role": "user", "content": "?"}]
PROMPTS = rows(
    Prompts,
    [
        {
            "prompt_id": name,
            "messages": TURN,
            "source": "mine",
            "source_revision": "1",
            "licence": "x",
            "reference": "right",
        }
        for name in "abcdef"
    ],
)


def pairs(*sides: tuple[str, str, str, float]) -> pl.DataFrame:
    return rows(
        Pairs,
        [
            {
                "pair_id": str(number),
                "prompt_id": prompt,
                "prompt": TURN,
                "chosen": [{"role": "assistant", "content": chosen}],
                "rejected": [{"role": "assistant", "content": rejected}],
                "chosen_id": "c",
                "rejected_id": "r",
                "weight": weight,
            }
            for number, (prompt, chosen, rejected, weight) in enumerate(sides)
        ],
    )


def measured(ours: pl.DataFrame, theirs: pl.DataFrame) -> Any:
    return WeightedAccuracy(of="pairs", control="plain").figures(
        {"prompts": PROMPTS, "pairs": ours}, {"prompts": PROMPTS, "plain": theirs}, checks=CHECKS
    )


answers = st.sampled_from([("right", "x"), ("x", "right"), ("x", "y"), ("right", "right ")])
drawn = st.lists(
    st.tuples(st.sampled_from("abcdef"), answers, st.sampled_from([0.0, 0.3, 0.5, 0.9, 1.0])),
    max_size=8,
).map(lambda rows: [(prompt, *sides, weight) for prompt, sides, weight in rows])


@given(ours=drawn, theirs=drawn)
def test_equals_the_slow_version(ours: Any, theirs: Any) -> None:
    shares = []
    for side in (ours, theirs):
        push = right = 0.0
        for _, chosen, rejected, weight in side:
            if (chosen == "right") != (rejected == "right"):
                push += abs(2 * weight - 1)
                towards = chosen if weight > 0.5 else rejected
                right += abs(2 * weight - 1) if towards == "right" else 0.0
        shares.append(right / push if push else None)
    if None in shares:
        with pytest.raises(UnmeasurableError):
            measured(pairs(*ours), pairs(*theirs))
        return
    found = measured(pairs(*ours), pairs(*theirs))
    assert (found.measured, found.control) == (pytest.approx(shares[0]), pytest.approx(shares[1]))
    assert found.held == (found.low > 0)


def test_pairs_of_one_weight_are_counted() -> None:
    sides = [("a", "right", "x"), ("b", "right", "x"), ("c", "x", "right"), ("d", "x", "y")]
    certain = pairs(*[(*side, 1.0) for side in sides])
    found = measured(pairs(*[(*side, 0.6) for side in sides]), certain)
    assert found.measured == pytest.approx(found.control) == pytest.approx(2 / 3)
    assert not found.held


def test_less_weight_on_what_is_false_is_better() -> None:
    sides = [("a", "right", "x"), ("b", "x", "right")]
    certain = pairs(*[(*side, 1.0) for side in sides])
    doubted = pairs((*sides[0], 1.0), (*sides[1], 0.6))
    turned = pairs((*sides[0], 1.0), (*sides[1], 0.0))
    assert measured(doubted, certain).measured == pytest.approx(1 / 1.2)
    assert measured(turned, certain).measured == 1.0
