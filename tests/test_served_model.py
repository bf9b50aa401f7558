"""An exported model in vLLM: it answers as its checkpoint does. Run by ``make test-vllm``."""

import json
import os
import urllib.request
from pathlib import Path

import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer

from assets.export.writer import in_folder
from assets.models.export import model_writer
from tests.assets.conftest import new_workshop
from tests.assets.models.test_models import TRAIN
from tests.checkout import PROJECT
from tests.served import Served

pytestmark = pytest.mark.vllm

BASE = PROJECT / "pocket" / "checkpoints" / "base"
PAIRS = {
    "responses": {"use": "generators.Sample", "n": 2, "max_tokens": 48},
    "pairs": {"use": "filters.RandomPairs", "of": "responses"},
}
QUESTIONS = [
    "Tom has 4 apples. He gets 5 more apples. How many apples does Tom have?",
    "Ann has 3 bags with 6 plums each. How many plums does Ann have?",
    "Mia has 7 coins. Her coins double. How many coins does Mia have?",
]
TOKENS = 32


def test_an_exported_model_answers_as_its_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workshop = new_workshop(tmp_path, BASE, monkeypatch)
    workshop.recipe("made", PAIRS, rows=12)
    workshop.dataset("pairs", of=["made"], held_out=0, deduplicate=None)
    workshop.model("assistant", train={"dpo": TRAIN}, gate="none")
    workshop.run("made", "2026-11-01")
    version = workshop.train("assistant")
    folder = tmp_path / "assistant"
    in_folder(model_writer(workshop.project(), "assistant"), folder)

    tokenizer = AutoTokenizer.from_pretrained(version.path)
    prompts = [
        tokenizer.apply_chat_template(
            [{"role": "user", "content": question}], add_generation_prompt=True, tokenize=False
        )
        for question in QUESTIONS
    ]
    python = os.environ.get("VLLM_PYTHON", str(PROJECT / ".venv-vllm" / "bin" / "python"))
    server = Served(folder, log=tmp_path / "server.log", python=python)
    try:
        server.wait()
        found = [_answered(server, prompt) for prompt in prompts]
    finally:
        server.kill()
    trained, start = (_greedy(path, prompts) for path in (version.path, version.start))
    assert found == trained
    assert found != start, "the training changed no answer, so nothing was tested"


def _answered(server: Served, prompt: str) -> str:
    asked = {"model": "pocket", "prompt": prompt, "temperature": 0, "max_tokens": TOKENS}
    request = urllib.request.Request(
        f"{server.url}/completions",
        json.dumps(asked | {"add_special_tokens": False}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=120) as answer:
        return str(json.load(answer)["choices"][0]["text"])


def _greedy(path: str, prompts: list[str]) -> list[str]:
    model = AutoModelForCausalLM.from_pretrained(path)
    tokenizer = AutoTokenizer.from_pretrained(path)
    found = []
    for prompt in prompts:
        asked = tokenizer(prompt, return_tensors="pt", add_special_tokens=False)
        ids = model.generate(**asked, max_new_tokens=TOKENS, do_sample=False)
        answer = ids[0, asked["input_ids"].shape[1] :]
        found.append(tokenizer.decode(answer, skip_special_tokens=True))
    return found
