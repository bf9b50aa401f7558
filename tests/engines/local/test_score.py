"""Scoring and choosing with the embedded engine, against full logits in float64."""

import asyncio
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import (
    AutoTokenizer,
    FalconConfig,
    FalconForCausalLM,
    Gemma2Config,
    Gemma2ForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    MistralConfig,
    MistralForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from engines.bindings import Binding
from engines.choices import exact
from engines.local.engine import TransformersEngine
from engines.protocol import EngineError, RowError, Sampling
from engines.weights import load

SHIPPED = Path(__file__).parents[3] / "pocket" / "checkpoints" / "base"
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="<"), max_size=12)


def user(content: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": content}]


def slow(folder: Path, prompt: str, continuation: str, *, end: bool) -> list[float]:
    """One row, no packing, no batch: every logit in float64."""
    model, tokenizer = load(Binding(model=str(folder), device="cpu"))
    before = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    said = tokenizer(continuation, add_special_tokens=False)["input_ids"]
    said += [tokenizer.eos_token_id] if end else []
    with torch.no_grad():
        logits = model.double()(torch.tensor([before + said])).logits[0]
    rows = logits[len(before) - 1 : -1].log_softmax(-1) if said else logits[:0]
    return [rows[number, token].item() for number, token in enumerate(said)]


@pytest.fixture(scope="module", params=["tiny", "shipped"])
def folder(request: pytest.FixtureRequest, tiny_model: Path) -> Path:
    if request.param == "tiny":
        return tiny_model
    if not SHIPPED.is_dir():
        pytest.skip("the pocket checkpoints are not there")
    return SHIPPED


@pytest.fixture(scope="module")
def engine(folder: Path) -> Iterator[TransformersEngine]:
    opened = TransformersEngine(Binding(model=str(folder), device="cpu"))
    yield opened
    asyncio.run(opened.close())


@pytest.mark.parametrize("threads", [1, 2])
def test_an_answer_is_the_same_to_the_bit_whatever_is_asked_beside_it(folder: Path, threads: int):
    """A run that was killed asks again for what is missing, in other company."""
    opening = "A longer question that many begin with. " * 3
    asked = [
        ("What is 3 + 4?", ["7", "Step 1: 3 + 4 = 7.\nAnswer: 7", "No idea, none at all."]),
        ("?", ["yes", "no"]),
        *((opening + str(number), ["A", "B", "C" * number]) for number in range(1, 9)),
    ]
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        opened = TransformersEngine(Binding(model=str(folder), device="cpu"))
    finally:
        torch.set_num_threads(before)

    async def answer(prompt: str, said: list[str]) -> tuple[Any, Any]:
        rendered = opened.render(user(prompt))
        scored = await opened.score(rendered, said, end=[True] * len(said))
        return scored, await opened.choose(rendered, exact(said))

    async def both() -> None:
        together = await asyncio.gather(*(answer(*one) for one in asked))
        backwards = await asyncio.gather(*(answer(*one) for one in asked[::-1]))
        assert together == backwards[::-1] == [await answer(*one) for one in asked]
        for (prompt, said), (scored, _) in zip(asked, together, strict=True):
            for text, expected in zip(said, scored, strict=True):
                assert await opened.score(opened.render(user(prompt)), [text], end=[True]) == [
                    expected
                ]
        await opened.close()

    asyncio.run(both())


def test_packed_batches_agree_with_full_logits_in_float64(engine, folder: Path):
    asked = {
        "What is 3 + 4?": [
            "7",
            "Step 1: 3 + 4 = 7.\nAnswer: 7",
            "",
            "No idea, really none at all.",
        ],
        "Name a colour": ["red"] * 3,
        "A longer question, to be padded against. " * 4: ["yes", "no"],
        "?": [""],
    }

    async def together():
        return await asyncio.gather(
            *(
                engine.score(
                    engine.render(user(q)), said, end=[n % 2 == 0 for n in range(len(said))]
                )
                for q, said in asked.items()
            )
        )

    for (question, said), scored in zip(asked.items(), asyncio.run(together()), strict=True):
        prompt = engine.render(user(question)).text
        for number, (text, found) in enumerate(zip(said, scored, strict=True)):
            expected = slow(folder, prompt, text, end=number % 2 == 0)
            assert len(found.token_ids) == len(expected)
            assert found.logprobs == pytest.approx(expected, abs=1e-4)


@given(said=st.lists(TEXTS, min_size=1, max_size=6), ends=st.booleans())
def test_company_changes_no_score(engine, said: list[str], ends: bool):
    prompt = engine.render(user("What follows?"))

    async def both():
        together = engine.score(prompt, said, end=[ends] * len(said))
        alone = [engine.score(prompt, [text], end=[ends]) for text in said]
        return await together, [(await one)[0] for one in alone]

    together, alone = asyncio.run(both())
    for text, one, other in zip(said, together, alone, strict=True):
        assert one.token_ids == other.token_ids
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-4)
        assert bool(one.token_ids) == (bool(text) or ends)
        assert all(-math.inf < value <= 0 for value in one.logprobs)


