"""Selective: the area under the risk-coverage curve."""

from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claims import Selective
from claims.selective import risk_coverage_area
from tests.claims.tables import CHECKS, prompts, responses, scores


def slow_area(values: list[float], right: list[bool]) -> float:
    """The mean over all orders that the confidences allow."""
    orders = [
        order
        for order in permutations(range(len(values)))
        if all(values[one] >= values[other] for one, other in pairwise(order))
    ]
    areas = []
    for order in orders:
        wrong = [not right[each] for each in order]
        areas.append(np.mean([sum(wrong[:k]) / k for k in range(1, len(wrong) + 1)]))
    return float(np.mean(areas))


@given(st.lists(st.tuples(st.integers(0, 2), st.booleans()), min_size=1, max_size=5))
def test_the_area_is_the_mean_over_all_orders(known: list[tuple[int, bool]]) -> None:
    values, right = [float(value) for value, _ in known], [each for _, each in known]
    assert float(risk_coverage_area(values, right)) == pytest.approx(slow_area(values, right))
    assert float(risk_coverage_area([0.0] * len(right), right)) == pytest.approx(1 - np.mean(right))


def test_a_weight_is_as_many_responses() -> None:
    values, right, weights = [0.9, 0.5, 0.5, 0.1], [True, False, True, False], [2, 0, 3, 1]
    repeated = [each for each, count in zip(range(4), weights, strict=True) for _ in range(count)]
    wanted = slow_area([values[each] for each in repeated], [right[each] for each in repeated])
    areas = risk_coverage_area(values, right, np.array([weights, [1, 1, 1, 1]]))
    assert areas == pytest.approx([wanted, slow_area(values, right)])


def test_surer_answers_that_are_right_make_the_area_small() -> None:
    names = [f"{prompt}{number}" for prompt in "abcdefghijklmnopqrst" for number in "12"]
    answers = {name: "right" if name[1] == "1" else "wrong" for name in names}
    tables = {
        "prompts": prompts(*{name[0] for name in names}),
        "responses": responses(answers),
        "knows": scores({name: 0.9 if name[1] == "1" else 0.2 for name in names}),
        "guesses": scores({name: None if name[1] == "1" else 0.7 for name in names}),
    }
    found = Selective(of="knows").figures(tables, {}, checks=CHECKS)
    assert found.control == pytest.approx(0.5)
    assert found.measured == pytest.approx(
        np.mean([0.0] * 20 + [k / (20 + k) for k in range(1, 21)])
    )
    assert found.verdict == "held"
    assert "50.0% of 40 responses are answered, 100.0% of them rightly" in found.says
    against = Selective(of="guesses", control="knows").figures(tables, tables, checks=CHECKS)
    assert against.verdict == "did not hold"
    assert "answered, 0.0% of them rightly" in against.says


def test_of_rivals_the_surest_is_the_control() -> None:
    answers = {f"{prompt}{number}": number for prompt in "abcdefgh" for number in ("1", "2")}
    texts = {name: "right" if number == "1" else "wrong" for name, number in answers.items()}
    tables = {
        "prompts": prompts(*{name[0] for name in answers}),
        "responses": responses(texts),
        "knows": scores({name: 1.0 if number == "1" else 0.0 for name, number in answers.items()}),
        "guesses": scores(dict.fromkeys(answers, 0.5)),
        "errs": scores({name: 0.0 if number == "1" else 1.0 for name, number in answers.items()}),
    }
    found = Selective(of="guesses", control="errs", rivals=("knows",)).figures(
        tables, tables, checks=CHECKS
    )
    alone = Selective(of="guesses", control="knows").figures(tables, tables, checks=CHECKS)
    assert (found.measured, found.control, found.verdict) == (
        alone.measured,
        alone.control,
        "did not hold",
    )
    assert "of the control (knows: 50.0% of 16 responses are answered" in found.says
    assert Selective(of="a", control="b", rivals=("c",)).control_stages() == [
        "b",
        "responses",
        "prompts",
        "c",
    ]
