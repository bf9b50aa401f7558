import json
import random

import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer

import pocket
from pocket.lessons import LESSONS
from pocket.measure import respond
from pocket.responses import respond_to
from pocket.speaking import reply

CHECKPOINTS: tuple[pocket.Checkpoint, ...] = ("weak", "base", "strong")

# Measured on 300 other held-out problems; the bands are four standard errors of 100 problems wide.
GREEDY = {"weak": (0.0, 0.32), "base": (0.16, 0.6), "strong": (0.8, 1.0)}


def test_the_three_checkpoints_weigh_less_than_30_megabytes() -> None:
    files = [path for name in CHECKPOINTS for path in pocket.checkpoint(name).iterdir()]
    assert sum(path.stat().st_size for path in files) < 30e6
    assert sum(path.name == "model.safetensors" for path in files) == 3


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_a_checkpoint_is_as_good_as_it_says(name: pocket.Checkpoint) -> None:
    model = AutoModelForCausalLM.from_pretrained(pocket.checkpoint(name))
    tokenizer = AutoTokenizer.from_pretrained(pocket.checkpoint(name))
    asked = [pocket.problem(2, index, split="held_out") for index in range(100)]
    texts = respond(model, tokenizer, asked, sample=False)
    right = [
        pocket.check([], str(pocket.answer(each)), text)
        for each, text in zip(asked, texts, strict=True)
    ]
    least, most = GREEDY[name]
    assert least <= sum(right) / len(right) <= most


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_a_checkpoint_ends_its_turn_and_carries_its_quality(name: pocket.Checkpoint) -> None:
    folder = pocket.checkpoint(name)
    model = AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id
    assert model.generation_config.pad_token_id == tokenizer.pad_token_id
    assert model.config.max_position_embeddings >= 512
    quality = json.loads((folder / "quality.json").read_text())
    assert quality["held_out"]["all"]["problems"] >= 300
    assert set(quality["skills"]) == set(LESSONS)


# Of 100 cases; the bands are about four standard errors wide around what was measured on others.
JUDGING = {"weak": (0.33, 0.73), "base": (0.74, 1.0), "strong": (0.7, 0.99)}


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_a_checkpoint_judges_as_well_as_it_says(name: pocket.Checkpoint) -> None:
    model = AutoModelForCausalLM.from_pretrained(pocket.checkpoint(name))
    tokenizer = AutoTokenizer.from_pretrained(pocket.checkpoint(name))
    rng = random.Random(0)
    asked = [pocket.problem(3, index, split="held_out") for index in range(100)]
    given = [respond_to(each, rng, "held_out") for each in asked]
    said = reply(
        model,
        tokenizer,
        [
            pocket.ask("p_true", prompt=pocket.render(each), response=response.text, samples=[])
            for each, response in zip(asked, given, strict=True)
        ],
    )
    assert set(said) == {"True", "False"}
    right = [
        text == str(pocket.consider(each, response).right)
        for each, response, text in zip(asked, given, said, strict=True)
    ]
    least, most = JUDGING[name]
    assert least <= sum(right) / len(right) <= most


def test_only_shipped_checkpoints_have_a_folder() -> None:
    with pytest.raises(ValueError, match="weak, base and strong"):
        pocket.checkpoint("huge")  # type: ignore[arg-type]
