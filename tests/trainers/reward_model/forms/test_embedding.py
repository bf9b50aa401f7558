"""Vectors in place of rewards: the slow loss, and tastes that no reward can express."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
import torch.nn.functional as F
from transformers import AutoModelForSequenceClassification

from annotators import PreferenceScore
from annotators.rewards.preference_score import preference
from engines.context import Context
from engines.protocol import EngineError
from tests.trainers.samples import sampled
from trainers import RewardModel
from trainers.reward_model.forms.pair_form import Outputs

TURN = np.array([[0.0, -1.0], [1.0, 0.0]])


def slow(one: np.ndarray, other: np.ndarray, temperature: float) -> float:
    """⟨R·v, u⟩ / temperature with the whole matrix R."""
    matrix = np.kron(np.eye(len(one) // 2), TURN)
    v, u = (each / np.linalg.norm(each) for each in (one, other))
    return float((matrix @ v) @ u / temperature)


def test_loss_and_gradient_are_those_of_the_slow_version(
    learnt: Callable[..., Any], same_gradient: Callable[..., None]
) -> None:
    learner, outputs = learnt({"name": "embedding", "planes": 2, "temperature": 0.5})
    matrix = torch.tensor(np.kron(np.eye(2), TURN))
    costs = []
    for (chosen, rejected), c in zip(outputs(), [1.0, 0.0, 0.3, 1.0, 0.8], strict=True):
        s = (matrix @ (chosen / chosen.norm())) @ (rejected / rejected.norm()) / 0.5
        costs.append(-c * F.logsigmoid(s) - (1 - c) * F.logsigmoid(-s))
    same_gradient(learner, torch.stack(costs).mean())


def test_a_preference_is_that_of_the_slow_version_and_turns_with_its_sides() -> None:
    v, u = np.random.default_rng(0).normal(size=(2, 6))
    expected = 1 / (1 + math.exp(-slow(v, u, 0.3)))
    assert preference(v, u, 0.3) == pytest.approx(expected)
    assert preference(v, u, 0.3) + preference(u, v, 0.3) == pytest.approx(1.0)
    assert preference(v, v, 0.3) == pytest.approx(0.5)


def test_a_cycle_is_learnt_by_vectors_and_leaves_rewards_equal() -> None:
    """Three manners, each preferred to the next. The closed form: rewards of least loss are equal,
    so the loss is log 2; vectors a third of a turn apart have s = sin 120° / temperature."""
    features = torch.eye(3)
    sides = torch.cat([features, features.roll(-1, 0)])
    ones = torch.ones(3, 1)
    batch = {"weight": ones, "target": 0 * ones, "strength": ones, "lengths": torch.ones(6)}

    def trained(form: Any) -> tuple[float, torch.Tensor]:
        learnt = RewardModel(of="pairs", form=form).form
        head = torch.zeros(learnt.labels, 3)
        learnt.begin(head, seed=0)
        head.requires_grad_(True)
        optimizer = torch.optim.Adam([head], lr=0.05)
        for _ in range(300):
            loss = learnt.loss(Outputs(sides @ head.T, head, batch)).pairs.mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return float(loss.detach()), learnt.rewards(sides @ head.detach().T)[:, 0]

    loss, rewards = trained("bradley_terry")
    assert loss == pytest.approx(math.log(2), abs=1e-4)
    assert float(rewards.std()) < 0.01
    loss, rewards = trained({"name": "embedding", "temperature": 0.5})
    s = math.sin(2 * math.pi / 3) / 0.5
    assert loss == pytest.approx(math.log1p(math.exp(-s)), abs=1e-3)
    assert bool((rewards[:3] > rewards[3:]).all())


def test_the_folder_has_a_vector_and_scores_are_shares_of_wins(
    pairs: Callable[..., pl.DataFrame], context_for: Callable[..., Context]
) -> None:
    trainer = RewardModel(of="pairs", form={"name": "embedding", "planes": 2}, max_steps=2)
    kept = trainer.run({"pairs": pairs(6)}, context_for()).kept
    model = AutoModelForSequenceClassification.from_pretrained(kept["path"][0])
    assert model.config.num_labels == 4
    tables = sampled([[("1", 0.0), ("xx", 0.0), ("12", 0.0)], [("2", 0.0)]])
    scores = (
        PreferenceScore(of="responses", model="policy", checkpoint="trained", probes="off")
        .run(tables | {"trained": kept}, context_for(stage="wins"))
        .kept
    )
    values = scores["value"].to_list()
    assert math.fsum(values[:3]) == pytest.approx(1.5)
    assert values[3] is None
    assert "no other response" in scores["error"][3]


def test_a_model_of_one_reward_is_refused(
    pairs: Callable[..., pl.DataFrame], context_for: Callable[..., Context]
) -> None:
    trained = RewardModel(of="pairs", learning_rate=5e-3).run({"pairs": pairs()}, context_for())
    scorer = PreferenceScore(of="responses", model="policy", checkpoint="trained", probes="off")
    with pytest.raises(EngineError, match="form: embedding"):
        scorer.run(sampled() | {"trained": trained.kept}, context_for(stage="wins"))
