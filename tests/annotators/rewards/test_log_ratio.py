"""Density ratios, a token at a time and summed, against full logits in float64."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch

from annotators import DensityRatio, ImplicitReward, Score
from annotators.rewards.log_ratio import Normalise, log_ratio
from engines.bindings import Binding
from engines.model import Models
from engines.opening import open_engine
from engines.protocol import Scored
from engines.rows import Prompt
from engines.weights import load
from schemas import Responses, rows

SAID = [
    "Step 1: 3 + 4 = 7.\nAnswer: 7",
    "7",
    "Seven, or so I think — perhaps é.",
    "Answer: 8\n" * 9,
]


class Both(DensityRatio):
    """Keeps what both models said of each token."""

    async def score(self, prompt: Prompt, responses: Any, models: Models) -> list[Score]:
        texts = [one.text for one in responses]
        ends = [one.finish == "stop" for one in responses]
        for role in (self.strong, self.weak):
            found = await models[role].score(prompt.messages, texts, end=ends)
            SEEN[role] = dict(zip(texts, found, strict=True))
        return await super().score(prompt, responses, models)


SEEN: dict[str, dict[str, Scored]] = {}


@pytest.fixture(scope="module")
def folders(
    tiny_model: Path,
    make_tiny_model: Callable[..., Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Path]:
    other = make_tiny_model(tmp_path_factory.mktemp("weak"), seed=1)
    return {"strong": tiny_model, "weak": other}


def slow(folder: Path, asked: str, text: str, *, end: bool) -> list[float]:
    """Log-probs of the response's tokens: no packing, no batch, every logit, in float64."""
    model, tokenizer = load(Binding(model=str(folder), device="cpu"))
    turns = [{"role": "user", "content": asked}]
    before = tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
    head = tokenizer(before, add_special_tokens=False)["input_ids"]
    said = tokenizer(text, add_special_tokens=False)["input_ids"]
    said += [tokenizer.eos_token_id] if end else []
    with torch.no_grad():
        logits = model.double()(torch.tensor([head + said])).logits[0]
    likely = logits[len(head) - 1 : -1].log_softmax(-1)
    return [likely[place, token].item() for place, token in enumerate(said)]


def tables(stand: Any, asked: str) -> dict[str, pl.DataFrame]:
    """Four responses to one prompt, the last cut off at the limit."""
    prompts = stand.prompts(asked)
    origin = {"operator": "test", "model": None, "parameters": "{}", "seed": None, "parents": []}
    records = [
        {
            "response_id": f"r{number}",
            "prompt_id": prompts["prompt_id"][0],
            "text": text,
            "finish": "length" if number == len(SAID) - 1 else "stop",
            "tokens": 1,
            "origin": origin,
        }
        for number, text in enumerate(SAID)
    ]
    return {"prompts": prompts, "responses": rows(Responses, records)}


@pytest.mark.parametrize("normalise", ["sum", "token"])
def test_ratios_equal_full_logits_in_float64(
    normalise: Normalise, stand: Any, folders: dict[str, Path]
) -> None:
    roles = {role: Binding(model=str(folder)) for role, folder in folders.items()}
    context = stand.context(roles=roles, open_engine=open_engine)
    asked = "What is 3 + 4?"
    operator = Both(of="responses", normalise=normalise, probes="off")
    found = operator.run(tables(stand, asked), context).kept
    assert found["value"].len() == len(SAID)
    for number, text in enumerate(SAID):
        end = number < len(SAID) - 1
        strong, weak = (slow(folders[role], asked, text, end=end) for role in ("strong", "weak"))
        expected = [a - b for a, b in zip(strong, weak, strict=True)]
        whole = sum(expected) / (len(expected) if normalise == "token" else 1)
        assert found["value"][number] == pytest.approx(whole, abs=1e-4)
        seen = SEEN["strong"][text], SEEN["weak"][text]
        assert log_ratio(*seen) == pytest.approx(sum(expected), abs=1e-4)


def test_an_implicit_reward_is_the_ratio_times_beta(stand: Any, folders: dict[str, Path]) -> None:
    roles = {
        "policy": Binding(model=str(folders["strong"])),
        "policy@initial": Binding(model=str(folders["weak"])),
    }
    asked = "What is 3 + 4?"
    context = stand.context(roles=roles, open_engine=open_engine)
    found = ImplicitReward(beta=0.3, probes="off").run(tables(stand, asked), context).kept
    for number, text in enumerate(SAID):
        end = number < len(SAID) - 1
        strong, weak = (sum(slow(folders[n], asked, text, end=end)) for n in ("strong", "weak"))
        assert found["value"][number] == pytest.approx(0.3 * (strong - weak), abs=1e-4)


def test_models_that_split_a_text_differently_compare_by_its_sum_alone() -> None:
    above, below = Scored((1, 2), (-1.0, -2.0)), Scored((7, 8, 9), (-1.0, -1.5, -3.5))
    assert log_ratio(above, below) == pytest.approx(3.0)
    assert log_ratio(above, below, normalise="token") == pytest.approx(0.5)


def test_a_text_of_no_tokens_is_as_likely_under_both() -> None:
    nothing = Scored((), ())
    assert log_ratio(nothing, nothing, normalise="token") == 0.0


def test_of_a_transcript_the_turns_of_the_model_are_scored_in_their_chat(
    stand: Any, folders: dict[str, Path]
) -> None:
    asked, first, look, second = "What is 3 + 4?", "8", "Sure?", "Answer: 7"
    text = f"{first}\n{look}\n{second}"
    places = [0, len(first), len(text) - len(second), len(text)]
    turns = [
        {"role": role, "start": start, "end": end}
        for role, start, end in zip(
            ("assistant", "user", "assistant"), places, places[1:], strict=False
        )
    ]
    found = tables(stand, asked)
    row = {**found["responses"].row(0, named=True), "text": text, "turns": turns}
    found["responses"] = rows(Responses, [row])
    roles = {role: Binding(model=str(folder)) for role, folder in folders.items()}
    context = stand.context(roles=roles, open_engine=open_engine)
    value = DensityRatio(probes="off").run(found, context).kept["value"].item()
    expected = 0.0
    for role, sign in (("strong", 1), ("weak", -1)):
        model, tokenizer = load(Binding(model=str(folders[role]), device="cpu"))
        said = [{"role": "user", "content": asked}]
        for answer in (first, second):
            header = tokenizer.apply_chat_template(said, add_generation_prompt=True, tokenize=False)
            head = tokenizer(header, add_special_tokens=False)["input_ids"]
            ids = tokenizer(answer, add_special_tokens=False)["input_ids"]
            ids += [tokenizer.eos_token_id]
            with torch.no_grad():
                logits = model.double()(torch.tensor([head + ids])).logits[0]
            likely = logits[len(head) - 1 : -1].log_softmax(-1)
            expected += sign * sum(likely[at, token].item() for at, token in enumerate(ids))
            said += [{"role": "assistant", "content": answer}, {"role": "user", "content": look}]
    assert value == pytest.approx(expected, abs=1e-4)
