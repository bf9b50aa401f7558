"""Training as a stage: whole folders, repeatable, resumable, and silent on stdout."""

import hashlib
import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from pydantic import ValidationError

from engines.bindings import Binding
from engines.context import Context
from engines.protocol import EngineError
from engines.weights import weights_revision
from trainers import DPO, SFT, LoRA, Trainer

Pairs = Callable[..., pl.DataFrame]
Contexts = Callable[..., Context]


@pytest.fixture
def trainer() -> DPO:
    return DPO(of="pairs", learning_rate=1e-3, batch_size=4, epochs=2)


def weights_of(path: str) -> str:
    return hashlib.sha256((Path(path) / "model.safetensors").read_bytes()).hexdigest()


def test_same_rows_in_any_order_give_the_same_weights_and_another_seed_others(
    trainer: DPO, pairs: Pairs, context_for: Contexts, tmp_path: Path
) -> None:
    frames = [pairs(), pairs().reverse(), pairs()]
    seeds = [0, 0, 1]
    digests = []
    for n, (frame, seed) in enumerate(zip(frames, seeds, strict=True)):
        context = context_for(models=tmp_path / str(n), seed=seed)
        digests.append(weights_of(trainer.run({"pairs": frame}, context).kept["path"][0]))
    assert digests[0] == digests[1] != digests[2]


def test_a_finished_training_is_kept_and_a_changed_one_repeated(
    trainer: DPO, pairs: Pairs, context_for: Contexts
) -> None:
    context = context_for()
    first = trainer.run({"pairs": pairs()}, context).kept
    # Seconds are measured, so only the same training has the same.
    renamed = trainer.model_copy(update={"of": "others", "checkpoint_seconds": 5.0})
    assert renamed.run({"others": pairs()}, context).kept.equals(first)

    before = weights_of(first["path"][0])
    changed = trainer.run({"pairs": pairs(11)}, context).kept
    assert changed["path"][0] == first["path"][0]
    assert changed["rows"][0] == 11
    assert weights_of(first["path"][0]) != before
    assert [path.name for path in (context.models / context.refresh).iterdir()] == ["policy"]


def test_a_single_step_trains(
    trainer: DPO, pairs: Pairs, context_for: Contexts, tiny_model: Path
) -> None:
    once = trainer.model_copy(update={"batch_size": 12, "epochs": 1.0})
    kept = once.run({"pairs": pairs()}, context_for()).kept
    assert kept["steps"][0] == 1
    assert weights_of(kept["path"][0]) != weights_of(str(tiny_model))


@pytest.mark.parametrize("kind", [DPO, SFT])
def test_a_step_in_several_passes_is_the_step_in_one(
    kind: type[Trainer],
    pairs: Pairs,
    demonstrations: Pairs,
    context_for: Contexts,
    metrics_of: Callable[[pl.DataFrame], dict[str, float]],
    tmp_path: Path,
) -> None:
    # Gradients, since AdamW's first step is the same however they are scaled.
    found = []
    for batch, passes in ((12, 1), (4, 3)):
        trainer = kind(
            of="rows", learning_rate=1e-3, batch_size=batch, gradient_accumulation=passes
        )
        frame = (pairs if kind is DPO else demonstrations)()
        kept = trainer.run({"rows": frame}, context_for(models=tmp_path / str(passes))).kept
        assert kept["steps"][0] == 1
        figures = metrics_of(kept)
        found.append((figures["loss"], figures["grad_norm"]))
    assert found[0] == pytest.approx(found[1], rel=1e-4)


def test_a_folder_without_its_record_is_no_model(
    trainer: DPO, pairs: Pairs, context_for: Contexts
) -> None:
    context = context_for()
    folder = context.models / context.refresh / context.stage
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_text("half of it")
    assert trainer.run({"pairs": pairs()}, context).kept["trained"][0]
    assert json.loads((folder / "training.json").read_text())["rows"] == 12


KILLED = """
import os, pickle, signal, sys
import trainers.training.callbacks, trainers.training.checkpoint_folder
frame, trainer, context, where = pickle.load(sys.stdin.buffer)

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

saved = trainers.training.callbacks.Saving.on_save

def on_save(self, args, state, control, **kwargs):
    if state.global_step == 4:
        os.remove(f"{args.output_dir}/checkpoint-4/optimizer.pt")
        die()
    saved(self, args, state, control, **kwargs)

if where == "in a checkpoint":
    trainers.training.callbacks.Saving.on_save = on_save
else:
    trainers.training.checkpoint_folder.TrainedFolder._rename = die
trainer.run({"pairs": frame}, context)
"""


