"""Members of ensembles differ, and several heads have the loss of the slow version."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
import torch.nn.functional as F
from transformers import AutoModelForSequenceClassification

from engines.context import Context
from trainers import RewardModel
from trainers.reward_model.ensembles import drawn_pairs

Pairs = Callable[..., pl.DataFrame]
HEADS = 3


def test_loss_and_gradient_of_several_heads_are_those_of_the_slow_version(
    learner_for: Callable[..., Any], pairs: Pairs
) -> None:
    frame = pairs(5).with_columns(
        weight=pl.Series([1.0, 0.0, 0.3, 1.0, 0.8]), margin=pl.Series([0.0, 1.0, 2.0, None, 4.0])
    )
    trainer = RewardModel(of="pairs", margin_scale=0.25, heads=HEADS, bootstrap=True)
    learner = learner_for(trainer, frame)
    with torch.no_grad():
        learner.model.score.weight.normal_(generator=torch.Generator().manual_seed(0))
    slow = type(learner.model)(learner.model.config)
    slow.load_state_dict(learner.model.state_dict())
    slow.double().eval()
    rows = [learner.train_dataset[n] for n in range(5)]
    loss = learner.compute_loss(learner.model, learner.data_collator(rows))
    loss.backward()

    costs = []
    for row, margin in zip(rows, [0.0, 1.0, 2.0, 0.0, 4.0], strict=True):
        sides = [
            slow.score(slow.model(input_ids=torch.tensor([row[name]])).last_hidden_state[0, -1])
            for name in ("chosen_ids", "rejected_ids")
        ]
        for head in range(HEADS):
            h = sides[0][head] - sides[1][head] - 0.25 * margin
            variance = sum(side[HEADS + head].exp() for side in sides)
            h = h / torch.sqrt(1 + math.pi * variance / 8)
            c = row["weight"]
            costs.append(row["drawn"][head] * (-c * F.logsigmoid(h) - (1 - c) * F.logsigmoid(-h)))
    mean = torch.stack(costs).sum() / (5 * HEADS)
    mean.backward()
    assert float(loss.detach()) == pytest.approx(float(mean.detach()), rel=1e-5)
    for ours, theirs in zip(learner.model.parameters(), slow.parameters(), strict=True):
        torch.testing.assert_close(ours.grad.double(), theirs.grad, rtol=1e-3, atol=1e-5)


def test_sigma_of_a_normal_distribution_is_nearly_its_mean() -> None:
    normal = torch.distributions.Normal(0.0, 1.0)
    points = normal.icdf((torch.arange(20_000) + 0.5) / 20_000)
    for mean, variance in ((0.5, 0.5), (2.0, 3.0), (-1.0, 8.0)):
        exact = torch.sigmoid(mean + math.sqrt(variance) * points).mean()
        near = torch.sigmoid(torch.tensor(mean / math.sqrt(1 + math.pi * variance / 8)))
        assert abs(float(exact - near)) < 0.02


def test_a_bootstrap_draws_prompts_with_all_their_pairs() -> None:
    examples = [{"chosen_ids": [n // 2, 7, n], "prompt_tokens": 2} for n in range(80)]
    drawn = torch.tensor(drawn_pairs(examples, 2, seed=0))
    assert drawn.tolist() == torch.tensor(drawn_pairs(examples, 2, seed=0)).tolist()
    assert torch.equal(drawn[0::2], drawn[1::2])
    assert drawn.sum(dim=0).tolist() == [80.0, 80.0]
    assert not torch.equal(drawn[:, 0], drawn[:, 1])
    assert not torch.equal(drawn, torch.tensor(drawn_pairs(examples, 2, seed=1)))


def test_members_of_an_ensemble_differ_and_are_made_again_alike(
    learner_for: Callable[..., Any], pairs: Pairs
) -> None:
    def head(seed: int, **options: Any) -> list[float]:
        from trainers.reward_model.ensembles import draw_head

        model = learner_for(RewardModel(of="pairs", **options), pairs(4)).model
        model.score.weight.data.zero_()
        draw_head(model, seed=seed)
        return model.score.weight.flatten().tolist()  # type: ignore[no-any-return]

    assert head(1, bootstrap=True) == head(1, bootstrap=True) != head(2, bootstrap=True)
    assert learner_for(RewardModel(of="pairs", bootstrap=True), pairs(4)).model.score.weight.any()


def test_a_folder_of_several_heads_loads_in_transformers_and_goes_on(
    pairs: Pairs, context_for: Callable[..., Context]
) -> None:
    single = RewardModel(of="pairs", learning_rate=5e-3).run({"pairs": pairs()}, context_for()).kept
    several = RewardModel(
        of="pairs", heads=HEADS, learning_rate=5e-3, epochs=4, batch_size=4, checkpoint="single"
    )
    context = context_for(stage="several")
    kept = several.run({"pairs": pairs(), "single": single}, context).kept
    model = AutoModelForSequenceClassification.from_pretrained(kept["path"][0])
    assert model.config.num_labels == 2 * HEADS
    assert model.config.reward_heads == HEADS
    assert model.score.weight[0].any()
    assert not torch.equal(model.score.weight[0], model.score.weight[1])


def test_what_was_trained_before_there_were_ensembles_is_found(
    pairs: Pairs, context_for: Callable[..., Context]
) -> None:
    seen = []
    for options in ({}, {"bootstrap": True}, {"heads": 2}):
        kept = RewardModel(of="pairs", max_steps=1, **options).run(
            {"pairs": pairs()}, context_for()
        )
        told = json.loads(Path(kept.kept["path"][0], "training.json").read_text())
        seen.append(told["identity"]["parameters"])
    plain, bootstrap, heads = map(set, seen)
    assert not {"bootstrap", "heads", "optimizer"} & plain
    assert bootstrap - plain == {"bootstrap"}
    assert heads - plain == {"heads"}
