"""Mixtures of rewards: the slow losses, groups who differ, and what is kept in the folder."""

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
import torch.nn.functional as F
from transformers import AutoModelForSequenceClassification

from annotators import MixtureReward as Scorer
from annotators.rewards.mixture_reward import personal
from claims import GroupAccuracy
from engines.context import Context
from engines.protocol import EngineError
from schemas import Pairs, Scores, rows
from tests.trainers.samples import ORIGIN, sampled
from trainers import MixtureReward, RewardModel
from trainers.reward_model.mixture_losses import (
    mean_entropy,
    personal_rewards,
    routed_losses,
)

CONFIDENCES = [1.0, 0.0, 0.3, 1.0, 0.8]
ROUTED = MixtureReward(of="pairs", by="prompt", rewards=2)
PERSONAL = MixtureReward(of="pairs", by="annotator", rewards=2)


def judged(pairs: pl.DataFrame) -> pl.DataFrame:
    """The pairs, of ana and ben by turns."""
    names = pl.Series(["ana", "ben"] * pairs.height, dtype=pl.String)[: pairs.height]
    return pairs.with_columns(annotator=names)


@pytest.fixture
def learnt(
    learner_for: Callable[..., Any], pairs: Callable[..., pl.DataFrame]
) -> Callable[..., tuple[Any, Callable[[str], list[torch.Tensor]]]]:
    """Makes a learner on five pairs with several weights, and a function of the outputs of one of
    their sequences, one at a time, by a slow copy."""

    def make(trainer: MixtureReward) -> tuple[Any, Callable[[str], list[torch.Tensor]]]:
        frame = judged(pairs(5).with_columns(weight=pl.Series(CONFIDENCES)))
        learner = learner_for(trainer, frame)
        with torch.no_grad():
            learner.model.score.weight.normal_(generator=torch.Generator().manual_seed(0))
        slow = type(learner.model)(learner.model.config)
        state = {k: v for k, v in learner.model.state_dict().items() if "annotators" not in k}
        slow.load_state_dict(state)
        slow.double().eval()
        learner.slow = slow

        def outputs(kind: str) -> list[torch.Tensor]:
            return [
                slow.score(slow.model(input_ids=torch.tensor([row[kind]]))[0][0, -1])
                for row in learner.train_dataset
            ]

        return learner, outputs

    return make


def check_same(learner: Any, slow_loss: torch.Tensor) -> None:
    given = [learner.train_dataset[n] for n in range(5)]
    loss = learner.compute_loss(learner.model, learner.data_collator(given))
    loss.backward()
    slow_loss.backward()
    assert float(loss.detach()) == pytest.approx(float(slow_loss.detach()), rel=1e-4)
    ours = {k: v for k, v in learner.model.named_parameters() if "annotators" not in k}
    for name, theirs in learner.slow.named_parameters():
        torch.testing.assert_close(ours[name].grad.double(), theirs.grad, rtol=1e-3, atol=1e-4)


def test_loss_and_gradient_by_prompt_are_those_of_the_slow_version(
    learnt: Callable[..., Any],
) -> None:
    learner, outputs = learnt(ROUTED)
    sides = [outputs(kind) for kind in ("chosen_ids", "rejected_ids", "prompt_ids")]
    costs, all_weights = [], []
    for chosen, rejected, prompt, c in zip(*sides, CONFIDENCES, strict=True):
        w = prompt[2:].exp() / prompt[2:].exp().sum()
        p = sum(w[k] / (1 + (rejected[k] - chosen[k]).exp()) for k in range(2))
        costs.append(-c * torch.log(p) - (1 - c) * torch.log(1 - p))
        all_weights.append(w)
    mean = sum(all_weights) / 5
    entropy = -sum(one * torch.log(one) for one in mean)
    check_same(learner, sum(costs) / 5 - 0.1 * entropy)


@pytest.mark.parametrize("form", ["direction", "point"])
def test_loss_and_gradient_by_annotator_are_those_of_the_slow_version(
    learnt: Callable[..., Any], form: Any
) -> None:
    learner, outputs = learnt(PERSONAL.model_copy(update={"form": form}))
    kept = learner.model.annotators
    assert kept.names == ["ana", "ben"]
    with torch.no_grad():
        kept.logits.copy_(torch.tensor([[0.5, -0.5], [1.0, 2.0]]))
    prototypes = None if form == "direction" else [[1.0, 0.0], [0.0, 1.0]]
    costs = []
    for n, (chosen, rejected) in enumerate(
        zip(outputs("chosen_ids"), outputs("rejected_ids"), strict=True)
    ):
        w = [1 / (1 + math.exp(-1)), 1 / (1 + math.exp(1))] if n % 2 == 0 else None
        w = w or [1 / (1 + math.e), math.e / (1 + math.e)]
        if prototypes is None:
            margin = sum(w[k] * (chosen[k] - rejected[k]) for k in range(2))
        else:
            margin = sum((rejected[k] - w[k]) ** 2 - (chosen[k] - w[k]) ** 2 for k in range(2))
        c = CONFIDENCES[n]
        costs.append(-c * F.logsigmoid(margin) - (1 - c) * F.logsigmoid(-margin))
    check_same(learner, sum(costs) / 5)
    z = [0.3, -2.0]
    ours = personal_rewards(
        torch.tensor([z]),
        torch.tensor([[0.25, 0.75]]),
        None if prototypes is None else torch.tensor(prototypes),
    )
    assert personal(z, [0.25, 0.75], prototypes) == pytest.approx(float(ours))