@pytest.mark.parametrize(
    ("where", "grouped"),
    [("in a checkpoint", False), ("in a checkpoint", True), ("before the name", False)],
)
def test_a_killed_training_goes_on_to_the_same_weights(
    where: str, grouped: bool, trainer: DPO, pairs: Pairs, context_for: Contexts, tmp_path: Path
) -> None:
    import pickle

    trainer = trainer.model_copy(update={"group_by_length": grouped})
    saving = trainer.model_copy(update={"checkpoint_seconds": 0.0})
    context = context_for()
    run = subprocess.run(
        [sys.executable, "-c", KILLED],
        input=pickle.dumps((pairs(), saving, context, where)),
        cwd=Path(__file__).parents[3],
        stdout=subprocess.PIPE,
        check=False,
    )
    assert run.returncode == -9
    assert run.stdout == b""
    folder = context.models / context.refresh / context.stage
    assert not folder.exists()

    resumed = saving.run({"pairs": pairs()}, context).kept
    whole = trainer.run({"pairs": pairs()}, context_for(models=tmp_path / "whole")).kept
    assert weights_of(resumed["path"][0]) == weights_of(whole["path"][0])
    assert [path.name for path in folder.parent.iterdir()] == ["policy"]
    record = json.loads((folder / "training.json").read_text())
    assert record["resumed_from"] == (3 if where == "in a checkpoint" else None)


def test_the_result_is_a_model_like_its_start(
    trainer: DPO, pairs: Pairs, context_for: Contexts, tmp_path: Path, tiny_model: Path
) -> None:
    from safetensors import safe_open
    from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

    start = tmp_path / "start"
    model = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.bfloat16)
    model.generation_config.eos_token_id = [1, 3]
    model.save_pretrained(start)
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    tokenizer.pad_token = None
    tokenizer.save_pretrained(start)

    context = context_for(roles={"policy": Binding(model=str(start), device="cpu")})
    path = trainer.run({"pairs": pairs()}, context).kept["path"][0]
    with safe_open(f"{path}/model.safetensors", "pt") as file:
        assert {file.get_tensor(name).dtype for name in file.keys()} == {torch.bfloat16}  # noqa: SIM118
    assert GenerationConfig.from_pretrained(path).eos_token_id == [1, 3]
    saved = AutoTokenizer.from_pretrained(path)
    assert (saved.pad_token, saved.chat_template) == (None, tokenizer.chat_template)
    assert weights_of(path) != weights_of(str(start))


def test_stdout_stays_clean(
    trainer: DPO, pairs: Pairs, context_for: Contexts, capfd: pytest.CaptureFixture[str]
) -> None:
    trainer.run({"pairs": pairs()}, context_for(progress=True))
    captured = capfd.readouterr()
    assert captured.out == ""
    assert "trial/policy" in captured.err


