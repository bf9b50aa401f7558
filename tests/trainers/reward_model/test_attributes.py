"""Attribute heads against a slow loss and against the closed form of least squares."""

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from transformers import AutoModelForSequenceClassification

from annotators import Reward
from engines.context import Context
from engines.protocol import EngineError
from schemas import Scores, rows
from tests.trainers.samples import ORIGIN, sampled
from trainers import AttributeRegression, PolicyGradient, RewardAccuracy, RewardModel

ATTRIBUTES = ("right", "short")


@pytest.fixture
def rated() -> dict[str, pl.DataFrame]:
    """Six responses with ratings of two attributes; one is not rated as short, one not at all."""
    groups = [[(text, 0.0)] for text in ("3", "x", "4", "xx", "12", "xxx")]
    tables = sampled(groups)
    found = [
        {"response_id": f"{prompt}0", "annotator": name, "value": value, "origin": ORIGIN}
        for n, prompt in enumerate("abcde")
        for name, value in zip(ATTRIBUTES, (float(n % 2 == 0), 4.0 - n), strict=True)
        if (n, name) != (1, "short")
    ]
    return tables | {"ratings": rows(Scores, found)}


def test_loss_and_gradient_are_those_of_the_slow_version(
    rated: dict[str, pl.DataFrame], learner_for: Callable[..., Any]
) -> None:
    trainer = AttributeRegression(of="responses", by="ratings", attributes=ATTRIBUTES)
    examples = trainer.gather(rated)
    learner = learner_for(
        trainer, examples.filter(pl.col("ratings").list.drop_nulls().list.len() > 0)
    )
    with torch.no_grad():
        learner.model.score.weight.normal_(generator=torch.Generator().manual_seed(0))
    slow = type(learner.model)(learner.model.config)
    slow.load_state_dict(learner.model.state_dict())
    slow.double().eval()
    given = [learner.train_dataset[n] for n in range(5)]
    loss = learner.compute_loss(learner.model, learner.data_collator(given))
    loss.backward()
    costs = []
    for row in given:
        output = slow.score(slow.model(input_ids=torch.tensor([row["ids"]]))[0][0, -1])
        squares = [(output[n] - row["targets"][n]) ** 2 for n in range(2) if row["known"][n]]
        costs.append(sum(squares) / len(squares))
    mean = torch.stack(costs).mean()
    mean.backward()
    assert float(loss.detach()) == pytest.approx(float(mean.detach()), rel=1e-5)
    for ours, theirs in zip(learner.model.parameters(), slow.parameters(), strict=True):
        torch.testing.assert_close(ours.grad.double(), theirs.grad, rtol=1e-3, atol=1e-4)


