"""The embedded engine on a GPU: what it says on the processor."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import torch

from engines.bindings import Binding
from engines.local.engine import TransformersEngine
from engines.protocol import Sampling

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU"),
]
POCKET = Path(__file__).parents[3] / "pocket" / "checkpoints" / "base"
QUESTIONS = [f"Tom has {n} apples and buys {n + 3} more. How many has he?" for n in range(2, 40)]


def asked(binding: Binding, sampling: Sampling, said: list[list[str]]) -> dict[str, Any]:
    """All three verbs on all questions at once."""
    engine = TransformersEngine(binding)

    async def ask() -> dict[str, Any]:
        prompts = [engine.render([{"role": "user", "content": text}]) for text in QUESTIONS]
        written = await asyncio.gather(*(engine.generate(one, sampling, 7) for one in prompts))
        texts = said or [[answer.text, "It is 5."] for answer in written]
        scored = await asyncio.gather(
            *(
                engine.score(one, some, end=[True, False])
                for one, some in zip(prompts, texts, strict=True)
            )
        )
        chosen = await asyncio.gather(*(engine.choose(one, [["A"], ["B"]]) for one in prompts))
        await engine.close()
        return {
            "texts": [[answer.text, "It is 5."] for answer in written],
            "scores": [torch.tensor(one.logprobs) for some in scored for one in some],
            "choices": torch.tensor([one.logprobs for one in chosen]),
        }

    return asyncio.run(ask())


def test_float32_says_what_the_processor_says() -> None:
    greedy = Sampling(temperature=0.0, max_tokens=48)
    there = asked(Binding(model=str(POCKET), device="cpu", dtype="float32"), greedy, [])
    here = asked(Binding(model=str(POCKET), device="cuda", dtype="float32"), greedy, there["texts"])
    same = [one == other for one, other in zip(here["texts"], there["texts"], strict=True)]
    # Two words may be so nearly as likely that rounding decides.
    assert sum(same) >= len(same) - 1
    for one, other in zip(here["scores"], there["scores"], strict=True):
        torch.testing.assert_close(one, other, atol=2e-3, rtol=0)
    torch.testing.assert_close(here["choices"], there["choices"], atol=2e-3, rtol=0)


def test_bfloat16_scores_are_near_those_of_float32() -> None:
    some = Sampling(temperature=1.0, max_tokens=48)
    there = asked(Binding(model=str(POCKET), device="cuda", dtype="float32"), some, [])
    here = asked(Binding(model=str(POCKET), device="cuda", dtype="bfloat16"), some, there["texts"])
    off = torch.cat(here["scores"]) - torch.cat(there["scores"])
    assert off.abs().mean() < 0.05
    assert off.mean().abs() < 0.02


def test_answers_drawn_twice_are_the_same() -> None:
    binding = Binding(model=str(POCKET), device="cuda")
    some = Sampling(temperature=1.0, max_tokens=32)
    assert asked(binding, some, [])["texts"] == asked(binding, some, [])["texts"]


def test_memory_is_given_back() -> None:
    asked(Binding(model=str(POCKET), device="cuda"), Sampling(max_tokens=4), [])
    before = torch.cuda.memory_allocated()
    asked(Binding(model=str(POCKET), device="cuda"), Sampling(max_tokens=4), [])
    assert torch.cuda.memory_allocated() <= before