def test_nothing_to_train_on_is_said_and_costs_nothing(
    trainer: DPO,
    pairs: Pairs,
    context_for: Contexts,
    tiny_model: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    context = context_for()
    split = trainer.run({"pairs": pairs(0)}, context)
    (row,) = split.kept.to_dicts()
    assert (row["path"], row["start"], row["trained"]) == (str(tiny_model), str(tiny_model), False)
    assert row["reason"] == "no pairs: stage 'pairs' kept no row"
    assert row["reason"] in caplog.text
    assert not context.models.exists()


@pytest.mark.parametrize(("limit", "kept"), [(25, 10), (5, 0)])
def test_rows_that_are_too_long_are_dropped_and_never_cut(
    limit: int, kept: int, trainer: DPO, pairs: Pairs, context_for: Contexts
) -> None:
    short = trainer.model_copy(update={"max_length": limit})
    frame = pairs().with_columns(
        chosen=pl.when(pl.int_range(pl.len()) < 2)
        .then(pl.lit([{"role": "assistant", "content": "9" * 40}], dtype=pairs()["chosen"].dtype))
        .otherwise("chosen")
    )
    for _ in range(2):
        split = short.run({"pairs": frame}, context_for())
        assert split.kept["rows"][0] == kept
        assert split.kept["trained"][0] == (kept > 0)
        assert split.dropped.height == 12 - kept
        assert set(split.dropped["reason"]) == {f"longer than max_length {limit}"}
        assert json.loads(split.dropped["numbers"][0])["tokens"] > limit


@pytest.mark.parametrize(
    ("roles", "words"),
    [
        ({}, ["'policy'", "bound to nothing", "factory.yaml"]),
        (
            {"policy": Binding(engine="openai", url="http://there/v1", served_as="it")},
            ["'policy'", "takes its weights", "model:"],
        ),
        ({"policy": Binding(model="/nowhere/at/all")}, ["/nowhere/at/all"]),
    ],
)
def test_a_role_without_weights_is_explained(
    roles: dict[str, Binding], words: list[str], trainer: DPO, pairs: Pairs, context_for: Contexts
) -> None:
    with pytest.raises(EngineError) as refused:
        trainer.run({"pairs": pairs()}, context_for(roles=roles))
    assert all(word in str(refused.value) for word in words)


def test_a_training_that_diverges_writes_nothing(
    trainer: DPO, pairs: Pairs, context_for: Contexts
) -> None:
    wild = trainer.model_copy(update={"learning_rate": 1e38})
    context = context_for()
    with pytest.raises(EngineError, match=r"diverged.*learning_rate"):
        wild.run({"pairs": pairs()}, context)
    assert not (context.models / context.refresh / context.stage).exists()


@pytest.mark.skipif(importlib.util.find_spec("peft") is not None, reason="peft is installed")
def test_lora_without_peft_is_explained(pairs: Pairs, context_for: Contexts) -> None:
    with pytest.raises(EngineError, match="pip install peft"):
        DPO(of="pairs", lora=LoRA()).run({"pairs": pairs()}, context_for())


@pytest.mark.skipif(importlib.util.find_spec("peft") is None, reason="peft is not installed")
def test_lora_is_merged_into_the_weights(
    pairs: Pairs, context_for: Contexts, tiny_model: Path, tmp_path: Path
) -> None:
    trainer = DPO(of="pairs", lora=LoRA(rank=4), learning_rate=1e-2, batch_size=4, epochs=4)
    path = Path(trainer.run({"pairs": pairs()}, context_for()).kept["path"][0])
    assert not (path / "adapter_config.json").exists()
    assert weights_of(str(path)) != weights_of(str(tiny_model))
    # The adapter beside them does not change what the model is.
    kept = weights_revision(Binding(model=str(path)))
    (path / "adapter").rename(tmp_path / "adapter")
    assert weights_revision(Binding(model=str(path))) == kept
    config = json.loads((tmp_path / "adapter/adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(tiny_model)


def test_another_optimizer_is_another_training(
    trainer: DPO, pairs: Pairs, context_for: Contexts, tmp_path: Path
) -> None:
    found = set()
    for optimizer in ("adamw_torch_fused", "adafactor"):
        other = trainer.model_copy(update={"optimizer": optimizer})
        path = Path(other.run({"pairs": pairs()}, context_for()).kept["path"][0])
        found.add((weights_of(str(path)), json.loads((path / "training.json").read_text())["rows"]))
    assert len(found) == 2


@pytest.mark.skipif(
    importlib.util.find_spec("bitsandbytes") is not None, reason="bitsandbytes is installed"
)
def test_an_optimizer_without_its_package_is_explained(
    trainer: DPO, pairs: Pairs, context_for: Contexts
) -> None:
    small = trainer.model_copy(update={"optimizer": "adamw_8bit"})
    with pytest.raises(EngineError, match="pip install bitsandbytes"):
        small.run({"pairs": pairs()}, context_for())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"devices": 3, "batch_size": 2}, "batch_size to at least 3"),
        ({"devices": 4}, r"visible GPUs is 2"),
        ({"devices": 1, "shard": True}, "needs devices"),
        ({"devices": 2, "shard": True, "lora": LoRA()}, "leave out lora"),
    ],
)
def test_devices_that_cannot_share_a_training_are_refused_with_what_to_change(
    settings: dict[str, Any],
    words: str,
    trainer: DPO,
    pairs: Pairs,
    context_for: Contexts,
    tiny_model: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    if "lora" in settings:
        pytest.importorskip("peft")
    context = context_for(roles={"policy": Binding(model=str(tiny_model), dtype="float32")})
    with pytest.raises(EngineError, match=words):
        trainer.model_copy(update=settings).run({"pairs": pairs()}, context)


def test_a_sharded_training_on_a_cpu_is_refused(
    trainer: DPO, pairs: Pairs, context_for: Contexts
) -> None:
    sharded = trainer.model_copy(update={"devices": 2, "shard": True})
    with pytest.raises(EngineError, match="needs GPUs"):
        sharded.run({"pairs": pairs()}, context_for())


@pytest.mark.parametrize("name", ["WORLD_SIZE", "OMPI_COMM_WORLD_SIZE"])
def test_a_training_under_a_launcher_is_refused(
    name: str,
    trainer: DPO,
    pairs: Pairs,
    context_for: Contexts,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(name, "2")
    context = context_for()
    with pytest.raises(EngineError, match=r"'policy'.*launcher"):
        trainer.run({"pairs": pairs()}, context)
    assert not context.models.exists()


@pytest.mark.parametrize("parameters", [{"beta": 0}, {"learning_rate": -1.0}, {"epoch": 2}])
def test_parameters_out_of_range_are_refused(parameters: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        DPO.model_validate({"of": "pairs", **parameters})


def test_importing_the_operators_imports_no_torch() -> None:
    code = "import sys, trainers; sys.exit('torch' in sys.modules or 'datasets' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3], check=False)
    assert run.returncode == 0
    assert {use.needs for use in SFT(of="demonstrations").roles()} == {("weights",)}