def test_a_response_is_the_product_of_its_prefix_and_the_rest(engine):
    """Scores of a begun answer and of its continuation add up: no header token is ever counted."""
    question = user("Say it")
    begun = [*question, {"role": "assistant", "content": "Step 1: "}]

    async def sums() -> list[float]:
        whole = await engine.score(engine.render(question), ["Step 1: ", "Step 1: 4."], end=[0, 0])
        rest = await engine.score(engine.render(begun), ["4."], end=[False])
        return [sum(scored.logprobs) for scored in (*whole, *rest)]

    first, both, rest = asyncio.run(sums())
    ids = [engine._tokens(text) for text in ("Step 1: ", "4.", "Step 1: 4.")]
    if ids[0] + ids[1] == ids[2]:
        assert first + rest == pytest.approx(both, abs=1e-3)


def test_choices_are_normalised_over_the_options(engine, folder: Path):
    prompt = engine.render(user("Which is better, A or B?"))
    options = ["A", "B", "neither of them"]
    found = asyncio.run(engine.choose(prompt, exact(options)))
    totals = [sum(slow(folder, prompt.text, option, end=False)) for option in options]
    expected = torch.tensor(totals, dtype=torch.float64).log_softmax(0).tolist()
    assert found.logprobs == pytest.approx(expected, abs=1e-3)
    assert sum(map(math.exp, found.logprobs)) == pytest.approx(1)
    assert found.mass == pytest.approx(sum(map(math.exp, totals)), abs=1e-4)


@pytest.mark.parametrize("options", [["A", "A"], ["A", ""]])
def test_options_that_cannot_be_told_apart_are_refused(engine, options: list[str]):
    with pytest.raises(RowError, match="options must differ"):
        asyncio.run(engine.choose(engine.render(user("?")), exact(options)))


def test_one_bad_row_does_not_hurt_the_others(engine):
    prompt = engine.render(user("?"))

    async def mixed():
        return await asyncio.gather(
            engine.score(prompt, ["fine"], end=[True]),
            engine.score(prompt, ["ok", "word " * 2000], end=[True, True]),
            engine.generate(prompt, Sampling(max_tokens=0), seed=1),
            engine.score(prompt, ["half \udc00"], end=[True]),
            engine.score(prompt, ["fine"], end=[True]),
            return_exceptions=True,
        )

    first, long, none, torn, last = asyncio.run(mixed())
    assert first[0].token_ids == last[0].token_ids
    assert first[0].logprobs == pytest.approx(last[0].logprobs, abs=1e-5)
    assert isinstance(long, RowError)
    assert "continuation 1 has" in str(long)
    assert isinstance(none, RowError)
    assert isinstance(torn, RowError)


SMALL = {
    "vocab_size": 261,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 128,
    "initializer_range": 0.4,
    "bos_token_id": None,
    "eos_token_id": 1,
    "pad_token_id": 0,
}


def save(model, tiny_model: Path, folder: Path) -> Path:
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(tiny_model).save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    "build",
    [
        lambda: Qwen3ForCausalLM(Qwen3Config(**SMALL)),
        lambda: MistralForCausalLM(MistralConfig(**SMALL, sliding_window=96)),
        lambda: Gemma2ForCausalLM(
            Gemma2Config(
                **SMALL,
                sliding_window=96,
                query_pre_attn_scalar=8,
                final_logit_softcapping=3.0,
                attn_logit_softcapping=2.0,
            )
        ),
        lambda: GPT2LMHeadModel(
            GPT2Config(vocab_size=261, n_embd=32, n_layer=2, n_head=4, n_positions=96,
                       initializer_range=0.4, bos_token_id=1, eos_token_id=1)
        ),
        lambda: FalconForCausalLM(
            FalconConfig(vocab_size=261, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
                         max_position_embeddings=128, initializer_range=0.4, eos_token_id=1)
        ),
    ],
    ids=["Qwen 3", "Mistral", "Gemma 2", "GPT-2", "Falcon, which takes masks only"],
)  # fmt: skip
def test_other_architectures_write_and_score_as_they_do_themselves(
    build, tiny_model: Path, tmp_path: Path
):
    torch.manual_seed(0)
    folder = save(build(), tiny_model, tmp_path)
    opened = TransformersEngine(Binding(model=str(folder), device="cpu"))
    prompt = opened.render(user("hello"))
    scored = asyncio.run(opened.score(prompt, ["a text", "another"], end=[True, False]))
    assert scored[0].logprobs == pytest.approx(
        slow(folder, prompt.text, "a text", end=True), abs=1e-3
    )
    assert scored[1].logprobs == pytest.approx(
        slow(folder, prompt.text, "another", end=False), abs=1e-3
    )
    with pytest.raises(RowError):
        opened.render(user("x" * 128))
    asyncio.run(opened.close())


def test_a_head_with_a_rule_of_its_own_is_refused(tiny_model: Path, tmp_path: Path):
    """HyperCLOVA X multiplies where Granite, under the same name, divides."""
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.for_model("hyperclovax", **SMALL, logits_scaling=0.5)
    folder = save(AutoModelForCausalLM.from_config(config), tiny_model, tmp_path)
    with pytest.raises(EngineError, match="differs from the model's own log-probs"):
        TransformersEngine(Binding(model=str(folder), device="cpu"))
