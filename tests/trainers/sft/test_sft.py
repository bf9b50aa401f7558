"""What supervised fine-tuning learns, and what it does not."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch

from engines.context import Context
from trainers import SFT
from trainers.training.tokenization import UNLEARNED


def batch_of(learner: Any) -> Any:
    return learner.data_collator([learner.train_dataset[n] for n in range(3)])


def test_the_answer_and_the_end_of_its_turn_are_learned_and_nothing_else(
    demonstrations: Callable[..., pl.DataFrame], learner_for: Callable[..., Any]
) -> None:
    messages = [
        {"role": "user", "content": "1 + 1 ="},
        {"role": "assistant", "content": "2"},
        {"role": "user", "content": "and 1 more?"},
        {"role": "assistant", "content": "3"},
    ]
    learner = learner_for(SFT(of="demonstrations"), demonstrations(3, messages=messages))
    batch = batch_of(learner)
    tokenizer = learner.processing_class
    for ids, labels in zip(batch["input_ids"], batch["labels"], strict=True):
        assert tokenizer.decode(labels[labels != UNLEARNED]) == "3<|end|>"
        assert tokenizer.decode(ids[labels == UNLEARNED]) == (
            "<|user|>1 + 1 =<|end|><|assistant|>2<|end|><|user|>and 1 more?<|end|><|assistant|>"
        )


def test_the_end_is_learned_where_padding_is_the_same_token(
    demonstrations: Callable[..., pl.DataFrame], learner_for: Callable[..., Any]
) -> None:
    learner = learner_for(SFT(of="demonstrations"), demonstrations(12), pad_token="<|end|>")
    batch = learner.data_collator([learner.train_dataset[n] for n in (0, 11)])
    end = learner.processing_class.eos_token_id
    assert learner.processing_class.pad_token_id == end
    lengths = batch["attention_mask"].sum(dim=1).tolist()
    assert lengths[0] < lengths[1]
    for labels, length in zip(batch["labels"].tolist(), lengths, strict=True):
        assert labels[length - 1] == end
        assert set(labels[length:]) <= {UNLEARNED}


def test_loss_is_the_mean_over_learned_tokens(
    demonstrations: Callable[..., pl.DataFrame], learner_for: Callable[..., Any]
) -> None:
    learner = learner_for(SFT(of="demonstrations"), demonstrations(3, loss_spans=[[0, 1]]))
    batch = batch_of(learner)
    with torch.no_grad():
        loss = float(learner.compute_loss(learner.model, dict(batch)))
        plain = type(learner.model)(learner.model.config)
        plain.load_state_dict(learner.model.state_dict())
        logprobs = plain.double().eval()(input_ids=batch["input_ids"]).logits.log_softmax(-1)
    slow = [
        -float(logprobs[row, n - 1, label])
        for row, labels in enumerate(batch["labels"].tolist())
        for n, label in enumerate(labels)
        if label != UNLEARNED
    ]
    # One digit each, and the end of the turn after it.
    assert len(slow) == 6
    assert loss == pytest.approx(sum(slow) / 6, rel=1e-5)


def test_each_token_counts_the_weight_of_its_row(
    demonstrations: Callable[..., pl.DataFrame], learner_for: Callable[..., Any]
) -> None:
    weights = pl.Series("weight", [2.5, 0.0, None], dtype=pl.Float64)
    frame = demonstrations(3).with_columns(weights)
    learner = learner_for(SFT(of="demonstrations"), frame)
    batch = batch_of(learner)
    assert batch["weight"].tolist() == [2.5, 0.0, 1.0]
    with torch.no_grad():
        loss = float(learner.compute_loss(learner.model, dict(batch)))
        plain = type(learner.model)(learner.model.config)
        plain.load_state_dict(learner.model.state_dict())
        logprobs = plain.double().eval()(input_ids=batch["input_ids"]).logits.log_softmax(-1)
    total, tokens = 0.0, 0
    for row, labels in enumerate(batch["labels"].tolist()):
        for n, label in enumerate(labels):
            if label != UNLEARNED:
                total -= (2.5, 0.0, 1.0)[row] * float(logprobs[row, n - 1, label])
                tokens += 1
    assert loss == pytest.approx(total / tokens, rel=1e-5)


def test_rows_without_a_weight_are_the_rows_of_before(
    demonstrations: Callable[..., pl.DataFrame],
) -> None:
    names = ["demonstration_id", "messages", "loss_spans"]
    assert SFT(of="demonstrations").examples(demonstrations(2)).columns == names
    weighted = SFT(of="demonstrations").examples(demonstrations(2, weight=0.5))
    assert weighted.columns == [*names, "weight"]


def test_a_weight_changes_what_is_trained(
    demonstrations: Callable[..., pl.DataFrame], context_for: Callable[..., Context]
) -> None:
    trainer = SFT(of="demonstrations", learning_rate=3e-3, batch_size=4)
    plain, halved = (
        trainer.run({"demonstrations": demonstrations(4, weight=weight)}, context_for())
        for weight in (None, 0.5)
    )
    losses = [json.loads(split.kept["metrics"][0])["loss"] for split in (plain, halved)]
    assert losses[1] == pytest.approx(losses[0] / 2, rel=1e-4)


def test_training_lowers_the_loss(
    demonstrations: Callable[..., pl.DataFrame],
    context_for: Callable[..., Context],
    tiny_model: Path,
) -> None:
    trainer = SFT(of="demonstrations", learning_rate=3e-3, batch_size=4, epochs=4)
    context = context_for()
    split = trainer.run({"demonstrations": demonstrations()}, context)
    (row,) = split.kept.to_dicts()
    assert (row["start"], row["trained"], row["rows"]) == (str(tiny_model), True, 12)
    assert row["path"] == str(context.models / context.refresh / context.stage)
    history = json.loads((Path(row["path"]) / "training.json").read_text())["history"]
    assert history[-1]["loss"] < history[0]["loss"] / 1.5


def test_tokens_count_by_the_weight_of_their_row(
    demonstrations: Callable[..., pl.DataFrame], learner_for: Callable[..., Any]
) -> None:
    weights = [0.5, 2.0, None]
    frame = demonstrations(3).with_columns(weight=pl.Series(weights, dtype=pl.Float64))
    learner = learner_for(SFT(of="demonstrations"), frame)
    batch = batch_of(learner)
    with torch.no_grad():
        loss = float(learner.compute_loss(learner.model, dict(batch)))
        plain = type(learner.model)(learner.model.config)
        plain.load_state_dict(learner.model.state_dict())
        logprobs = plain.double().eval()(input_ids=batch["input_ids"]).logits.log_softmax(-1)
    slow = [
        -(1.0 if weight is None else weight) * float(logprobs[row, n - 1, label])
        for row, (labels, weight) in enumerate(zip(batch["labels"].tolist(), weights, strict=True))
        for n, label in enumerate(labels)
        if label != UNLEARNED
    ]
    assert loss == pytest.approx(sum(slow) / len(slow), rel=1e-5)


def test_without_weights_the_examples_are_those_of_before(
    demonstrations: Callable[..., pl.DataFrame],
) -> None:
    trainer = SFT(of="demonstrations")
    assert "weight" not in trainer.examples(demonstrations(3)).columns
    assert "weight" in trainer.examples(demonstrations(3, weight=0.5)).columns
