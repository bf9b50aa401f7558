"""Writing with the embedded engine: what a text depends on, and how it ends."""

import asyncio
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from engines.bindings import Binding
from engines.local.engine import TransformersEngine
from engines.protocol import EngineError, Generation, RowError, Sampling
from engines.weights import load
from kernels.noise import uniforms

SHIPPED = Path(__file__).parents[3] / "pocket" / "checkpoints" / "base"
ASKED = ["Tom has 3 bags with 4 apples in each. How many apples has Tom?", "Hi", "Add 12 and 30."]


def asks(number: int) -> list[dict[str, str]]:
    return [{"role": "user", "content": f"{ASKED[number % len(ASKED)]} {'again ' * (number % 7)}"}]


@pytest.fixture(scope="module")
def engine(tiny_model: Path) -> Iterator[TransformersEngine]:
    opened = TransformersEngine(Binding(model=str(tiny_model), device="cpu"))
    yield opened
    asyncio.run(opened.close())


def write(
    engine: TransformersEngine, numbers: list[int], sampling: Sampling
) -> dict[int, Generation]:
    """One text for each number, all in flight together; a number is also the row's seed."""

    async def all_at_once() -> list[Generation]:
        return await asyncio.gather(
            *(engine.generate(engine.render(asks(n)), sampling, seed=n) for n in numbers)
        )

    return dict(zip(numbers, asyncio.run(all_at_once()), strict=True))


def drawn_on_a_tie(folder: Path, prompt: str, one: Generation, other: Generation, seed: int):
    """Whether the first token that differs was drawn within 1e-4 of a token's edge of the CDF."""
    model, tokenizer = load(Binding(model=str(folder), device="cpu"))
    pairs = zip(one.token_ids, other.token_ids, strict=False)
    step = next(number for number, (a, b) in enumerate(pairs) if a != b)
    ids = tokenizer(prompt, add_special_tokens=False)["input_ids"] + list(one.token_ids[:step])
    edges = model(torch.tensor([ids])).logits[0, -1].double().softmax(-1).cumsum(-1)
    return float((edges - uniforms(seed, start=step, count=1)[0]).abs().min()) < 1e-4


@pytest.mark.parametrize("shipped", [False, True])
def test_a_text_does_not_depend_on_what_else_is_in_flight(tiny_model: Path, shipped: bool):
    folder = SHIPPED if shipped else tiny_model
    if not folder.is_dir():
        pytest.skip("the pocket checkpoints are not there")
    numbers = list(range(120))
    sampling = Sampling(max_tokens=48)
    texts = []
    for batch, order in [(256, numbers), (16, numbers[::-1]), (3, numbers[:40])]:
        binding = Binding(model=str(folder), device="cpu", options={"batch_size": batch})
        opened = TransformersEngine(binding)
        prompts = {n: opened.render(asks(n)).text for n in numbers}
        texts.append(write(opened, order, sampling))
        asyncio.run(opened.close())
    whole = texts[0]
    differing = [
        (n, text) for some in texts[1:] for n, text in some.items()
        if text.token_ids != whole[n].token_ids
    ]  # fmt: skip
    assert len(differing) <= 0.01 * sum(map(len, texts[1:]))
    for n, text in differing:
        assert drawn_on_a_tie(folder, prompts[n], text, whole[n], seed=n)


def test_log_probs_are_those_of_the_model_at_temperature_1(engine: TransformersEngine):
    sampling = Sampling(temperature=0.6, top_p=0.9, top_k=40, max_tokens=20)
    for number, text in write(engine, list(range(12)), sampling).items():
        prompt = engine.render(asks(number))
        ended = text.finish == "stop"
        assert len(text.logprobs) == len(text.token_ids)
        # Bytes that are no text cannot be scored as text: compare where the round trip holds.
        scored = asyncio.run(engine.score(prompt, [text.text], end=[ended]))[0]
        if scored.token_ids == text.token_ids:
            assert text.logprobs == pytest.approx(scored.logprobs, abs=1e-4)


def test_sampling_follows_the_models_distribution(engine: TransformersEngine, tiny_model: Path):
    prompt = engine.render(asks(1))

    async def many() -> list[Generation]:
        one = Sampling(max_tokens=1)
        return await asyncio.gather(*(engine.generate(prompt, one, seed=n) for n in range(4000)))

    first = [text.token_ids[0] for text in asyncio.run(many())]
    model, tokenizer = load(Binding(model=str(tiny_model), device="cpu"))
    ids = tokenizer(prompt.text, add_special_tokens=False, return_tensors="pt")["input_ids"]
    expected = model(ids).logits[0, -1].softmax(-1).numpy()
    drawn = np.bincount(first, minlength=len(expected)) / 4000
    assert abs(drawn - expected).max() < 5 * np.sqrt(expected.max() / 4000)


