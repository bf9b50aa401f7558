"""The process reward model: where it reads, what it learns from, and what its folder holds."""

import json
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
import torch
import torch.nn.functional as F
from transformers import AutoModelForTokenClassification, AutoTokenizer

from engines.bindings import Binding
from engines.chat.template import chat_text
from engines.context import Context
from schemas import Checkpoints, Pairs, StepLabels, rows
from trainers import PRM, LoRA, ValueHead
from trainers.prm.losses import cross_entropy, ranked, squared

Labels = list[bool | None]


@pytest.fixture(scope="session")
def siblings() -> Callable[[], pl.DataFrame]:
    """Makes begun answers that differ in their last step."""

    def make() -> pl.DataFrame:
        return rows(
            Pairs,
            [
                {
                    "pair_id": f"pair-{n:03}",
                    "prompt_id": f"prompt-{n:03}",
                    "prompt": [{"role": "user", "content": f"{n} + 1 ="}],
                    "chosen": [{"role": "assistant", "content": f"So.\n{n} + 1 = {n + 1}.\n"}],
                    "rejected": [{"role": "assistant", "content": "So.\nxx.\n"}],
                    "chosen_id": f"right-{n}",
                    "rejected_id": f"wrong-{n}",
                    "weight": 1.0,
                    "shared_prefix": 4,
                }
                for n in range(12)
            ],
        )

    return make


@pytest.fixture
def rewards_context(context_for: Callable[..., Context], tiny_model: Any) -> Context:
    return context_for(roles={"reward": Binding(model=str(tiny_model), device="cpu")})


def step_rewards(path: str, prompt: Any, steps: list[str]) -> list[float]:
    """One request a step: the logit at the last token of each begun answer."""
    model = AutoModelForTokenClassification.from_pretrained(path)
    tokenizer = AutoTokenizer.from_pretrained(path)
    found = []
    for count in range(1, len(steps) + 1):
        text = chat_text(tokenizer, prompt) + "".join(steps[:count])
        with torch.no_grad():
            logits = model(**tokenizer(text, return_tensors="pt", add_special_tokens=False)).logits
        found.append(float(logits[0, -1, 0]))
    return found


def test_batches_without_a_right_step_or_without_a_wrong_one(
    rewards_context: Context, labelled: Callable[..., pl.DataFrame]
) -> None:
    few = [labelled(24).filter(pl.col("first_error").is_null() == right) for right in (True, False)]
    wrong = few[1].with_columns(labels=pl.col("labels").list.eval(pl.element() & False))
    tables = {"steps": pl.concat([few[0], wrong])}
    split = PRM(of="steps", batch_size=1, epochs=2).run(tables, rewards_context)
    metrics = json.loads(split.kept["metrics"][0])
    assert {"rewards/right", "rewards/wrong"} <= set(metrics)


@pytest.mark.parametrize("loss", ["bce", "soft", "mse", "pqm"])
def test_the_loss_is_that_of_rewards_read_one_step_at_a_time(
    loss: Any, learner_for: Callable[..., Any], labelled: Callable[..., pl.DataFrame]
) -> None:
    frame = labelled(6)
    made = learner_for(PRM(of="labels", loss=loss), frame)
    with torch.no_grad():
        made.model.score.weight.normal_(generator=torch.Generator().manual_seed(0))
        made.model.score.bias.fill_(0.1)
    slow = type(made.model)(made.model.config)
    slow.load_state_dict(made.model.state_dict())
    slow.double().eval()
    batch = made.data_collator([made.train_dataset[n] for n in range(6)])
    found = made.compute_loss(made.model, batch)
    found.backward()

    tokenizer = made.processing_class
    said, targets, known = (torch.zeros(6, 3, dtype=torch.float64) for _ in range(3))
    for number, row in enumerate(frame.iter_rows(named=True)):
        learnt = row["labels" if loss in ("bce", "pqm") else "values"]
        for step, target in enumerate(learnt):
            text = chat_text(tokenizer, row["prompt"]) + "".join(row["completions"][: step + 1])
            ids = torch.tensor([tokenizer(text, add_special_tokens=False)["input_ids"]])
            states = slow.model(input_ids=ids).last_hidden_state
            said[number, step] = slow.score(states)[0, -1, 0]
            targets[number, step], known[number, step] = float(target), 1
    cost = {
        "bce": cross_entropy,
        "soft": cross_entropy,
        "mse": squared,
        "pqm": lambda *given: ranked(*given, 4.0),
    }[loss]
    mean = cost(said, targets, known.bool())
    mean.backward()
    assert float(found.detach()) == pytest.approx(float(mean.detach()), rel=1e-5)
    for ours, theirs in zip(made.model.parameters(), slow.parameters(), strict=True):
        if theirs.grad is None:
            assert ours.grad is None or not ours.grad.any()
        else:
            torch.testing.assert_close(ours.grad.double(), theirs.grad, rtol=1e-3, atol=1e-4)


