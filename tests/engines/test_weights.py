import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from engines.bindings import Binding
from engines.protocol import EngineError
from engines.weights import load, weights_revision
from schemas.git_lfs import POINTER


def bound(folder: Path | str, **options) -> Binding:
    return Binding(model=str(folder), device="cpu", **options)


@pytest.fixture
def copied(tiny_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model, tmp_path / "copy"))


def test_a_copy_is_the_same_model(tiny_model: Path, copied: Path):
    (copied / "README.md").write_text("words change nothing")
    (copied / "trainer_state.json").write_text("{}")
    assert weights_revision(bound(copied)) == weights_revision(bound(tiny_model))


def _edit_json(path: Path, **values) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def _flip_last_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: _flip_last_byte(folder / "model.safetensors"),
        lambda folder: (folder / "chat_template.jinja").write_text("{{ messages }}"),
        lambda folder: _edit_json(folder / "tokenizer_config.json", eos_token="<|pad|>"),
        lambda folder: _edit_json(folder / "generation_config.json", eos_token_id=2),
        lambda folder: _edit_json(folder / "config.json", rms_norm_eps=1e-5),
        lambda folder: (folder / "model-2.safetensors").write_bytes(b"more"),
    ],
    ids=["weights", "chat template", "tokenizer", "end tokens", "config", "another file"],
)
def test_the_revision_changes_with_whatever_changes_answers(copied: Path, change: Callable):
    before = weights_revision(bound(copied))
    change(copied)
    assert weights_revision(bound(copied)) != before


def test_the_revision_changes_with_the_number_type(tiny_model: Path):
    revisions = {weights_revision(bound(tiny_model, dtype=d)) for d in ("float32", "bfloat16")}
    assert len(revisions) == 2
    assert weights_revision(bound(tiny_model)) == weights_revision(
        bound(tiny_model, dtype="float32")
    )


def test_the_revision_changes_with_adapter_and_with_the_weights_it_adapts(
    copied: Path, tmp_path: Path
):
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text(
        json.dumps({"base_model_name_or_path": str(copied)})
    )
    (adapter / "adapter_model.safetensors").write_bytes(b"delta")
    first = weights_revision(bound(adapter))
    _flip_last_byte(copied / "model.safetensors")
    second = weights_revision(bound(adapter))
    (adapter / "adapter_model.safetensors").write_bytes(b"other delta")
    third = weights_revision(bound(adapter))
    assert len({first, second, third, weights_revision(bound(copied))}) == 4


def test_a_hub_model_is_its_commit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """A model in the local Hub cache needs no network, and its commit is its revision."""
    commit = "0123456789abcdef0123456789abcdef01234567"
    repository = tmp_path / "models--someone--model"
    (repository / "snapshots" / commit).mkdir(parents=True)
    (repository / "snapshots" / commit / "config.json").write_text('{"dtype": "bfloat16"}')
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert weights_revision(bound("someone/model")) == f"someone/model@{commit}/float32"


def test_a_hub_model_that_cannot_be_had_says_what_to_check(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(EngineError, match=r"no folder nobody/nothing.*not in the local cache"):
        load(bound("nobody/nothing"))


def test_a_folder_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(EngineError, match=f"no model at {tmp_path}/gone"):
        load(bound(tmp_path / "gone"))
    with pytest.raises(EngineError, match="no model at"):
        weights_revision(bound(tmp_path / "gone"))


def test_a_folder_without_a_model_is_refused(tmp_path: Path):
    with pytest.raises(EngineError, match=r"no config\.json"):
        load(bound(tmp_path))


def test_pickled_weights_are_not_read(copied: Path):
    os.rename(copied / "model.safetensors", copied / "pytorch_model.bin")
    with pytest.raises(EngineError, match="no safetensors"):
        load(bound(copied))


def test_a_cut_off_file_says_so(copied: Path):
    weights = copied / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(EngineError, match="weights cannot be loaded"):
        load(bound(copied))


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "generation_config.json"])
def test_a_pointer_of_git_lfs_and_an_empty_file_are_named(copied: Path, name: str):
    (copied / name).write_bytes(POINTER + b"spec/v1\noid sha256:4d7a\nsize 132\n")
    with pytest.raises(EngineError, match=f"{name} is a Git LFS pointer.*git lfs pull"):
        weights_revision(bound(copied))
    (copied / name).write_bytes(b"")
    with pytest.raises(EngineError, match=f"{name} is empty"):
        weights_revision(bound(copied))


def test_a_reward_model_without_lm_head_is_trained_on(copied: Path):
    """Its body is what a training goes on from, whether or not the embeddings are shared."""
    _edit_json(
        copied / "config.json",
        architectures=["LlamaForSequenceClassification"],
        tie_word_embeddings=False,
    )
    model, _ = load(bound(copied))
    stored = load_file(copied / "model.safetensors")["model.embed_tokens.weight"]
    assert model.get_input_embeddings().weight.equal(stored)


def test_weights_that_a_file_lacks_are_not_drawn_at_random(copied: Path):
    file = copied / "model.safetensors"
    weights = load_file(file)
    gone = next(name for name in sorted(weights) if "mlp" in name)
    del weights[gone]
    save_file(weights, file, metadata={"format": "pt"})
    with pytest.raises(EngineError, match=f"lack 1 of the model's weights, such as '{gone}'"):
        load(bound(copied))


def test_a_tokenizer_without_chat_template_says_what_to_do(copied: Path):
    (copied / "chat_template.jinja").unlink()
    with pytest.raises(EngineError, match=r"add chat_template\.jinja"):
        load(bound(copied))


def test_a_model_on_the_cpu_is_float32_unless_asked(tiny_model: Path):
    model, _ = load(bound(tiny_model))
    assert str(model.dtype) == "torch.float32"
    assert not any(parameter.requires_grad for parameter in model.parameters())
    model, _ = load(bound(tiny_model, dtype="bfloat16"))
    assert str(model.dtype) == "torch.bfloat16"
