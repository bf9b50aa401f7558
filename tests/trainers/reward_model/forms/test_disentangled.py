"""The loss of two heads against a slow one, and what is kept of them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
import torch.nn.functional as F
from transformers import AutoModelForSequenceClassification

from engines.context import Context
from trainers import RewardModel
from trainers.reward_model.forms.disentangled import correlation


def test_loss_and_gradient_are_those_of_the_slow_version(
    learnt: Callable[..., Any], same_gradient: Callable[..., None]
) -> None:
    learner, outputs = learnt({"name": "disentangled", "length": 0.5, "orthogonal": 2.0})
    sides, costs = outputs(), []
    for (chosen, rejected), c in zip(sides, [1.0, 0.0, 0.3, 1.0, 0.8], strict=True):
        h = chosen[0] + chosen[1] - rejected[0] - rejected[1]
        costs.append(-c * F.logsigmoid(h) - (1 - c) * F.logsigmoid(-h))
    heads = torch.stack([chosen for chosen, _ in sides] + [rejected for _, rejected in sides])
    tokens = torch.tensor(
        [
            float(len(row[f"{side}_ids"]) - row["prompt_tokens"])
            for side in ("chosen", "rejected")
            for row in learner.train_dataset
        ]
    ).double()
    of_quality, of_length = (
        torch.corrcoef(torch.stack([heads[:, head], tokens]))[0, 1] for head in (0, 1)
    )
    q, n = learner.slow.score.weight
    cosine = (q @ n) / (q.norm() * n.norm())
    penalty = 0.5 * (of_quality.abs() - of_length) + 2.0 * cosine.abs()
    same_gradient(learner, torch.stack(costs).mean() + penalty)


def test_a_correlation_is_pearsons_and_0_without_variation() -> None:
    drawn = np.random.default_rng(0).normal(size=(2, 50))
    found = correlation(*torch.tensor(drawn))
    assert float(found) == pytest.approx(float(np.corrcoef(*drawn)[0, 1]))
    assert float(correlation(torch.ones(4), torch.arange(4.0))) == 0.0


def test_length_leaves_quality_where_labels_are_half_about_length() -> None:
    """Features are (quality, length), and the label is the larger sum. The closed form: one head
    has weights 1 and 1, so its correlation with length is √½; the quality head's is 0."""
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(2, 512, 2, generator=generator)
    first = features[0].sum(1) > features[1].sum(1)
    chosen = torch.where(first[:, None], features[0], features[1])
    rejected = torch.where(first[:, None], features[1], features[0])
    lengths = torch.cat([chosen, rejected])[:, 1] * 10 + 100
    ones = torch.ones(512, 1)
    batch = {"weight": ones, "target": 0 * ones, "strength": ones, "lengths": lengths}

    def trained(form: str) -> float:
        learnt = RewardModel(of="pairs", form=form).form
        head = torch.zeros(learnt.labels, 2)
        learnt.begin(head, seed=0)
        head.requires_grad_(True)
        optimizer = torch.optim.Adam([head], lr=0.05)
        from trainers.reward_model.forms.pair_form import Outputs

        for _ in range(300):
            loss = learnt.loss(Outputs(torch.cat([chosen, rejected]) @ head.T, head, batch))
            optimizer.zero_grad()
            (loss.pairs.mean() + loss.batch).backward()
            optimizer.step()
        rewards = learnt.rewards(torch.cat([chosen, rejected]) @ head.detach().T)[:, 0]
        return float(correlation(rewards, lengths))

    assert trained("bradley_terry") == pytest.approx(0.5**0.5, abs=0.1)
    assert abs(trained("disentangled")) < 0.1


def test_the_folder_has_the_quality_head_alone_and_goes_on(
    pairs: Callable[..., pl.DataFrame], context_for: Callable[..., Context]
) -> None:
    trainer = RewardModel(
        of="pairs", form="disentangled", learning_rate=5e-3, epochs=2, checkpoint="before"
    )
    plain = RewardModel(of="pairs", learning_rate=5e-3).run({"pairs": pairs()}, context_for())
    kept = trainer.run({"pairs": pairs(), "before": plain.kept}, context_for(stage="odin")).kept
    before, model = (
        AutoModelForSequenceClassification.from_pretrained(each["path"][0])
        for each in (plain.kept, kept)
    )
    assert model.config.num_labels == 1
    assert F.cosine_similarity(before.score.weight, model.score.weight)[0] > 0.5