def test_pairs_are_compared_where_each_side_ends(
    learner_for: Callable[..., Any], siblings: Callable[[], pl.DataFrame]
) -> None:
    frame = siblings().with_columns(weight=pl.Series([1.0, 0.5, 0.0] * 4))
    made = learner_for(PRM(of="pairs", loss="pairwise"), frame)
    with torch.no_grad():
        made.model.score.weight.normal_(generator=torch.Generator().manual_seed(0))
        batch = made.data_collator([made.train_dataset[n] for n in range(12)])
        found = float(made.compute_loss(made.model, batch))
        costs = []
        for row in frame.iter_rows(named=True):
            ends = []
            for side in ("chosen", "rejected"):
                text = chat_text(made.processing_class, row["prompt"]) + row[side][0]["content"]
                ids = made.processing_class(text, add_special_tokens=False)["input_ids"]
                ends.append(made.model(torch.tensor([ids])).logits[0, -1, 0].double())
            h, c = ends[0] - ends[1], row["weight"]
            costs.append(float(-c * F.logsigmoid(h) - (1 - c) * F.logsigmoid(-h)))
    assert found == pytest.approx(sum(costs) / len(costs), rel=1e-5)


@pytest.mark.parametrize("learnt", [("bce", "labels"), ("mse", "values")])
def test_a_null_is_neither_right_nor_wrong(
    learnt: tuple[Any, str],
    labelled: Callable[..., pl.DataFrame],
    learner_for: Callable[..., Any],
) -> None:
    loss, column = learnt
    frame = labelled(3)
    some = [row[:1] + [None] * (len(row) - 1) for row in frame[column].to_list()]
    first = [row[:1] for row in frame[column].to_list()]
    trainer = PRM(of="labels", loss=loss)
    with_nulls = learner_for(trainer, frame.with_columns(pl.Series(column, some)))
    told = [row["targets"][0] for row in with_nulls.train_dataset]
    assert told == [[float(value) for value in row] for row in first]
    assert [len(row["positions"][0]) for row in with_nulls.train_dataset] == [1, 1, 1]


def test_a_solution_of_nulls_is_dropped_and_the_rest_is_learnt(
    labelled: Callable[..., pl.DataFrame], rewards_context: Context
) -> None:
    frame = labelled(4).with_columns(
        labels=pl.when(pl.col("response_id") == "response-001")
        .then(pl.lit([None, None], pl.List(pl.Boolean)))
        .otherwise("labels")
    )
    split = PRM(of="labels").run({"labels": frame}, rewards_context)
    assert split.dropped.select("row_id", "reason").rows() == [
        ("response-001", "no step has a label")
    ]
    assert split.kept["rows"][0] == 3
    Checkpoints.validate(split.kept)


def test_a_value_that_is_no_probability_is_refused_by_soft_and_learnt_by_mse(
    labelled: Callable[..., pl.DataFrame], rewards_context: Context
) -> None:
    frame = labelled(1, values=[-0.5])
    split = PRM(of="labels", loss="soft").run({"labels": frame}, rewards_context)
    assert "learnt by loss mse" in split.dropped["reason"][0]
    assert PRM(of="labels", loss="mse").run({"labels": frame}, rewards_context).kept["trained"][0]


