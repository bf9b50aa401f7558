"""Learners of forms with a head that has learnt something, and their slow rewards."""

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
import torch

from trainers import RewardModel

Outputs = tuple[torch.Tensor, torch.Tensor]


@pytest.fixture
def learnt(
    learner_for: Callable[..., Any], pairs: Callable[..., pl.DataFrame]
) -> Callable[..., tuple[Any, Callable[[], list[Outputs]]]]:
    """Makes a learner of a form on five pairs with margins 1 to 5 and several weights, and a
    function of the outputs of both sides of each pair, one sequence at a time, by a slow copy."""

    def make(form: Any) -> tuple[Any, Callable[[], list[Outputs]]]:
        frame = pairs(5).with_columns(
            weight=pl.Series([1.0, 0.0, 0.3, 1.0, 0.8]),
            margin=pl.Series([1.0, 2.0, 3.0, 4.0, 5.0]),
        )
        learner = learner_for(RewardModel(of="pairs", form=form), frame)
        with torch.no_grad():
            learner.model.score.weight.normal_(generator=torch.Generator().manual_seed(0))
        slow = type(learner.model)(learner.model.config)
        slow.score = torch.nn.Linear(*reversed(learner.model.score.weight.shape), bias=False)
        slow.load_state_dict(learner.model.state_dict())
        slow.double().eval()
        learner.slow = slow

        def outputs() -> list[Outputs]:
            return [
                tuple(  # type: ignore[misc]  # of two sides
                    slow.score(slow.model(input_ids=torch.tensor([row[side]]))[0][0, -1])
                    for side in ("chosen_ids", "rejected_ids")
                )
                for row in learner.train_dataset
            ]

        return learner, outputs

    return make


@pytest.fixture
def same_gradient() -> Callable[[Any, torch.Tensor], None]:
    """Checks the loss of a learner's five pairs and its gradient against those of the slow copy."""

    def check(learner: Any, slow_loss: torch.Tensor) -> None:
        rows = [learner.train_dataset[n] for n in range(5)]
        loss = learner.compute_loss(learner.model, learner.data_collator(rows))
        loss.backward()
        slow_loss.backward()
        assert float(loss.detach()) == pytest.approx(float(slow_loss.detach()), rel=1e-4)
        for ours, theirs in zip(learner.model.parameters(), learner.slow.parameters(), strict=True):
            torch.testing.assert_close(ours.grad.double(), theirs.grad, rtol=1e-3, atol=1e-4)

    return check
