"""The divergence from the policy before training, against a slow version."""

import json
import math
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
import torch
from pydantic import ValidationError

from engines.context import Context
from tests.trainers.slow import moved, plain
from trainers import SFT
from trainers.training.tokenization import UNLEARNED

KL = 0.7


def trainer(**more: Any) -> SFT:
    return SFT(of="shown", samples="sampled", kl=KL, batch_size=8, **more)


def tables(demonstrations: Callable[..., pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Of five samples the third and the fourth are shown, and one that is no sample."""
    some = demonstrations(6)
    return {
        "sampled": some[:5],
        "shown": some[[2, 3, 5]].with_columns(weight=pl.Series([2.0, None, 0.5])),
    }


def log_probs(model: Any, ids: list[int], labels: list[int]) -> list[float]:
    """Of the learned tokens, one at a time."""
    return [
        float(model(input_ids=torch.tensor([ids[:n]])).logits[0, -1].log_softmax(-1)[label])
        for n, label in enumerate(labels)
        if label != UNLEARNED
    ]


def test_the_loss_is_that_of_a_slow_version(
    demonstrations: Callable[..., pl.DataFrame], learner_for: Callable[..., Any]
) -> None:
    frame = trainer().gather(tables(demonstrations)).sort("demonstration_id")
    assert frame.select("imitated", "sampled").rows() == [
        (False, True),
        (False, True),
        (True, True),
        (True, True),
        (False, True),
        (True, False),
    ]
    learner = learner_for(trainer(), frame)
    before = plain(learner)
    moved(learner)
    after = plain(learner)
    batch = learner.data_collator([learner.train_dataset[n] for n in range(6)])
    with torch.no_grad():
        loss = float(learner.compute_loss(learner.model, dict(batch)))
        costs, apart = [], []
        for row in range(6):
            ids, labels = (batch[name][row].tolist() for name in ("input_ids", "labels"))
            ours, theirs = (log_probs(model, ids, labels) for model in (after, before))
            weight = (0.0, 0.0, 2.0, 1.0, 0.0, 0.5)[row]
            if row in (2, 3, 5):
                costs += [-weight * each for each in ours]
            if row < 5:
                ratios = [math.exp(new - old) for new, old in zip(ours, theirs, strict=True)]
                apart += [ratio * (1 / ratio - 1 + math.log(ratio)) for ratio in ratios]
    slow = sum(costs) / len(costs) + KL * sum(apart) / len(apart)
    assert min(apart) > 0
    assert loss == pytest.approx(slow, rel=1e-4)


def test_before_the_first_step_the_divergence_is_0(
    demonstrations: Callable[..., pl.DataFrame], learner_for: Callable[..., Any]
) -> None:
    frame = trainer().gather(tables(demonstrations)).sort("demonstration_id")
    near, free = (
        learner_for(each, frame) for each in (trainer(), trainer().model_copy(update={"kl": 1e-9}))
    )
    batch = near.data_collator([near.train_dataset[n] for n in range(6)])
    with torch.no_grad():
        losses = [float(each.compute_loss(each.model, dict(batch))) for each in (near, free)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)


def test_it_keeps_the_policy_near(
    demonstrations: Callable[..., pl.DataFrame], context_for: Callable[..., Context]
) -> None:
    given = tables(demonstrations)
    apart = {}
    for kl in (0.01, 10.0):
        near = SFT(of="shown", samples="sampled", kl=kl, batch_size=8, learning_rate=3e-3, epochs=8)
        split = near.run(given, context_for(stage=f"near_{kl}"))
        (row,) = split.kept.to_dicts()
        assert row["rows"] == 6
        apart[kl] = json.loads(row["metrics"])["kl"]
    assert apart[10.0] < apart[0.01] / 2


def test_kl_and_samples_belong_together() -> None:
    for wrong in ({"kl": 0.1}, {"samples": "sampled"}):
        with pytest.raises(ValidationError, match="set both"):
            SFT(of="shown", **wrong)


def test_without_kl_a_training_is_that_of_before(
    demonstrations: Callable[..., pl.DataFrame], context_for: Callable[..., Context]
) -> None:
    plainly = SFT(of="shown")
    examples = plainly.gather({"shown": demonstrations(2)})
    assert "sampled" not in examples.columns
    context = context_for()
    identity = plainly._identity(examples, context.roles["policy"], context, None)
    assert not {"kl", "samples"} & identity["parameters"].keys()