def test_what_is_read_is_decided_by_the_loss() -> None:
    assert [read.tables for read in PRM(of="x").inputs()] == [(StepLabels,)]
    assert [read.tables for read in PRM(of="x", loss="pairwise").inputs()] == [(Pairs,)]


@pytest.mark.parametrize("lora", [None, LoRA()])
def test_a_trained_folder_tells_right_steps_when_loaded_by_transformers(
    lora: LoRA | None, labelled: Callable[..., pl.DataFrame], rewards_context: Context
) -> None:
    frame = labelled()
    trainer = PRM(of="labels", learning_rate=5e-3, epochs=8, batch_size=4, lora=lora)
    kept = trainer.run({"labels": frame}, rewards_context).kept
    assert kept["trained"][0]
    config = AutoModelForTokenClassification.from_pretrained(kept["path"][0]).config
    assert config.architectures == ["LlamaForTokenClassification"]
    assert (config.num_labels, config.step_reward) == (1, "probability")
    for row in frame.iter_rows(named=True):
        said = step_rewards(kept["path"][0], row["prompt"], row["completions"])
        assert [reward > 0 for reward in said] == row["labels"]


def test_a_value_head_says_values_as_they_are(
    labelled: Callable[..., pl.DataFrame], context_for: Callable[..., Context]
) -> None:
    frame = labelled().with_columns(values=pl.col("values").list.eval(pl.element() * 4 - 2))
    trainer = ValueHead(of="labels", learning_rate=5e-3, epochs=20, batch_size=4)
    kept = trainer.run({"labels": frame}, context_for()).kept
    config = AutoModelForTokenClassification.from_pretrained(kept["path"][0]).config
    assert config.step_reward == "value"
    errors = [
        said - value
        for row in frame.iter_rows(named=True)
        for said, value in zip(
            step_rewards(kept["path"][0], row["prompt"], row["completions"]),
            row["values"],
            strict=True,
        )
    ]
    assert max(map(abs, errors)) < 0.5  # values are 1 and −1


def test_pairs_teach_which_step_is_the_better_one(
    siblings: Callable[[], pl.DataFrame], rewards_context: Context
) -> None:
    trainer = PRM(of="pairs", loss="pairwise", learning_rate=5e-3, epochs=4, batch_size=4)
    kept = trainer.run({"pairs": siblings()}, rewards_context).kept
    for row in siblings().iter_rows(named=True):
        chosen, rejected = (
            step_rewards(kept["path"][0], row["prompt"], [row[side][0]["content"]])[0]
            for side in ("chosen", "rejected")
        )
        assert chosen > rejected


def test_a_step_without_a_token_is_read_where_the_one_before_ends(
    labelled: Callable[..., pl.DataFrame], learner_for: Callable[..., Any]
) -> None:
    frame = labelled(
        1, completions=["", "4.\n", ""], labels=[True, False, True], values=[1.0, 0.0, 1.0]
    )
    (row,) = learner_for(PRM(of="labels"), frame).train_dataset
    ids, (places,) = row["ids"][0], row["positions"]
    assert places == [len(ids) - 4, len(ids) - 1, len(ids) - 1]


def test_the_same_rows_in_any_order_make_the_same_model(
    labelled: Callable[..., pl.DataFrame],
    context_for: Callable[..., Context],
    rewards_context: Context,
    tmp_path: Any,
) -> None:
    found = [
        PRM(of="labels", learning_rate=1e-3, loss="pqm")
        .run({"labels": frame}, context_for(models=tmp_path / name, roles=rewards_context.roles))
        .kept["path"][0]
        for name, frame in {"a": labelled(), "b": labelled().reverse()}.items()
    ]
    one, other = (AutoModelForTokenClassification.from_pretrained(path) for path in found)
    assert all(
        torch.equal(weights, other.state_dict()[name]) for name, weights in one.state_dict().items()
    )
