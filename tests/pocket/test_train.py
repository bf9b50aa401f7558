import random
from dataclasses import replace

import pytest
import torch
from transformers import PreTrainedTokenizerFast

import pocket
from pocket.skills import skills
from pocket.train import FIRST, batches, new_model, new_tokenizer, train

MIXTURE = skills(pocket.POPULATIONS["base"])


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return new_tokenizer()


def test_the_shipped_tokenizer_is_the_one_that_training_makes(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    shipped = (pocket.checkpoint("base") / "tokenizer.json").read_text()
    assert tokenizer.backend_tokenizer.to_str(pretty=True) == shipped.rstrip("\n")


def test_only_the_assistants_turn_is_learned(tokenizer: PreTrainedTokenizerFast) -> None:
    (batch,) = batches(tokenizer, MIXTURE, 1, random.Random(0))
    for tokens, learned in zip(batch.tokens, batch.learned, strict=True):
        text = tokenizer.decode(tokens[learned])
        whole = tokenizer.decode(tokens)
        assert whole.split("<|assistant|>")[1].startswith(text)
        assert text.endswith("<|end|>")
        assert pocket.final_answer(text.removesuffix("<|end|>")) is not None


def test_the_same_seed_trains_the_same_model(tokenizer: PreTrainedTokenizerFast) -> None:
    models = [new_model(tokenizer) for _ in range(2)]
    assert sum(weight.numel() for weight in models[0].parameters()) < 1e6
    for model in models:
        train(model, tokenizer, replace(FIRST, steps=2), "trunk")
    one, other = (model.state_dict() for model in models)
    assert all(torch.equal(one[name], other[name]) for name in one)
    fresh = new_model(tokenizer).state_dict()
    assert not all(torch.equal(one[name], fresh[name]) for name in one)
