"""Labels that move after each epoch."""

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
import torch
from transformers import AutoModelForSequenceClassification

from engines.context import Context
from trainers import RewardModel

Pairs = Callable[..., pl.DataFrame]


def test_labels_after_an_epoch_are_those_of_the_slow_version(learnt: Callable[..., Any]) -> None:
    learner, outputs = learnt({"name": "smoothed", "rate": 0.25})
    collate = learner.data_collator
    weights = [1.0, 0.0, 0.3, 1.0, 0.8]
    assert collate.weights == weights
    relabelling = learner.callback_handler.callbacks[-1]
    learner.state.max_steps = 1
    relabelling.on_epoch_end(learner.args, learner.state, learner.control)
    with torch.no_grad():
        expected = [
            0.75 * weight + 0.25 * float(torch.sigmoid(chosen[0] - rejected[0]))
            for weight, (chosen, rejected) in zip(weights, outputs(), strict=True)
        ]
    assert collate.weights == pytest.approx(expected, abs=1e-4)
    batch = collate([learner.train_dataset[3], learner.train_dataset[0]])
    assert batch["weight"].tolist() == pytest.approx([expected[3], expected[0]], abs=1e-4)


def test_one_epoch_is_bradley_terry_and_two_are_not(
    pairs: Pairs, context_for: Callable[..., Context]
) -> None:
    def head(form: str, epochs: int) -> torch.Tensor:
        trainer = RewardModel(of="pairs", form=form, epochs=epochs, learning_rate=1e-3)
        stage = f"{form}-{epochs}"
        path = trainer.run({"pairs": pairs(6)}, context_for(stage=stage)).kept["path"][0]
        return AutoModelForSequenceClassification.from_pretrained(path).score.weight.detach()

    assert torch.equal(head("bradley_terry", 1), head("smoothed", 1))
    assert not torch.equal(head("bradley_terry", 2), head("smoothed", 2))


def test_a_label_goes_to_the_share_of_its_votes() -> None:
    """Of a pair with ten votes, three are for the other side. The closed form: where the reward
    has learnt their share, all ten labels move towards it, and seven stay above one half."""
    form = RewardModel(of="pairs", form={"name": "smoothed", "rate": 0.5}).form
    margins = torch.full((10,), 0.7).logit()
    margins[:3] *= -1
    weights = torch.ones(10)
    for _ in range(20):
        weights = form.relabelled(weights, margins)
    assert weights.tolist() == pytest.approx([0.3] * 3 + [0.7] * 7, abs=1e-3)
