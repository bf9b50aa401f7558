"""Learning from transcripts: only what the policy wrote has an advantage, a ratio and a KL."""

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
import torch

from engines.protocol import RowError
from tests.trainers.samples import in_steps, sampled, scores
from tests.trainers.slow import logprobs, moved, plain
from trainers import PolicyGradient

BETA = 0.3
TURNS = [("assistant", 0, 1), ("user", 1, 4), ("assistant", 4, 6)]


def tables() -> dict[str, pl.DataFrame]:
    found = sampled([(("1 ? 12", 1.0), ("x ? xx", 0.0))])
    said = [dict(zip(("role", "start", "end"), turn, strict=True)) for turn in TURNS]
    responses = found["responses"]
    turns = pl.Series([said] * responses.height, dtype=responses.schema["turns"])
    return {**found, "responses": responses.with_columns(turns=turns)}


@pytest.mark.parametrize("loss", ["grpo", "bnpo", "rloo"])
def test_the_loss_is_over_the_tokens_of_the_policy(
    loss: Any, learner_for: Callable[..., Any]
) -> None:
    trainer = PolicyGradient(of="responses", rewards={"scores": 1.0}, loss=loss, beta=BETA)
    learner = learner_for(trainer, trainer.gather(tables()))
    start = plain(learner)
    moved(learner)
    policy = plain(learner)
    told = list(learner.train_dataset)
    value = learner.compute_loss(learner.model, learner.data_collator(told))
    costs = []
    for each in told:
        # The end of each turn is the policy's, the header and words of the user are not.
        assert sum(each["spoken"]) == 2 + 3
        spoken = torch.tensor(each["spoken"]).bool()
        advantage = max(each["advantages"], key=abs)
        with torch.no_grad():
            now, before = (
                logprobs(model, each, "answer")[spoken].double() for model in (policy, start)
            )
        log_ratio = now - before
        apart = log_ratio.exp() * (torch.expm1(-log_ratio) + log_ratio)
        ratio = log_ratio.sum().exp() if loss == "rloo" else log_ratio.exp()
        cost = -torch.minimum(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage)
        costs.append(cost + BETA * (apart.sum() if loss == "rloo" else apart))
    expected = torch.cat(costs).mean() if loss == "bnpo" else sum(c.mean() for c in costs) / 2
    assert float(value.detach()) == pytest.approx(float(expected), rel=1e-4)


def test_rewards_of_steps_of_a_transcript_are_refused(learner_for: Callable[..., Any]) -> None:
    found = tables()
    found["responses"] = in_steps(found["responses"], 3)
    found["steps"] = scores({"a0": [1.0, 0.0], "a1": [0.0, 0.0]})
    trainer = PolicyGradient(of="responses", step_rewards={"steps": 1.0})
    with pytest.raises(RowError, match="whose reward is of the whole"):
        learner_for(trainer, trainer.gather(found))
