"""Each loss of steps against a slow one, written out step by step in float64."""

import math
from itertools import product

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from trainers.prm.losses import cross_entropy, ranked, squared

Rows = list[list[tuple[float, float]]]
"""Solutions of steps: what the head says and what it should say."""

numbers = st.floats(-6, 6, allow_nan=False)
steps = st.tuples(numbers, st.sampled_from([0.0, 1.0]))
solutions = st.lists(st.lists(steps, min_size=1, max_size=5), min_size=1, max_size=4)


def tensors(rows: Rows) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Padded with what must not count: large rewards, and targets of −100."""
    longest = max(map(len, rows)) + 1
    padded = [row + [(1e4, -100.0)] * (longest - len(row)) for row in rows]
    both = torch.tensor(padded, dtype=torch.float64)
    known = torch.tensor([[n < len(row) for n in range(longest)] for row in rows])
    return both[:, :, 0].clone().requires_grad_(), both[:, :, 1], known


def slow_cross_entropy(rows: Rows) -> float:
    def cost(said: float, p: float) -> float:
        right = 1 / (1 + math.exp(-said))
        return -p * math.log(right) - (1 - p) * math.log(1 - right)

    costs = [cost(*step) for row in rows for step in row]
    return sum(costs) / len(costs)


def slow_squared(rows: Rows) -> float:
    costs = [(said - value) ** 2 for row in rows for said, value in row]
    return sum(costs) / len(costs)


def slow_ranked(rows: Rows, zeta: float) -> float:
    """The formula of the paper, whose c_0 is the prompt with Q = 0."""
    totals = []
    for row in rows:
        wrong = sum(math.exp(q + zeta) for q, right in row if not right)
        correct = [0.0, *(q for q, right in row if right)]
        costs = []
        for t, q in enumerate(correct):
            if t == 0 and not wrong:
                continue
            below = sum(math.exp(each) for each in correct[: t + 1])
            costs.append(-math.log(math.exp(q) / (below + wrong)))
        totals.append(sum(costs) / len(costs))
    return sum(totals) / len(totals)


@given(solutions)
def test_labels_are_learnt_by_cross_entropy(rows: Rows) -> None:
    assert cross_entropy(*tensors(rows)).item() == pytest.approx(slow_cross_entropy(rows), rel=1e-9)


@given(st.lists(st.lists(st.tuples(numbers, st.floats(0, 1)), min_size=1), min_size=1))
def test_values_are_learnt_by_cross_entropy_or_squared_error(rows: Rows) -> None:
    assert cross_entropy(*tensors(rows)).item() == pytest.approx(slow_cross_entropy(rows), rel=1e-9)
    assert squared(*tensors(rows)).item() == pytest.approx(slow_squared(rows), rel=1e-9, abs=1e-12)


@given(solutions, st.floats(0, 8))
def test_the_steps_of_a_solution_are_ranked(rows: Rows, zeta: float) -> None:
    assert ranked(*tensors(rows), zeta).item() == pytest.approx(slow_ranked(rows, zeta), rel=1e-9)


@given(solutions, st.floats(0, 8))
def test_the_gradient_of_the_ranking_is_that_of_the_formula(rows: Rows, zeta: float) -> None:
    rewards, targets, known = tensors(rows)
    ranked(rewards, targets, known, zeta).backward()  # type: ignore[no-untyped-call]
    found = rewards.grad
    assert found is not None
    assert not found[~known].any()
    small = 1e-5
    for number, row in enumerate(rows):
        for step, (said, right) in enumerate(row):
            moved = [
                [*row[:step], (said + sign * small, right), *row[step + 1 :]] for sign in (1, -1)
            ]
            up, down = (
                slow_ranked([*rows[:number], each, *rows[number + 1 :]], zeta) for each in moved
            )
            slope = (up - down) / (2 * small)
            assert float(found[number, step]) == pytest.approx(slope, abs=1e-6)


def test_ranked_best_are_rising_right_steps_far_above_the_wrong_ones() -> None:
    orders = {
        qs: slow_ranked([[(qs[0], 1.0), (qs[1], 1.0), (qs[2], 0.0)]], zeta=4.0)
        for qs in product((-4.0, 2.0, 4.0), repeat=3)
    }
    assert min(orders, key=lambda qs: orders[qs]) == (2.0, 4.0, -4.0)


def test_a_step_of_which_nothing_is_known_costs_nothing() -> None:
    rewards = torch.tensor([[0.5, 50.0, -2.0]], dtype=torch.float64, requires_grad=True)
    targets = torch.tensor([[1.0, -100.0, 0.0]], dtype=torch.float64)
    known = torch.tensor([[True, False, True]])
    for loss in (cross_entropy, squared, lambda *given: ranked(*given, 4.0)):
        rewards.grad = None
        loss(rewards, targets, known).backward()
        assert rewards.grad is not None
        assert rewards.grad[0, 1] == 0
        assert rewards.grad[0, 0] != 0
        assert rewards.grad[0, 2] != 0
