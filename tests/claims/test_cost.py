"""Cost: accuracy at equal tokens or rollouts."""

from typing import Any

import polars as pl
import pytest

from claims import Cost, UnmeasurableError
from tests.claims.tables import CHECKS, prompts, responses, scores

LETTERS = "abcdefghijklmnopqrst"


def answers(right: int, tokens: int) -> pl.DataFrame:
    """An answer to each of 20 prompts, of which so many are right."""
    told = {f"{name}1": "right" if n < right else "wrong" for n, name in enumerate(LETTERS)}
    return responses(told, tokens=tokens)


def side(**points: tuple[int, int]) -> dict[str, pl.DataFrame]:
    return {"prompts": prompts(*LETTERS)} | {
        name: answers(right, tokens) for name, (right, tokens) in points.items()
    }


MEASURE = Cost(of="long", control="long", points={"short": ("short",), "long": ("long",)})


def test_accuracies_are_compared_at_the_highest_common_cost() -> None:
    ours, theirs = side(short=(4, 10), long=(12, 40)), side(short=(2, 5), long=(6, 20))
    found = MEASURE.figures(ours, theirs, checks=CHECKS)
    # At 400 tokens, half-way from 200 to 800 in the logarithm, 8 of 20; the control 6.
    assert (found.measured, found.control) == (pytest.approx(0.4), pytest.approx(0.3))
    assert found.says.startswith("at 400 tokens 40.0% of 20 prompts")
    assert found.plot is not None
    points = {each.name: each.points for each in found.plot.curves}
    assert points["long"] == ((200.0, 0.2), (800.0, 0.6))
    assert set(MEASURE.stages()) == {*ours}


def test_costs_that_do_not_meet_are_not_compared() -> None:
    one = Cost(of="long", control="long", points={"long": ("long",)})
    with pytest.raises(UnmeasurableError, match="the costs do not meet: 200 and 100 tokens"):
        one.figures(side(long=(9, 10)), side(long=(3, 5)), checks=CHECKS)
    found = one.figures(side(long=(18, 10)), side(long=(3, 10)), checks=CHECKS)
    assert found.verdict == "held"
    with pytest.raises(UnmeasurableError, match="what other was paid for"):
        one.model_copy(update={"of": "other"}).figures({}, {}, checks=CHECKS)


def test_rollouts_are_those_of_scores_and_one_a_response() -> None:
    def rolled(right: int, raw: str) -> dict[str, Any]:
        values = scores(dict.fromkeys((f"{name}1" for name in LETTERS), 0.5))
        return side(long=(right, 1)) | {"values": values.with_columns(raw=pl.lit(raw))}

    measure = Cost(of="long", control="long", points={"long": ("long", "values")}, by="rollouts")
    found = measure.figures(rolled(9, "1/16"), rolled(3, "2/16"), checks=CHECKS)
    assert found.says.startswith("at 340 rollouts 45.0%")
