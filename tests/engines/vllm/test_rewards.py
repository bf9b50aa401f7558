"""Rewards by vLLM's pooling runner are those of Transformers. Run by ``make test-vllm``."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from engines.bindings import Binding
from engines.opening import open_engine
from engines.protocol import EngineError, RowError, UntrainedHeadError
from tests.served import SETTINGS

pytestmark = pytest.mark.vllm

BASE = Path(__file__).parents[3] / "pocket" / "checkpoints" / "base"
QUESTION = [{"role": "user", "content": "Tom has 4 apples. He gets 5 more. How many has Tom?"}]
STEPS = ["4 + 5 = 9.\n", "So 9 apples.\n", "Answer: 9"]
ENDS = [11, 24, 33]
LABELS = {"outcome": 1, "steps": 1, "two labels": 2}


def headed(folder: Path, kind: str) -> Path:
    """The pocket model with a head drawn from seed 0."""
    import torch
    from transformers import (
        AutoModelForSequenceClassification,
        AutoModelForTokenClassification,
        AutoTokenizer,
    )

    whole = kind == "outcome"
    auto = AutoModelForSequenceClassification if whole else AutoModelForTokenClassification
    model = auto.from_pretrained(BASE, num_labels=LABELS[kind], dtype="float32")
    with torch.no_grad():
        for weights in model.score.parameters():
            weights.normal_(generator=torch.Generator().manual_seed(0)).mul_(0.1)
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(BASE).save_pretrained(folder)
    return folder


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)


def rewards(binding: Binding, *asked: Any) -> list[Any]:
    """What the engine gives to each (text, ends of steps) of ``asked``, or the error it raises."""

    async def all_at_once() -> list[Any]:
        engine = open_engine(binding)
        try:
            prompt = engine.render(QUESTION)
            calls = [engine.reward(prompt, text, step_ends=ends) for text, ends in asked]
            return await asyncio.gather(*calls, return_exceptions=True)
        finally:
            await engine.close()

    return asyncio.run(all_at_once())


@pytest.mark.parametrize("kind", LABELS)
def test_rewards_are_those_of_transformers(kind: str, tmp_path: Path, settings: None) -> None:
    model = headed(tmp_path / "model", kind)
    ends = None if kind == "outcome" else ENDS
    asked = [("".join(STEPS), ends), ("no idea", ends and [7]), ("x" * 5000, ends and [5000])]
    options = {"enforce_eager": True, "max_num_seqs": 16}
    binding = Binding(model=str(model), engine="vllm", dtype="float32", options=options)
    *ours, too_long = rewards(binding, *asked)
    *theirs, _ = rewards(Binding(model=str(model), dtype="float32", device="cpu"), *asked)
    assert isinstance(too_long, RowError)
    for one, other in zip(ours, theirs, strict=True):
        assert one.values == pytest.approx(other.values, abs=1e-3)
        assert one.tokens == other.tokens


def test_a_language_model_has_no_reward_head(settings: None) -> None:
    options = {"enforce_eager": True, "max_num_seqs": 16}
    binding = Binding(model=str(BASE), engine="vllm", dtype="float32", options=options)
    (refused,) = rewards(binding, ("9", None))
    assert isinstance(refused, UntrainedHeadError)
    assert isinstance(refused, EngineError)
