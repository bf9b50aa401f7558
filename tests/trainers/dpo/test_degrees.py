"""A head beside the policy that tells how much of an answer is missing."""

import json
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError

from engines.context import Context
from schemas import Responses, rows
from tests.trainers.samples import ORIGIN
from tests.trainers.slow import moved
from trainers import DPO

GAMMA = 0.7


def degraded(pairs: pl.DataFrame) -> pl.DataFrame:
    """Of the first two chosen answers two versions each, of the third none."""
    found = [
        {
            "response_id": f"{chosen}-{level}",
            "prompt_id": prompt,
            "text": text,
            "finish": "stop",
            "tokens": 1,
            "origin": {**ORIGIN, "parents": [chosen], "parameters": json.dumps({"level": level})},
        }
        for chosen, prompt in pairs.select("chosen_id", "prompt_id").head(2).iter_rows()
        for level, text in ((0.25, "y"), (0.5, "zz"))
    ]
    return rows(Responses, found)


def test_the_loss_is_the_plain_one_and_the_cross_entropy_of_the_degrees(
    pairs: Callable[..., pl.DataFrame], learner_for: Callable[..., Any]
) -> None:
    frame = pairs(3)
    tables = {"pairs": frame, "degraded": degraded(frame)}
    trainer = DPO(of="pairs", beta=0.3, degree=GAMMA, degrees="degraded")
    learner = learner_for(trainer, trainer.gather(tables))
    moved(learner)
    told = list(learner.train_dataset)
    value = learner.compute_loss(learner.model, learner.data_collator(told))
    value.backward()
    assert all(weights.grad is not None for weights in learner.model.degree.parameters())

    model, costs = learner.model, []
    for example in told:
        assert example["levels"] == ([0.0, 0.25, 0.5] if example["graded_ids"] else [])
        for number, ids in enumerate(example["graded_ids"]):
            with torch.no_grad():
                states = model.base_model(input_ids=torch.tensor([ids])).last_hidden_state
                logits = model.degree(states[0, -1])
            costs.append(F.cross_entropy(logits, torch.tensor(number)))
    assert len(costs) == 6
    learner._degree = 0.0
    alone = learner.compute_loss(learner.model, learner.data_collator(told)).detach()
    expected = float(alone) + GAMMA * float(torch.stack(costs).mean())
    assert float(value.detach()) == pytest.approx(expected, rel=1e-5)


def test_the_head_is_not_kept(
    pairs: Callable[..., pl.DataFrame], learner_for: Callable[..., Any]
) -> None:
    frame = pairs(3)
    tables = {"pairs": frame, "degraded": degraded(frame)}
    trainer = DPO(of="pairs", degree=GAMMA, degrees="degraded")
    learner = learner_for(trainer, trainer.gather(tables))
    learner.args.max_steps = 1
    learner.train()
    assert not hasattr(learner.model, "degree")
    assert not any("degree" in name for name in learner.model.state_dict())


def test_the_head_learns_at_a_rate_of_its_own(
    pairs: Callable[..., pl.DataFrame], learner_for: Callable[..., Any]
) -> None:
    frame = pairs(3)
    trainer = DPO(of="pairs", degree=GAMMA, degrees="degraded", degree_rate=0.5)
    tables = {"pairs": frame, "degraded": degraded(frame)}
    learner = learner_for(trainer, trainer.gather(tables))
    groups = learner.create_optimizer().param_groups
    rates = {id(weights): group["lr"] for group in groups for weights in group["params"]}
    head = set(map(id, learner.model.degree.parameters()))
    assert {rates.pop(each) for each in head} == {0.5}
    assert set(rates.values()) == {learner.args.learning_rate}
    assert rates.keys() | head == set(map(id, learner.model.parameters()))


def test_weights_whose_head_learned_at_another_rate_are_others(
    pairs: Callable[..., pl.DataFrame], context_for: Callable[..., Context]
) -> None:
    frame, context = pairs(3), context_for()

    def parameters(**fields: Any) -> dict[str, Any]:
        trainer = DPO(of="pairs", **fields)
        examples = trainer.gather({"pairs": frame, "degraded": degraded(frame)})
        identity = trainer._identity(examples, context.roles["policy"], context, None)
        return dict(identity["parameters"])

    # Also at the default: a head once learned at the rate of the policy, under no such name.
    assert parameters(degree=GAMMA, degrees="degraded")["degree_rate"] == 1e-3
    # Without a head, no training is another than before there was one.
    assert parameters(degree_rate=0.5) == parameters()
    assert not {"degree", "degrees", "degree_rate"} & parameters().keys()


def test_without_degrees_nothing_else_is_read_and_both_fields_belong_together(
    pairs: Callable[..., pl.DataFrame],
) -> None:
    frame = pairs(3)
    assert DPO(of="pairs").gather({"pairs": frame}).equals(DPO(of="pairs").examples(frame))
    with pytest.raises(ValidationError, match="set both degree and degrees"):
        DPO(of="pairs", degree=1.0)
