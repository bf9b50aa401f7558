"""MetaRM: the gradient of a batch, a step ahead of the weights."""

import math
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError

from schemas import Responses, columns, rows
from tests.trainers.reward_model.test_reward_model import slow_reward
from tests.trainers.samples import ORIGIN
from trainers import RewardModel
from trainers.reward_model.meta import ahead, difference

RATE = 0.05


def test_the_difference_is_that_of_the_slow_version() -> None:
    groups = [[0.5, -1.0, 2.0], [3.0, 3.0]]
    slow = []
    for group in groups:
        total = 0.0
        for i in range(len(group)):
            for j in range(i + 1, len(group)):
                total += 1 / (1 + math.exp(-abs(group[i] - group[j])))
        slow.append(2 / len(group) ** 2 * total)
    found = difference(torch.tensor([*groups[0], *groups[1]]), torch.tensor([4, 4, 4, 7, 7]))
    assert float(found) == pytest.approx(sum(slow) / 2)


def test_weights_are_a_step_ahead_and_then_as_before() -> None:
    model = torch.nn.Linear(2, 1)
    before = [weight.detach().clone() for weight in model.parameters()]
    with ahead(model, model(torch.tensor([1.0, 2.0])).sum(), 0.5):
        moved = [
            weight.detach() - old for weight, old in zip(model.parameters(), before, strict=True)
        ]
        torch.testing.assert_close(moved[0], torch.tensor([[0.5, 1.0]]))
    for weight, old in zip(model.parameters(), before, strict=True):
        assert torch.equal(weight, old)


def shifted(prompts: pl.Series) -> pl.DataFrame:
    """Three responses to the first prompt, two to the second, one to the third."""
    texts = [(0, "9"), (0, "88"), (0, "777"), (1, "1"), (1, "22"), (2, "5")]
    made = {"finish": "stop", "tokens": 1, "origin": ORIGIN}
    return rows(
        Responses,
        [
            {"response_id": f"r{n}", "prompt_id": prompts[place], "text": text, **made}
            for n, (place, text) in enumerate(texts)
        ],
    )


def test_the_gradient_is_that_of_the_slow_version(
    learner_for: Callable[..., Any], pairs: Callable[..., pl.DataFrame]
) -> None:
    frame = pairs(3)
    trainer = RewardModel(of="pairs", shifted="shifted", meta_rate=RATE)
    tables = {"pairs": frame, "shifted": shifted(frame["prompt_id"])}
    learner = learner_for(trainer, trainer.gather(tables))
    rows_of_batch = [learner.train_dataset[n] for n in range(3)]
    assert [len(row["shifted_ids"]) for row in rows_of_batch] == [3, 2, 0]
    with torch.no_grad():
        learner.model.score.weight.normal_(generator=torch.Generator().manual_seed(0))
    slow = type(learner.model)(learner.model.config)
    slow.load_state_dict(learner.model.state_dict())
    slow.double().train()

    apart = []
    for row in rows_of_batch[:2]:
        rewards = [slow_reward(slow, ids) for ids in row["shifted_ids"]]
        k = len(rewards)
        sums = [
            torch.sigmoid((rewards[i] - rewards[j]).abs())
            for i in range(k)
            for j in range(i + 1, k)
        ]
        apart.append(2 / k**2 * sum(sums))
    gradients = torch.autograd.grad(
        torch.stack(apart).mean(), list(slow.parameters()), allow_unused=True
    )
    with torch.no_grad():
        for weight, gradient in zip(slow.parameters(), gradients, strict=True):
            weight += 0 if gradient is None else RATE * gradient
    costs = [
        -F.logsigmoid(slow_reward(slow, row["chosen_ids"]) - slow_reward(slow, row["rejected_ids"]))
        for row in rows_of_batch
    ]
    torch.stack(costs).mean().backward()

    before = [weight.detach().clone() for weight in learner.model.parameters()]
    learner.current_gradient_accumulation_steps = 1  # as a run of it sets
    loss = learner.training_step(learner.model, learner.data_collator(rows_of_batch))
    assert float(loss) == pytest.approx(float(torch.stack(costs).mean().detach()), rel=1e-4)
    for ours, theirs, old in zip(
        learner.model.parameters(), slow.parameters(), before, strict=True
    ):
        torch.testing.assert_close(ours.grad.double(), theirs.grad, rtol=1e-3, atol=1e-5)
        assert torch.equal(ours, old)


def test_a_transcript_is_no_response_of_one_turn(pairs: Callable[..., pl.DataFrame]) -> None:
    frame = pairs(1)
    said = [{"role": "assistant", "start": 0, "end": 1}]
    answers = shifted(pl.Series([*frame["prompt_id"], "other", "another"]))
    turns = pl.Series([said, *[None] * 5], dtype=columns(Responses)["turns"])
    tables = {"pairs": frame, "shifted": answers.with_columns(turns=turns)}
    (examples,) = RewardModel(of="pairs", shifted="shifted").gather(tables)["shifted"].to_list()
    assert [each["text"] for each in examples] == ["777", "88"]


@pytest.mark.parametrize("options", [{"heads": 2}, {"form": "embedding"}, {"devices": 2}])
def test_it_is_of_one_reward_on_one_device(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="shifted"):
        RewardModel(of="pairs", shifted="shifted", **options)