def test_heads_are_least_squares_on_the_features_of_the_body(
    rated: dict[str, pl.DataFrame], learner_for: Callable[..., Any]
) -> None:
    """With a body that stays, the closed form of the trained heads is the pseudo-inverse."""
    trainer = AttributeRegression(of="responses", by="ratings", attributes=("right",))
    examples = trainer.gather(rated).filter(pl.col("ratings").list.first().is_not_null())
    learner = learner_for(trainer, examples)
    batch = learner.data_collator([learner.train_dataset[n] for n in range(5)])
    head = learner.model.score.weight
    optimizer = torch.optim.LBFGS([head], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> Any:
        optimizer.zero_grad()
        found, _ = learner.mean_loss(learner.model, batch)
        found.backward()
        return found

    optimizer.step(loss)
    features = np.array(
        [
            learner.model.model(input_ids=torch.tensor([row["ids"]]))[0][0, -1].tolist()
            for row in learner.train_dataset
        ]
    )
    ratings = np.array([row["targets"][0] for row in learner.train_dataset])
    assert features @ head.detach().numpy()[0] == pytest.approx(
        features @ (np.linalg.pinv(features) @ ratings), abs=1e-2
    )


def test_a_folder_loads_in_transformers_and_scores_each_attribute(
    rated: dict[str, pl.DataFrame], context_for: Callable[..., Context]
) -> None:
    trainer = AttributeRegression(
        of="responses",
        by="ratings",
        attributes=ATTRIBUTES,
        learning_rate=5e-3,
        epochs=10,
    )
    split = trainer.run(rated, context_for())
    assert split.dropped["reason"].to_list() == ["no rating of right, short in stage ratings"]
    model = AutoModelForSequenceClassification.from_pretrained(split.kept["path"][0])
    assert model.config.id2label == dict(enumerate(ATTRIBUTES))
    assert model.score.weight.shape[0] == 2

    tables = rated | {"trained": split.kept}
    options: dict[str, Any] = {
        "of": "responses",
        "model": "policy",
        "checkpoint": "trained",
        "probes": "off",
    }
    each = Reward(**options).run(tables, context_for(stage="each")).kept
    assert each["annotator"].unique().sort().to_list() == ["reward/right", "reward/short"]
    wide = each.pivot("annotator", index="response_id", values="value")
    summed = Reward(**options, weights={"right": 2.0, "short": -0.5}).run(
        tables, context_for(stage="summed")
    )
    assert summed.kept["annotator"].unique().to_list() == ["reward"]
    assert summed.kept["value"].to_list() == pytest.approx(
        (2 * wide["reward/right"] - 0.5 * wide["reward/short"]).to_list()
    )
    with pytest.raises(EngineError, match="weights name long"):
        Reward(**options, weights={"long": 1.0}).run(tables, context_for(stage="wrong"))
    with pytest.raises(EngineError, match="gives right, short, and no one reward"):
        RewardAccuracy(of="trained", pairs="pairs").run(tables, context_for(stage="measured"))


def test_weights_are_refused_of_a_model_without_attributes(
    rated: dict[str, pl.DataFrame],
    pairs: Callable[..., pl.DataFrame],
    context_for: Callable[..., Context],
) -> None:
    trained = RewardModel(of="pairs", learning_rate=5e-3).run({"pairs": pairs()}, context_for())
    annotator = Reward(
        of="responses", model="policy", checkpoint="trained", probes="off", weights={"right": 1.0}
    )
    with pytest.raises(EngineError, match="weights are of attributes"):
        annotator.run(rated | {"trained": trained.kept}, context_for(stage="wrong"))


def test_preferences_go_on_from_the_first_attribute(
    rated: dict[str, pl.DataFrame],
    pairs: Callable[..., pl.DataFrame],
    context_for: Callable[..., Context],
) -> None:
    ratings = AttributeRegression(
        of="responses", by="ratings", attributes=ATTRIBUTES, learning_rate=5e-3, epochs=4
    ).run(rated, context_for(stage="ratings"))
    trainer = RewardModel(
        of="pairs", form="scaled", checkpoint="before", learning_rate=1e-6, max_steps=1
    )
    kept = trainer.run({"pairs": pairs(4), "before": ratings.kept}, context_for()).kept
    before, after = (
        AutoModelForSequenceClassification.from_pretrained(each["path"][0])
        for each in (ratings.kept, kept)
    )
    assert after.config.num_labels == 1
    assert not hasattr(after.config, "reward_outputs")
    torch.testing.assert_close(after.score.weight[0], before.score.weight[0], rtol=0, atol=1e-5)


def test_a_transcript_is_read_after_the_turns_before_its_last(
    learner_for: Callable[..., Any],
) -> None:
    found = sampled([[("1 ? 12", 1.0), ("3", 0.0)]])
    spans = [("assistant", 0, 1), ("user", 1, 4), ("assistant", 4, 6)]
    said = [dict(zip(("role", "start", "end"), span, strict=True)) for span in spans]
    responses = found["responses"]
    turns = pl.Series([said, None], dtype=responses.schema["turns"])
    tables = found | {"responses": responses.with_columns(turns=turns)}
    policy = PolicyGradient(of="responses", rewards={"scores": 1.0})
    learned = learner_for(policy, policy.gather(tables)).train_dataset
    trainer = AttributeRegression(of="responses", by="scores", attributes=("test",))
    read = learner_for(trainer, trainer.gather(tables)).train_dataset
    expected = [each["prompt_ids"] + each["answer_ids"] for each in learned]
    assert [each["ids"] for each in read] == expected
