"""The reward model's loss against a slow one, what its folder holds, and what padding changes."""

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
import torch
import torch.nn.functional as F
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

from engines.bindings import Binding
from engines.chat.template import chat_text
from engines.context import Context
from trainers import LoRA, RewardModel

Tensor = torch.Tensor


def slow_reward(model: Any, ids: list[int]) -> Tensor:
    """The head's value of the last token's state, one sequence at a time."""
    states = model.model(input_ids=torch.tensor([ids])).last_hidden_state
    return (states[0, -1] * model.score.weight[0]).sum()


@pytest.fixture
def learner(learner_for: Callable[..., Any], pairs: Callable[..., pl.DataFrame]) -> Any:
    """Six pairs of several lengths and weights, with a head that has learnt something."""
    frame = pairs(6).with_columns(
        weight=pl.Series([1.0, 0.0, 0.3, 1.0, 0.8, 0.5]),
        margin=pl.Series([0.0, 1.0, 2.0, None, 4.0, 5.0]),
    )
    made = learner_for(RewardModel(of="pairs", margin_scale=0.25), frame)
    with torch.no_grad():
        made.model.score.weight.normal_(generator=torch.Generator().manual_seed(0))
    return made


def test_loss_and_gradient_are_those_of_the_slow_version(learner: Any) -> None:
    slow = type(learner.model)(learner.model.config)
    slow.load_state_dict(learner.model.state_dict())
    slow.double().eval()
    batch = learner.data_collator([learner.train_dataset[n] for n in range(6)])
    loss = learner.compute_loss(learner.model, batch)
    loss.backward()

    costs = []
    for row, margin in zip(learner.train_dataset, [0.0, 1.0, 2.0, 0.0, 4.0, 5.0], strict=True):
        h = slow_reward(slow, row["chosen_ids"]) - slow_reward(slow, row["rejected_ids"])
        h, c = h - 0.25 * margin, row["weight"]
        costs.append(-c * F.logsigmoid(h) - (1 - c) * F.logsigmoid(-h))
    mean = torch.stack(costs).mean()
    mean.backward()
    assert float(loss.detach()) == pytest.approx(float(mean.detach()), rel=1e-5)
    for ours, theirs in zip(learner.model.parameters(), slow.parameters(), strict=True):
        torch.testing.assert_close(ours.grad.double(), theirs.grad, rtol=1e-3, atol=1e-5)


def test_full_confidence_is_trls_own_loss(learner: Any) -> None:
    from trl import RewardTrainer

    batch = learner.data_collator([learner.train_dataset[n] for n in (0, 3)])
    ours = learner.compute_loss(learner.model, batch)
    for name in ("weight", "target"):
        del batch[name]
    theirs = RewardTrainer.compute_loss(learner, learner.model, batch)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


def test_the_reward_is_read_at_the_end_even_where_padding_is_what_ends_a_turn(
    learner_for: Callable[..., Any], pairs: Callable[..., pl.DataFrame]
) -> None:
    made = learner_for(RewardModel(of="pairs"), pairs(3), pad_token="<|end|>")
    with torch.no_grad():
        made.model.score.weight.normal_(generator=torch.Generator().manual_seed(0))
    batch = made.data_collator([made.train_dataset[n] for n in range(3)])
    with torch.no_grad():
        found = made.model(batch["input_ids"], attention_mask=batch["attention_mask"]).logits
        slow = [
            float(slow_reward(made.model, made.train_dataset[n][f"{side}_ids"]))
            for side in ("chosen", "rejected")
            for n in range(3)
        ]
    assert found[:, 0].tolist() == pytest.approx(slow, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("lora", [None, LoRA()])
def test_a_trained_folder_rewards_the_chosen_when_loaded_by_transformers(
    lora: LoRA | None, pairs: Callable[..., pl.DataFrame], context_for: Callable[..., Context]
) -> None:
    frame = pairs()
    trainer = RewardModel(of="pairs", learning_rate=5e-3, epochs=4, batch_size=4, lora=lora)
    kept = trainer.run({"pairs": frame}, context_for()).kept
    assert kept["trained"][0]

    model = AutoModelForSequenceClassification.from_pretrained(kept["path"][0])
    tokenizer = AutoTokenizer.from_pretrained(kept["path"][0])
    assert model.config.architectures == ["LlamaForSequenceClassification"]
    assert model.config.num_labels == 1

    def reward(row: dict[str, Any], side: str) -> float:
        text = chat_text(tokenizer, row["prompt"]) + row[side][0]["content"] + "<|end|>"
        with torch.no_grad():
            return float(model(**tokenizer(text, return_tensors="pt")).logits)

    assert all(reward(row, "chosen") > reward(row, "rejected") for row in frame.to_dicts())


def test_the_body_begins_as_the_policy_and_the_head_at_zero(
    tiny_model: Any, learner_for: Callable[..., Any], pairs: Callable[..., pl.DataFrame]
) -> None:
    made = learner_for(RewardModel(of="pairs"), pairs(2)).model
    policy = AutoModelForCausalLM.from_pretrained(tiny_model)
    for name, weights in policy.model.state_dict().items():
        assert torch.equal(made.model.state_dict()[name], weights)
    assert not made.score.weight.any()


def test_the_same_pairs_in_any_order_make_the_same_model(
    pairs: Callable[..., pl.DataFrame], context_for: Callable[..., Context], tmp_path: Any
) -> None:
    trainer = RewardModel(of="pairs", learning_rate=1e-3)
    found = [
        trainer.run({"pairs": frame}, context_for(models=tmp_path / name)).kept["path"][0]
        for name, frame in {"a": pairs(), "b": pairs().reverse()}.items()
    ]
    one, other = (AutoModelForSequenceClassification.from_pretrained(path) for path in found)
    assert all(
        torch.equal(weights, other.state_dict()[name]) for name, weights in one.state_dict().items()
    )


def test_a_role_without_weights_is_refused(
    pairs: Callable[..., pl.DataFrame], context_for: Callable[..., Context]
) -> None:
    served = Binding(engine="openai", url="http://127.0.0.1:9/v1", served_as="policy")
    with pytest.raises(Exception, match="takes its weights: add them"):
        RewardModel(of="pairs").run({"pairs": pairs()}, context_for(roles={"policy": served}))