def disagreeing(flips: float) -> tuple[pl.DataFrame, torch.Tensor]:
    """Pairs of 200 prompts by two groups: "short" chooses the first text and "long" the second,
    except for a share ``flips`` of pairs. And a feature of each chosen less the rejected text."""
    made, features = [], []
    for n in range(200):
        for name, sign in (("short", 1), ("long", -1)):
            wrong = n < flips * 200
            first = (sign > 0) != wrong
            sides = ("1", "2") if first else ("2", "1")
            made.append(
                {
                    "pair_id": f"{n}{name}",
                    "prompt_id": str(n),
                    "prompt": [{"role": "user", "content": "?"}],
                    "chosen": [{"role": "assistant", "content": sides[0]}],
                    "rejected": [{"role": "assistant", "content": sides[1]}],
                    "chosen_id": f"{n}-{sides[0]}",
                    "rejected_id": f"{n}-{sides[1]}",
                    "weight": 1.0,
                    "annotator": name,
                }
            )
            features.append(1.0 if first else -1.0)
    return rows(Pairs, made), torch.tensor(features)


@pytest.mark.parametrize("flips", [0.0, 0.25])
@pytest.mark.parametrize("by", ["annotator", "prompt"])
def test_the_worst_group_is_predicted_as_well_as_its_labels_allow(flips: float, by: str) -> None:
    """The closed form: of two groups with opposite tastes and a share f of wrong labels, one reward
    predicts 1 − f of the one and f of the other, whatever it is, or half of both where it is 0; so
    at most 1/2 of the worse. A reward for each group predicts 1 − f of both."""
    pairs, features = disagreeing(flips)
    group = torch.tensor([[1.0, 0.0], [0.0, 1.0]]).repeat(200, 1)
    ones = torch.ones(400)
    heads = torch.tensor([0.01, -0.01], requires_grad=True)
    logits = torch.zeros(2, 2, requires_grad=True)
    one = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.Adam([heads, logits, one], lr=0.1)
    for _ in range(150):
        margins = features[:, None] * heads
        if by == "annotator":
            weights = logits.softmax(dim=1)[group.argmax(dim=1)]
            rewards = personal_rewards(margins, weights, None)
            loss = -F.logsigmoid(rewards).mean()
        else:
            router = group @ logits
            loss = routed_losses(margins, 0 * margins, router, ones).mean()
            loss = loss - 0.1 * mean_entropy(router)
        loss = loss - F.logsigmoid(features * one).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    def scores(value: Callable[[str, float], float], names: list[str]) -> pl.DataFrame:
        return rows(
            Scores,
            [
                {
                    "response_id": f"{n}-{text}",
                    "annotator": name,
                    "value": value(name, 0.5 if text == "1" else -0.5),
                    "origin": ORIGIN,
                }
                for n in range(200)
                for text in "12"
                for name in names
            ],
        )

    learnt = logits.detach().softmax(dim=1).tolist()
    rates = heads.detach().tolist()
    mixed = scores(
        lambda name, x: personal([x * r for r in rates], learnt[name == "long"], None),
        ["short", "long"],
    )
    single = scores(lambda _, x: x * float(one.detach()), ["reward"])
    tables = {"prompts": pairs.select("prompt_id").unique(), "pairs": pairs}
    found = GroupAccuracy(of="scores", control="scores").figures(
        tables | {"scores": mixed}, tables | {"scores": single}, checks={}
    )
    assert found.measured == pytest.approx(1 - flips)
    assert found.control is not None
    assert found.control <= 0.5
    assert found.verdict == "held"


def options(**more: Any) -> dict[str, Any]:
    return {"of": "pairs", "rewards": 2, "learning_rate": 5e-3, "max_steps": 3, **more}


def test_a_router_reads_the_prompt_and_its_context(
    pairs: Callable[..., pl.DataFrame], context_for: Callable[..., Context]
) -> None:
    kept = MixtureReward(**options(by="prompt")).run({"pairs": pairs(6)}, context_for()).kept
    model = AutoModelForSequenceClassification.from_pretrained(kept["path"][0])
    assert list(model.config.id2label.values()) == ["reward-0", "reward-1", "router-0", "router-1"]
    assert model.config.reward_mixture == {"by": "prompt"}
    tables = sampled([[("1", 0.0), ("xx", 0.0)]]) | {"trained": kept}
    asked: dict[str, Any] = {"of": "responses", "model": "policy", "checkpoint": "trained"}
    scorer = Scorer(**asked, probes="off")
    plain = scorer.run(tables, context_for(stage="plain")).kept
    assert plain["annotator"].to_list() == ["reward", "reward"]
    weights = [json.loads(raw)["weights"] for raw in plain["raw"]]
    assert weights[0] == weights[1]
    assert sum(weights[0]) == pytest.approx(1)
    both = scorer.model_copy(update={"contexts": ("a", "b")})
    found = both.run(tables, context_for(stage="contexts")).kept
    assert found.group_by("annotator", maintain_order=True).len().rows() == [("a", 2), ("b", 2)]
    assert found["raw"].n_unique() == 2


