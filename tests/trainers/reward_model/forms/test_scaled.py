"""The loss of a pair, times the strength of its preference."""

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError

from engines.context import Context
from trainers import RewardModel


def test_loss_and_gradient_are_those_of_the_slow_version(
    learnt: Callable[..., Any], same_gradient: Callable[..., None]
) -> None:
    learner, outputs = learnt("scaled")
    costs = []
    for (chosen, rejected), strength, c in zip(
        outputs(), [1.0, 2.0, 3.0, 4.0, 5.0], [1.0, 0.0, 0.3, 1.0, 0.8], strict=True
    ):
        h = chosen[0] - rejected[0]
        costs.append(strength * (-c * F.logsigmoid(h) - (1 - c) * F.logsigmoid(-h)))
    same_gradient(learner, torch.stack(costs).mean())


def test_a_pair_without_strength_is_dropped(
    pairs: Callable[..., pl.DataFrame], context_for: Callable[..., Context]
) -> None:
    frame = pairs(4).with_columns(margin=pl.Series([1.0, 0.0, None, 2.0]))
    split = RewardModel(of="pairs", form="scaled", max_steps=1).run({"pairs": frame}, context_for())
    assert split.kept["rows"].to_list() == [2]
    assert split.dropped["row_id"].to_list() == ["pair-001", "pair-002"]
    assert all("strength of the preference" in reason for reason in split.dropped["reason"])


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"form": "scaled", "margin_scale": 1.0}, "leave out margin_scale"),
        ({"form": "smoothed", "heads": 2}, "leave out heads"),
        ({"form": "scale"}, "bradley_terry"),
        ({"form": {"name": "scaled", "rate": 1.0}}, "rate"),
    ],
)
def test_options_that_do_not_fit_a_form_are_refused(options: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        RewardModel(of="pairs", **options)
