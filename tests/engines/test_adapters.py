"""A role bound to a PEFT adapter answers as PEFT does, or says what to do."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
)

from engines.bindings import Binding
from engines.local.engine import TransformersEngine
from engines.opening import open_engine
from engines.protocol import EngineError
from engines.weights import load, weights_revision

peft = pytest.importorskip("peft")
IDS = torch.tensor([[3, 77, 12, 90, 4, 8]])
WEIGHTS = "adapter_model.safetensors"


def write_adapter(base: Path, folder: Path, *, added: int = 0, **settings: Any) -> torch.Tensor:
    """Write a random adapter of ``base`` with its tokenizer. Returns the logits of `IDS`."""
    model = AutoModelForCausalLM.from_pretrained(base)
    tokenizer = AutoTokenizer.from_pretrained(base)
    if added:
        tokenizer.add_tokens([f"<added {number}>" for number in range(added)])
        model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    config = peft.LoraConfig(**{"task_type": "CAUSAL_LM", "target_modules": ["q_proj"]} | settings)
    model = peft.get_peft_model(model, config).eval()
    seeded = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weights in model.parameters():
            if weights.requires_grad:
                weights.normal_(std=0.3, generator=seeded)
        logits: torch.Tensor = model(input_ids=IDS).logits
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return logits


def binding_of(folder: Path) -> Binding:
    return Binding(model=str(folder), device="cpu")


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"use_dora": True},
        {"modules_to_save": ["lm_head"]},
        {"modules_to_save": ["embed_tokens", "lm_head"]},
        {"trainable_token_indices": [3, 4]},
        {"added": 5},
    ],
    ids=["lora", "dora", "head", "embeddings", "some tokens", "added tokens"],
)
@pytest.mark.filterwarnings("ignore")
def test_an_adapter_answers_as_in_peft(
    tiny_model: Path, tmp_path: Path, settings: dict[str, Any]
) -> None:
    logits = write_adapter(tiny_model, tmp_path, **settings)
    model, _ = load(binding_of(tmp_path))
    assert torch.allclose(model(input_ids=IDS).logits, logits, atol=1e-4)
    asyncio.run(TransformersEngine(binding_of(tmp_path)).close())


def test_an_adapter_without_a_tokenizer_has_that_of_its_base(
    tiny_model: Path, tmp_path: Path
) -> None:
    """As PEFT saves it."""
    write_adapter(tiny_model, tmp_path)
    for file in [*tmp_path.glob("*token*"), *tmp_path.glob("chat_template*")]:
        file.unlink()
    _, tokenizer = load(binding_of(tmp_path))
    expected = AutoTokenizer.from_pretrained(tiny_model)
    assert tokenizer.get_vocab() == expected.get_vocab()
    assert tokenizer.chat_template == expected.chat_template


def test_an_adapter_of_an_adapter(tiny_model: Path, tmp_path: Path) -> None:
    write_adapter(tiny_model, tmp_path / "first")
    write_adapter(tiny_model, tmp_path / "second", target_modules=["v_proj"])
    _named(tmp_path / "second", tmp_path / "first")
    asyncio.run(TransformersEngine(binding_of(tmp_path / "second")).close())


def test_a_base_that_is_not_there_is_said_to_be_the_adapters(
    tiny_model: Path, tmp_path: Path
) -> None:
    write_adapter(tiny_model, tmp_path)
    _named(tmp_path, tmp_path / "gone")
    with pytest.raises(
        EngineError, match=r"PEFT adapter.*no model at .*gone.*adapter_config\.json"
    ):
        weights_revision(binding_of(tmp_path))


def _named(folder: Path, base: Path) -> None:
    file = folder / "adapter_config.json"
    config = json.loads(file.read_text()) | {"base_model_name_or_path": str(base)}
    file.write_text(json.dumps(config))


def _without_some(weights: dict[str, Any]) -> dict[str, Any]:
    return dict(list(weights.items())[1:])


def _of_more_layers(weights: dict[str, Any]) -> dict[str, Any]:
    more = {name.replace("layers.0", "layers.2"): each for name, each in weights.items()}
    return weights | {name: each.clone() for name, each in more.items() if "layers.2" in name}


def _wider(weights: dict[str, Any]) -> dict[str, Any]:
    return {name: torch.zeros(each.shape[0], 2 * each.shape[1]) for name, each in weights.items()}


@pytest.mark.parametrize("change", [_without_some, _of_more_layers, _wider])
def test_an_adapter_of_another_model_is_refused(
    tiny_model: Path, tmp_path: Path, change: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    write_adapter(tiny_model, tmp_path)
    save_file(change(load_file(tmp_path / WEIGHTS)), tmp_path / WEIGHTS)
    with pytest.raises(EngineError, match=r"is not an adapter of .*base_model_name_or_path"):
        load(binding_of(tmp_path))


@pytest.mark.filterwarnings("ignore")
def test_shared_embeddings_are_not_merged_wrongly(tiny_model: Path, tmp_path: Path) -> None:
    write_adapter(tiny_model, tmp_path, target_modules=["embed_tokens"])
    with pytest.raises(EngineError, match=r"embeddings that .* uses as its head too"):
        load(binding_of(tmp_path))


def test_an_adapter_of_a_reward_model_is_to_be_merged(tiny_model: Path, tmp_path: Path) -> None:
    model = AutoModelForSequenceClassification.from_pretrained(tiny_model, num_labels=1)
    config = peft.LoraConfig(task_type="SEQ_CLS", target_modules=["q_proj"])
    peft.get_peft_model(model, config).save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(tiny_model).save_pretrained(tmp_path)
    engine = open_engine(binding_of(tmp_path))
    prompt = engine.render([{"role": "user", "content": "Hi"}])
    with pytest.raises(EngineError, match=r"AutoPeftModelForSequenceClassification.*merge_and_un"):
        asyncio.run(engine.reward(prompt, "Hello"))
    with pytest.raises(EngineError, match="adapter of task SEQ_CLS"):
        load(binding_of(tmp_path))