def test_new_annotators_move_their_weights_alone(
    pairs: Callable[..., pl.DataFrame], context_for: Callable[..., Context]
) -> None:
    first = MixtureReward(**options(by="annotator", form="point"))
    before = first.run({"pairs": judged(pairs(6))}, context_for(stage="first")).kept
    new = pairs(6).with_columns(annotator=pl.lit("cleo"))
    few = MixtureReward(
        **options(by="annotator", form="point", checkpoint="before", only_weights=True)
    )
    after = few.run({"pairs": new, "before": before}, context_for(stage="few")).kept
    configs, weights = [], []
    for each in (before, after):
        model = AutoModelForSequenceClassification.from_pretrained(each["path"][0])
        configs.append(model.config.reward_mixture)
        weights.append(model.state_dict())
    assert weights[0].keys() == weights[1].keys()
    for name, value in weights[0].items():
        assert torch.equal(value, weights[1][name]), name
    assert configs[0]["prototypes"] == configs[1]["prototypes"]
    known, more = (each["weights"] for each in configs)
    assert set(more) == {"ana", "ben", "cleo"}
    for name in known:
        assert more[name] == pytest.approx(known[name], abs=1e-5)
    assert more["cleo"] != pytest.approx([0.5, 0.5], abs=1e-4)
    asked: dict[str, Any] = {"of": "responses", "model": "policy", "checkpoint": "trained"}
    tables = sampled([[("1", 0.0), ("xx", 0.0)]]) | {"trained": after}
    scores = Scorer(**asked, probes="off").run(tables, context_for(stage="scored")).kept
    assert sorted(scores["annotator"].to_list()) == ["ana", "ana", "ben", "ben", "cleo", "cleo"]
    with pytest.raises(EngineError, match="leave out contexts"):
        Scorer(**asked, probes="off", contexts=("a",)).run(tables, context_for(stage="wrong"))


def test_new_contexts_move_the_router_alone(
    pairs: Callable[..., pl.DataFrame], context_for: Callable[..., Context]
) -> None:
    before = (
        MixtureReward(**options(by="prompt"))
        .run({"pairs": pairs(6)}, context_for(stage="first"))
        .kept
    )
    few = MixtureReward(**options(by="prompt", checkpoint="before", only_weights=True))
    after = few.run({"pairs": pairs(4), "before": before}, context_for(stage="few")).kept
    one, two = (
        AutoModelForSequenceClassification.from_pretrained(each["path"][0]).state_dict()
        for each in (before, after)
    )
    changed = {name for name in one if not torch.equal(one[name], two[name])}
    assert changed == {"score.weight"}
    assert torch.equal(one["score.weight"][:2], two["score.weight"][:2])
    assert not torch.equal(one["score.weight"][2:], two["score.weight"][2:])


def test_what_cannot_be_learnt_is_told(
    pairs: Callable[..., pl.DataFrame], context_for: Callable[..., Context]
) -> None:
    some = judged(pairs(4)).with_columns(
        annotator=pl.when(pl.col("pair_id") == "pair-000").then(None).otherwise("annotator")
    )
    split = MixtureReward(**options(by="annotator")).run({"pairs": some}, context_for())
    assert split.dropped["reason"].to_list() == ["its annotator is not known"]
    with pytest.raises(ValueError, match="set by: annotator"):
        MixtureReward(**options(by="prompt", form="point"))
    with pytest.raises(ValueError, match="needs a checkpoint"):
        MixtureReward(**options(by="prompt", only_weights=True))
    plain = RewardModel(of="pairs", learning_rate=5e-3, max_steps=2).run(
        {"pairs": pairs()}, context_for(stage="plain")
    )
    few = MixtureReward(**options(by="prompt", checkpoint="before", only_weights=True))
    with pytest.raises(EngineError, match="no 2 rewards that were trained by prompt"):
        few.run({"pairs": pairs(2), "before": plain.kept}, context_for(stage="few"))
    scorer = Scorer(of="responses", model="policy", checkpoint="trained", probes="off")
    with pytest.raises(EngineError, match="no mixture of rewards"):
        scorer.run(sampled() | {"trained": plain.kept}, context_for(stage="wrong"))


def test_weights_of_a_mean_are_as_uncertain_as_they_are_even() -> None:
    assert float(mean_entropy(torch.tensor([[9.0, -9.0], [-9.0, 9.0]]))) == pytest.approx(
        math.log(2)
    )
    assert float(mean_entropy(torch.tensor([[99.0, -99.0]]))) == pytest.approx(0, abs=1e-6)
    drawn = torch.tensor(np.random.default_rng(0).normal(size=(5, 3)))
    mean = drawn.softmax(dim=1).mean(dim=0)
    assert float(mean_entropy(drawn)) == pytest.approx(-sum(float(m) * math.log(m) for m in mean))