def test_temperature_0_is_greedy(engine: TransformersEngine, tiny_model: Path):
    text = write(engine, [5], Sampling(temperature=0, max_tokens=30))[5]
    model, tokenizer = load(Binding(model=str(tiny_model), device="cpu"))
    prompt = engine.render(asks(5)).text
    ids = tokenizer(prompt, add_special_tokens=False, return_tensors="pt")["input_ids"]
    whole = model.generate(
        ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=30
    )
    assert list(text.token_ids) == whole[0, ids.shape[1] :].tolist()


def test_a_text_ends_at_the_end_token_or_at_the_limit(engine: TransformersEngine):
    texts = write(engine, list(range(60)), Sampling(max_tokens=60)).values()
    end = engine.turn_end
    for text in texts:
        assert (text.finish == "stop") == (text.token_ids[-1] == end)
        assert (text.finish == "length") == (
            len(text.token_ids) == 60 and text.token_ids[-1] != end
        )
        assert end not in text.token_ids[:-1]
        assert "<|end|>" not in text.text
    assert {text.finish for text in texts} == {"stop", "length"}


def test_a_text_is_cut_before_a_stop_string(engine: TransformersEngine):
    free = write(engine, list(range(40)), Sampling(max_tokens=40))
    # The tiny model writes arbitrary bytes; plain letters are the same however the rest decodes.
    pairs = (re.findall(r"[!-~]{2}", text.text[4:]) for text in free.values())
    stop = tuple({pair[0] for pair in pairs if pair})
    cut = write(engine, list(range(40)), Sampling(max_tokens=40, stop=stop))
    stopped = 0
    for number, text in free.items():
        at = min((i for s in stop if (i := text.text.find(s)) >= 0), default=None)
        if at is None:
            assert cut[number].token_ids == text.token_ids
            continue
        stopped += 1
        assert cut[number].text == text.text[:at]
        assert cut[number].finish == "stop"
        assert cut[number].token_ids == text.token_ids[: len(cut[number].token_ids)]
    assert stopped > 5


def test_the_models_length_limits_the_text(make_tiny_model, tmp_path: Path):
    folder = make_tiny_model(tmp_path, positions=40)
    opened = TransformersEngine(Binding(model=str(folder), device="cpu"))
    prompt = opened.render([{"role": "user", "content": "x" * 31}])
    texts = [
        asyncio.run(opened.generate(prompt, Sampling(max_tokens=100), seed=n)) for n in range(8)
    ]
    assert max(len(text.token_ids) for text in texts) == 40 - 34
    with pytest.raises(RowError, match=r"41 tokens and the model takes 40"):
        opened.render([{"role": "user", "content": "x" * 38}])
    with pytest.raises(RowError, match=r"40 tokens and the model takes 40"):
        opened.render([{"role": "user", "content": "x" * 37}])
    asyncio.run(opened.close())


def test_a_padded_vocabulary_gives_only_tokens(tiny_model: Path, tmp_path: Path):
    model, tokenizer = load(Binding(model=str(tiny_model), device="cpu"))
    known = len(tokenizer)
    model.resize_token_embeddings(known + 60, mean_resizing=False)
    model.get_input_embeddings().weight[known:] = model.get_input_embeddings().weight[100] * 1.5
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    opened = TransformersEngine(Binding(model=str(tmp_path), device="cpu"))
    texts = write(opened, list(range(30)), Sampling(max_tokens=16)).values()
    assert max(token for text in texts for token in text.token_ids) < known
    asyncio.run(opened.close())


def test_a_token_without_embedding_is_one_rows_fault(tiny_model: Path, tmp_path: Path):
    shutil.copytree(tiny_model, tmp_path, dirs_exist_ok=True)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    tokenizer.add_tokens([" apples"])
    tokenizer.save_pretrained(tmp_path)
    opened = TransformersEngine(Binding(model=str(tmp_path), device="cpu"))
    with pytest.raises(RowError, match=r"' apples'.*only 261 embeddings.*resize_token_embeddings"):
        opened.render(asks(0))
    with pytest.raises(RowError, match=r"' apples'"):
        asyncio.run(opened.score(opened.render(asks(1)), ["4 apples"], end=[True]))
    assert len(write(opened, [1], Sampling(max_tokens=4))) == 1
    asyncio.run(opened.close())


def test_a_classifier_writes_nothing(tiny_model: Path, tmp_path: Path):
    AutoModelForSequenceClassification.from_pretrained(tiny_model).save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(tiny_model).save_pretrained(tmp_path)
    with pytest.raises(EngineError, match=r"is a classification model.*a language model"):
        TransformersEngine(Binding(model=str(tmp_path), device="cpu"))


def test_a_begun_answer_is_continued(engine: TransformersEngine):
    begun = [*asks(0), {"role": "assistant", "content": "Step 1:  "}]
    assert engine.render(begun).text == engine.render(asks(0)).text + "Step 1:  "


def test_what_the_engine_cannot_tokenise_is_one_rows_fault(engine: TransformersEngine):
    with pytest.raises(RowError, match="cannot be tokenised"):
        engine.render([{"role": "user", "content": "half a pair \ud800"}])
