"""What the files of a model say of it, without loading the model."""

import json
from pathlib import Path
from typing import Any

import pytest

from engines.bindings import Binding
from engines.model_files import number_of_weights, published, stated_sampling
from engines.protocol import EngineError

COMMIT = "a" * 40


def cached(folder: Path, model: str, files: dict[str, Any]) -> None:
    """Write files of a Hub model into a cache of the Hub's client."""
    kept = folder / f"models--{model.replace('/', '--')}"
    (kept / "refs").mkdir(parents=True)
    (kept / "refs" / "main").write_text(COMMIT)
    snapshot = kept / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    for name, content in files.items():
        (snapshot / name).write_text(json.dumps(content))


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache of the Hub's client, which reaches no Hub."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return tmp_path


def test_only_sampling_is_taken_from_the_generation_config(tmp_path: Path) -> None:
    config = {"temperature": 0.7, "top_k": None, "max_new_tokens": 9, "eos_token_id": 2}
    (tmp_path / "generation_config.json").write_text(json.dumps(config))
    assert stated_sampling(Binding(model=str(tmp_path))) == {"temperature": 0.7}


def test_a_model_without_the_file_states_nothing(tmp_path: Path) -> None:
    assert stated_sampling(Binding(model=str(tmp_path))) == {}
    assert stated_sampling(Binding(model=str(tmp_path / "missing"))) == {}


def test_a_served_model_states_nothing_unless_its_weights_are_named(tmp_path: Path) -> None:
    (tmp_path / "generation_config.json").write_text('{"top_p": 0.9}')
    server = {"engine": "openai", "url": "http://localhost:1/v1", "served_as": "x"}
    assert stated_sampling(Binding(**server)) == {}
    assert stated_sampling(Binding(**server, model=str(tmp_path))) == {"top_p": 0.9}


def test_files_of_a_hub_model_are_read_from_the_cache(cache: Path) -> None:
    cached(cache, "some/cached", {"generation_config.json": {"top_k": 20}})
    assert stated_sampling(Binding(model="some/cached")) == {"top_k": 20}
    assert stated_sampling(Binding(model="some/cached", revision=COMMIT)) == {"top_k": 20}


def test_a_hub_that_cannot_be_reached_is_told(
    cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert published(Binding(model="some/absent"), "config.json") == {}
    assert "config.json of some/absent" in caplog.text


def test_a_damaged_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(EngineError, match=r"config\.json cannot be read"):
        published(Binding(model=str(tmp_path)), "config.json")


def test_the_number_of_weights_is_that_of_the_model(tiny_model: Path) -> None:
    from transformers import AutoModelForCausalLM

    counted = AutoModelForCausalLM.from_pretrained(tiny_model).num_parameters()
    assert number_of_weights(Binding(model=str(tiny_model))) == pytest.approx(counted, rel=0.02)


def test_an_unknown_architecture_has_no_number(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"n_embd": 768}')
    assert number_of_weights(Binding(model=str(tmp_path))) is None
