"""Comparisons and ratings in one loss."""

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError

from engines.context import Context
from schemas import Scores, rows
from tests.trainers.samples import ORIGIN
from trainers import RewardModel

RATINGS: list[list[float | None]] = [[4.0, 1.0], [None, 2.0], [3.0, None], [0.0, 0.0], [2.5, 3.0]]


def rated(pairs: pl.DataFrame) -> pl.DataFrame:
    """Scores of the sides, of which two are by several people."""
    found = []
    for (chosen, rejected), values in zip(
        pairs.select("chosen_id", "rejected_id").rows(), RATINGS, strict=False
    ):
        for name, value in zip((chosen, rejected), values, strict=True):
            if value is not None:
                each = [value - 1, value + 1] if value == 2.5 else [value]
                found += [
                    {"response_id": name, "annotator": f"a{n}", "value": one, "origin": ORIGIN}
                    for n, one in enumerate(each)
                ]
    return rows(Scores, found)


def trainer(**options: Any) -> RewardModel:
    return RewardModel(
        of="pairs", ratings="ratings", form={"name": "combined", "regression": 0.5}, **options
    )


def test_loss_and_gradient_are_those_of_the_slow_version(
    pairs: Callable[..., pl.DataFrame], learner_for: Callable[..., Any]
) -> None:
    frame = pairs(5).with_columns(weight=pl.Series([1.0, 0.0, 0.3, 1.0, 0.8]))
    examples = trainer().gather({"pairs": frame, "ratings": rated(frame)})
    assert examples["ratings"].to_list() == RATINGS
    learner = learner_for(trainer(), examples)
    with torch.no_grad():
        learner.model.score.weight.normal_(generator=torch.Generator().manual_seed(0))
    slow = type(learner.model)(learner.model.config)
    slow.load_state_dict(learner.model.state_dict())
    slow.double().eval()
    given = [learner.train_dataset[n] for n in range(5)]
    loss = learner.compute_loss(learner.model, learner.data_collator(given))
    loss.backward()
    costs = []
    for row, c, ratings in zip(given, frame["weight"], RATINGS, strict=True):
        chosen, rejected = (
            slow.score(slow.model(input_ids=torch.tensor([row[f"{side}_ids"]]))[0][0, -1])[0]
            for side in ("chosen", "rejected")
        )
        h = chosen - rejected
        squares = [
            (reward - rating) ** 2
            for reward, rating in zip((chosen, rejected), ratings, strict=True)
            if rating is not None
        ]
        preferred = -c * F.logsigmoid(h) - (1 - c) * F.logsigmoid(-h)
        costs.append(preferred + 0.5 * sum(squares) / len(squares))
    mean = torch.stack(costs).mean()
    mean.backward()
    assert float(loss.detach()) == pytest.approx(float(mean.detach()), rel=1e-5)
    for ours, theirs in zip(learner.model.parameters(), slow.parameters(), strict=True):
        torch.testing.assert_close(ours.grad.double(), theirs.grad, rtol=1e-3, atol=1e-4)


def test_a_pair_without_a_rating_is_dropped(
    pairs: Callable[..., pl.DataFrame], context_for: Callable[..., Context]
) -> None:
    frame = pairs(6)
    tables = {"pairs": frame, "ratings": rated(frame)}
    split = trainer(max_steps=1).run(tables, context_for())
    assert split.dropped.select("row_id", "reason").rows() == [
        ("pair-005", "neither side has a rating in stage 'ratings'")
    ]


@pytest.mark.parametrize("options", [{"form": "combined"}, {"ratings": "ratings"}])
def test_ratings_go_with_the_form_that_reads_them(options: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="form combined goes with ratings"):
        RewardModel(of="pairs", **options)
