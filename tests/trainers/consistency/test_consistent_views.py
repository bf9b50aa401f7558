"""A policy and its judge that learn to agree."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from pydantic import ValidationError

from engines.bindings import Binding
from engines.context import Context
from engines.protocol import RowError
from schemas import Prompts, rows
from tests.trainers.slow import logprobs, moved, plain, ratio
from trainers import ConsistentViews
from trainers.training.reference_logprobs import Reference

WEIGHT = 0.7


def views(**fields: Any) -> ConsistentViews:
    given = {"of": "pairs", "questions": "asked", "checkpoint": "warmed", "consistency": WEIGHT}
    return ConsistentViews(**{**given, "beta": 0.3, **fields})


def asked_about(pairs: pl.DataFrame, letters: str = "AB") -> pl.DataFrame:
    """The questions which side is better, in the order of each letter."""
    return rows(
        Prompts,
        [
            {
                "prompt_id": f"question-{prompt[0]['content']}-{letter}",
                "messages": [{"role": "user", "content": f"{prompt[0]['content']} {shown}?"}],
                "reference": letter,
                "source": "test",
                "source_revision": "1",
                "licence": "CC0-1.0",
                "task": prompt[0]["content"],
            }
            for prompt, chosen, rejected in pairs.select("prompt", "chosen", "rejected").iter_rows()
            for letter in letters
            for sides in [(chosen[0]["content"], rejected[0]["content"])]
            for shown in [" or ".join(sides if letter == "A" else sides[::-1])]
        ],
    )


def tables_of(pairs: pl.DataFrame, *, trained: bool = True) -> dict[str, pl.DataFrame]:
    warmed = pl.DataFrame({"path": ["warmed"], "start": ["before"], "trained": [trained]})
    return {"pairs": pairs, "asked": asked_about(pairs), "warmed": warmed}


def test_the_loss_is_that_of_two_views_by_hand(
    pairs: Callable[..., pl.DataFrame], learner_for: Callable[..., Any]
) -> None:
    trainer = views()
    learner = learner_for(trainer, trainer.gather(tables_of(pairs(6))))
    before = plain(learner)
    moved(learner)
    told = list(learner.train_dataset)
    value = learner.compute_loss(learner.model, learner.data_collator(told))

    policy, losses, agreed = plain(learner), [], 0
    for pair in told:
        chosen, rejected = (
            float(ratio(policy, before, pair, side).sum().detach())
            for side in ("chosen", "rejected")
        )
        h = 0.3 * (chosen - rejected)
        p, q = 1 / (1 + math.exp(-h)), _judged(policy, pair)
        losses.append(WEIGHT * (_cross_entropy(p, q) + _cross_entropy(q, p)) / 2)
        if (p > 0.5) == (q > 0.5):
            agreed += 1
            losses[-1] -= math.log(max(p, 1 - p))
    assert 0 < agreed < len(told)
    assert float(value.detach()) == pytest.approx(sum(losses) / len(losses), rel=1e-4)


def _judged(policy: Any, pair: dict[str, Any]) -> float:
    """The mean probability of the chosen side's letter, against the other's."""
    found = []
    for own, ids in enumerate(pair["question_ids"]):
        with torch.no_grad():
            logits = policy(input_ids=torch.tensor([ids])).logits[0, -1]
        odds = [math.exp(float(logits[letter])) for letter in pair["letters"]]
        found.append(odds[own] / sum(odds))
    return sum(found) / 2


def _cross_entropy(p: float, q: float) -> float:
    return -p * math.log(q) - (1 - p) * math.log(1 - q)


def test_neither_the_order_of_sides_nor_their_weight_matters(
    pairs: Callable[..., pl.DataFrame], learner_for: Callable[..., Any]
) -> None:
    frame, trainer = pairs(4), views()
    turned = pairs(4, weight=0.2).rename({"chosen": "rejected", "rejected": "chosen"})
    turned = turned.select(frame.columns)
    values = []
    for given in (frame, turned):
        learner = learner_for(trainer, trainer.gather(tables_of(given)))
        moved(learner)
        batch = learner.data_collator(list(learner.train_dataset))
        values.append(float(learner.compute_loss(learner.model, batch).detach()))
    assert values[0] == pytest.approx(values[1], rel=1e-5)


def test_both_views_learn_and_come_to_agree(
    pairs: Callable[..., pl.DataFrame], learner_for: Callable[..., Any]
) -> None:
    trainer = views()
    learner = learner_for(trainer, trainer.gather(tables_of(pairs(6))))
    moved(learner)
    batch = learner.data_collator(list(learner.train_dataset))
    optimizer = torch.optim.SGD(learner.model.parameters(), lr=0.01)
    values = []
    for _ in range(8):
        optimizer.zero_grad()
        value = learner.compute_loss(learner.model, dict(batch))
        value.backward()
        optimizer.step()
        values.append(float(value.detach()))
    assert values[-1] < values[0]


def test_the_reference_is_what_the_checkpoint_started_from(
    pairs: Callable[..., pl.DataFrame],
    context_for: Callable[..., Context],
    learner_for: Callable[..., Any],
    make_tiny_model: Callable[..., Path],
    tmp_path: Path,
) -> None:
    other = make_tiny_model(tmp_path / "before", seed=1)
    trainer, tables = views(), tables_of(pairs(2))
    tables["warmed"] = tables["warmed"].with_columns(start=pl.lit(str(other)))
    binding = trainer.reference_model(tables, context_for())
    assert binding is not None
    assert binding.model == str(other)

    stored = Reference("other", "float32", tmp_path / "reference", Binding(model=str(other)))
    learner = learner_for(trainer, trainer.gather(tables), other=stored)
    from engines.weights import load

    before = load(Binding(model=str(other), device="cpu"))[0].double().eval()
    for pair in learner._prepare_dataset(learner.train_dataset):
        with torch.no_grad():
            expected = float(logprobs(before, pair, "chosen").sum())
        assert pair["ref_chosen_logps"] == pytest.approx(expected, rel=1e-4)


def test_a_pair_without_its_two_questions_is_refused(pairs: Callable[..., pl.DataFrame]) -> None:
    frame, trainer = pairs(3), views()
    tables = tables_of(frame)
    tables["asked"] = pl.concat([asked_about(frame.head(1)), asked_about(frame[1:2], "A")])
    several = pl.concat([frame, frame.tail(1).with_columns(pair_id=pl.lit("again"))])
    gathered = trainer.gather({**tables, "pairs": several})
    reasons = dict(gathered.select("pair_id", "reason").iter_rows())
    assert reasons == {
        "pair-000": None,
        "pair-001": "it has not one question in each order",
        "pair-002": "its prompt has several pairs",
        "again": "its prompt has several pairs",
    }
    never_used: Any = None
    with pytest.raises(RowError, match="several pairs"):
        trainer.encode(gathered.row(2, named=True), never_used)


def test_over_itself_a_policy_prefers_nothing(pairs: Callable[..., pl.DataFrame]) -> None:
    gathered = views().gather(tables_of(pairs(1), trained=False))
    assert gathered["reason"].to_list() == ["the policy prefers nothing: 'warmed' trained nothing"]


def test_what_needs_a_label_is_refused() -> None:
    for fields in ({"nll": 0.1}, {"loss": "simpo"}, {"margin_scale": 1.0}, {"gamma": 0.5}):
        with pytest.raises(ValidationError, match="pairs have no labels"):
            views(**fields)
