"""Scores of tokens against full logits in float64."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from annotators import TokenContrast
from engines.bindings import Binding
from engines.opening import open_engine
from engines.weights import load
from schemas import Responses, rows

SAID = ["Answer: 7", "Seven — é.", "Answer: 8\n" * 3]
TEMPLATES = {"good": "Answer well: {{ prompt }}", "bad": "Answer badly: {{ prompt }}"}
ASKED = "What is 3 + 4?"


def slow(folder: Path, text: str, *, end: bool) -> list[float]:
    """σ(ratio) − 1/2 of each token, no batch, every logit."""
    model, tokenizer = load(Binding(model=str(folder), device="cpu"))
    said = tokenizer(text, add_special_tokens=False)["input_ids"]
    said += [tokenizer.eos_token_id] if end else []
    likely = []
    for template in TEMPLATES.values():
        turns = [{"role": "user", "content": template.replace("{{ prompt }}", ASKED)}]
        before = tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
        head = tokenizer(before, add_special_tokens=False)["input_ids"]
        with torch.no_grad():
            logits = model.double()(torch.tensor([head + said])).logits[0]
        lines = logits[len(head) - 1 : -1].log_softmax(-1)
        likely.append([lines[place, token].item() for place, token in enumerate(said)])
    return [1 / (1 + math.exp(b - a)) - 1 / 2 for a, b in zip(*likely, strict=True)]


def test_scores_equal_full_logits(stand: Any, tiny_model: Path, tmp_path: Path) -> None:
    for name, text in TEMPLATES.items():
        (tmp_path / f"{name}.jinja").write_text(text)
    prompts = stand.prompts(ASKED)
    origin: dict[str, Any] = {
        "operator": "test",
        "model": None,
        "parameters": "{}",
        "seed": None,
        "parents": [],
    }
    known = {"prompt_id": prompts["prompt_id"][0], "tokens": 1, "origin": origin}
    said = [
        {"response_id": f"r{n}", "text": text, "finish": "stop" if n < 2 else "length", **known}
        for n, text in enumerate(SAID)
    ]
    orphan = {**said[0], "response_id": "orphan", "prompt_id": "other"}
    roles = {"policy": Binding(model=str(tiny_model), templates=str(tmp_path))}
    tables = {"prompts": prompts, "responses": rows(Responses, [*said, orphan])}
    context = stand.context(roles=roles, open_engine=open_engine)
    split = TokenContrast(better="good", worse="bad").run(tables, context)
    assert split.kept["response_id"].to_list() == ["r0", "r1", "r2"]
    assert split.dropped.select("row_id", "reason").rows() == [("orphan", "prompt not found")]
    for row, text in zip(split.kept.iter_rows(named=True), SAID, strict=True):
        ended = row["response_id"] != "r2"
        found = [*row["values"], row["end_value"]] if ended else row["values"]
        assert found == pytest.approx(slow(tiny_model, text, end=ended), abs=1e-4)
        assert any(found)
        assert (row["end_value"] is not None) is ended
        assert row["token_ends"][-1] == len(text)


def test_the_instructions_must_differ() -> None:
    with pytest.raises(ValidationError, match="all scores would be 0"):
        TokenContrast(better="good", worse="good")
