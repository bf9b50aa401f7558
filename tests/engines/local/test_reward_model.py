"""Rewards in memory: one answer among others is what it is alone."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from engines.bindings import Binding
from engines.opening import open_engine
from engines.protocol import Dropout, EngineError, Rewards

ASKED: list[tuple[str, Dropout | None]] = [
    ("4", None),
    ("4", Dropout(0.1, 1)),
    ("4", Dropout(0.1, 2)),
    ("4", Dropout(0.3, 1)),
    ("12 + 4 = 16.\nAnswer: 16", None),
    ("no idea " * 20, Dropout(0.1, 1)),
]


@pytest.fixture(scope="module")
def binding(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Binding:
    """A reward model of the tiny model's body."""
    folder = tmp_path_factory.mktemp("reward")
    model = AutoModelForSequenceClassification.from_pretrained(tiny_model, num_labels=1)
    with torch.no_grad():
        model.score.weight.normal_(generator=torch.Generator().manual_seed(0))
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(tiny_model).save_pretrained(folder)
    return Binding(model=str(folder), device="cpu", dtype="float32")


def test_labels_that_are_no_reward_are_named(tiny_model: Path, tmp_path: Path) -> None:
    labels = {0: "safe", 1: "toxic"}
    AutoModelForSequenceClassification.from_pretrained(
        tiny_model, num_labels=2, id2label=labels
    ).save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(tiny_model).save_pretrained(tmp_path)
    engine = open_engine(Binding(model=str(tmp_path), device="cpu"))
    prompt = engine.render([{"role": "user", "content": "How many?"}])
    with pytest.raises(EngineError, match=r"classifier of 2 labels \(safe, toxic\)"):
        asyncio.run(engine.reward(prompt, "4"))


def rewards(binding: Binding, *, together: bool) -> list[Rewards]:
    async def asked() -> list[Rewards]:
        engine = open_engine(binding)
        prompt = engine.render([{"role": "user", "content": "How many?"}])
        calls: Any = [engine.reward(prompt, text, dropout=dropout) for text, dropout in ASKED]
        found = await asyncio.gather(*calls) if together else [await call for call in calls]
        await engine.close()
        return found

    return asyncio.run(asked())


def test_an_answer_among_others_has_the_reward_that_it_has_alone(binding: Binding) -> None:
    found = rewards(binding, together=True)
    assert found == rewards(binding, together=False)
    assert len({one.values for one in found}) == len(ASKED)
