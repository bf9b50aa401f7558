"""DataEfficiency: with how many fewer rows a policy is as good."""

from math import log2

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claims import DataEfficiency, UnmeasurableError
from claims.curves import cost_of, weights_at
from claims.data_efficiency import times_fewer
from schemas import Checkpoints, Evaluations, Pairs, Scores, rows
from tests.trainers.samples import ORIGIN

PARTS = {"on_eighth": "eighth", "on_half": "half"}
PROMPTS = 40


def evaluations(share: float) -> pl.DataFrame:
    none = {"samples": 0, "right_before": 0, "right_after": 0, "greedy_before": False}
    told = [
        {"prompt_id": f"{n}", "greedy_after": n < share * PROMPTS, **none} for n in range(PROMPTS)
    ]
    return rows(Evaluations, told)


def side(eighth: float, half: float, all_rows: float) -> dict[str, pl.DataFrame]:
    """The gains by 10, 40 and 80 rows."""
    shares = {"on_eighth": eighth, "on_half": half, "validated": all_rows}
    learnt = {"eighth": 10, "half": 40, "policy": 80}
    known = {"start": "s", "trained": True, "steps": 1, "seconds": 1.0, "metrics": "{}"}
    return {name: evaluations(share) for name, share in shares.items()} | {
        name: rows(Checkpoints, [{"path": name, "rows": count, **known}])
        for name, count in learnt.items()
    }


MEASURE = DataEfficiency(of="validated", control="validated", parts=PARTS)


@pytest.mark.parametrize(
    ("ours", "theirs", "factor"),
    [
        ((0.2, 0.6, 0.8), (0.1, 0.4, 0.6), 2.0),
        ((0.7, 0.8, 0.8), (0.1, 0.4, 0.6), 8.0),
        # Half-way between 10 and 40 rows, in the logarithm: 20.
        ((0.2, 0.6, 0.8), (0.1, 0.2, 0.4), 4.0),
        # The control is as good with 40 of its rows as the recipe with 80.
        ((0.1, 0.2, 0.4), (0.2, 0.4, 0.6), 0.5),
    ],
)
def test_rows_that_reach_the_gain_of_the_control(
    ours: tuple[float, float, float], theirs: tuple[float, float, float], factor: float
) -> None:
    found = MEASURE.figures(side(*ours), side(*theirs), checks={})
    assert found.measured == pytest.approx(log2(factor))
    assert found.low <= found.measured <= found.high
    assert f"{factor:.3g} times fewer rows" in found.says
    assert found.plot is not None
    assert [each.points[-1] for each in found.plot.curves] == [
        (80.0, pytest.approx(ours[-1])),
        (80.0, pytest.approx(theirs[-1])),
    ]
    assert set(MEASURE.stages()) == set(MEASURE.control_stages()) == {*side(*ours)}


def slow_cost(costs: list[float], values: list[float], value: float) -> float | None:
    """The first of many points along the curve that is high enough."""
    for cost in sorted([*costs, *np.geomspace(costs[0], costs[-1], 4_001)]):
        if np.interp(np.log(cost), np.log(costs), values) >= value - 1e-12:
            return float(cost)
    return None


@given(st.lists(st.integers(0, 10), min_size=3, max_size=3), st.integers(0, 10))
def test_the_cost_is_where_the_curve_first_is_as_high(values: list[int], value: int) -> None:
    costs, known = [10.0, 40.0, 80.0], [float(each) for each in values]
    found, slow = cost_of(costs, known, value), slow_cost(costs, known, value)
    assert found == (None if slow is None else pytest.approx(slow, rel=2e-3))


def test_a_value_between_points_is_linear_in_the_logarithm() -> None:
    assert weights_at([10, 40], 20) == pytest.approx([0.5, 0.5])
    assert weights_at([10, 40], 80) == pytest.approx([0, 1])
    assert times_fewer([10, 40], [0, 1], [40], [0.5]) == pytest.approx(2)


def test_a_recipe_that_gains_more_with_every_number_of_rows_holds() -> None:
    assert MEASURE.figures(side(0.9, 0.9, 0.9), side(0.1, 0.2, 0.3), checks={}).verdict == "held"
    wanting = MEASURE.model_copy(update={"at_least": 16.0})
    found = wanting.figures(side(0.9, 0.9, 0.9), side(0.1, 0.2, 0.3), checks={})
    assert found.verdict == "did not hold"


def test_trainings_on_as_many_rows_are_no_curve() -> None:
    same = side(0.1, 0.2, 0.3)
    same["half"] = same["eighth"]
    with pytest.raises(UnmeasurableError, match="eighth 10, half 10, policy 80"):
        MEASURE.figures(same, same, checks={})


def test_rewards_are_measured_by_the_pairs_that_they_rank_rightly() -> None:
    """A prompt with two pairs counts as one with one; a tie is a half, and so is no gain."""
    said = {"role": "assistant", "content": "."}
    both = {"prompt": [], "chosen": [said], "rejected": [said], "weight": 1.0}
    known = [("a", "a1", "a2"), ("a", "a1", "a3"), ("b", "b1", "b2")]
    pairs = [
        {
            "pair_id": f"{n}",
            "prompt_id": prompt,
            "chosen_id": chosen,
            "rejected_id": rejected,
            **both,
        }
        for n, (prompt, chosen, rejected) in enumerate(known)
    ]

    def scores(values: dict[str, float]) -> pl.DataFrame:
        told = [
            {"response_id": name, "annotator": "reward", "value": value, "origin": ORIGIN}
            for name, value in values.items()
        ]
        return rows(Scores, told)

    # All wrong; a right and a wrong pair of the first prompt, and a tie; all right.
    ours = {
        "on_few": scores({"a1": 0, "a2": 1, "a3": 1, "b1": 0, "b2": 1}),
        "rewards": scores({"a1": 1, "a2": 0, "a3": 2, "b1": 1, "b2": 1}),
    }
    theirs = {
        "plain_on_few": scores({"a1": 0, "a2": 1, "a3": 1, "b1": 0, "b2": 0}),
        "plain_rewards": scores({"a1": 1, "a2": 0, "a3": 2, "b1": 0, "b2": 0}),
    }
    learnt = {"few": 1, "reward": 2, "plain_few": 2, "plain": 8}
    started = {"start": "s", "trained": True, "steps": 1, "seconds": 1.0, "metrics": "{}"}
    tables = (
        ours
        | theirs
        | {"pairs": rows(Pairs, pairs)}
        | {
            name: rows(Checkpoints, [{"path": name, "rows": count, **started}])
            for name, count in learnt.items()
        }
    )
    measure = DataEfficiency(
        of="rewards",
        trained="reward",
        parts={"on_few": "few"},
        control="plain_rewards",
        control_trained="plain",
        control_parts={"plain_on_few": "plain_few"},
        pairs="pairs",
    )
    found = measure.figures(tables, tables, checks={})
    assert "gains by rows: 1 -0.500, 2 +0.000; of the control 2 -0.250, 8 +0.000" in found.says
    assert found.measured == pytest.approx(log2(8 / 2))
    assert measure.units(tables) == ("held-out prompts", 2)
    assert set(measure.stages()) == {*ours, "few", "reward", "pairs"}
