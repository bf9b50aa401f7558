"""A training on two devices, here two processes, is the training on one, sharded or not."""

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from engines.bindings import Binding
from engines.context import Context
from tests.trainers.samples import sampled
from trainers import DPO, PRM, SFT, LoRA, PolicyGradient, RewardModel
from trainers.training.launch import environment

pytestmark = pytest.mark.processes
Rows = Callable[..., pl.DataFrame]
Contexts = Callable[..., Context]
HOME = Path(__file__).parents[3]
POCKET = HOME / "pocket/checkpoints/base"


@pytest.fixture
def at(context_for: Contexts, tmp_path: Path) -> Callable[[str], Context]:
    """A context with models in a folder of its own. All roles are the pocket model."""
    pocket = Binding(model=str(POCKET), device="cpu")

    def make(name: str) -> Context:
        roles = {"policy": pocket, "reward": pocket}
        return context_for(models=tmp_path / name, roles=roles, journal=tmp_path / f"{name}.sqlite")

    return make


def close(one: Path, other: Path) -> bool:
    """Whether two trainings of the pocket model ended at the same weights, but for rounding."""
    from safetensors.torch import load_file

    start, first, second = (
        load_file(folder / "model.safetensors") for folder in (POCKET, one, other)
    )
    assert first.keys() == second.keys()

    def squares(a: Mapping[str, Any], b: Mapping[str, Any]) -> float:
        return float(sum((a[name] - b[name]).square().sum() for name in first if name in a))

    return squares(first, second) < 1e-6 * squares(start, first)


# Torch shards on CPUs too, but Accelerate on GPUs only: it is told that the processes have some.
SHARDED = """
from accelerate.state import AcceleratorState, PartialState
from accelerate.utils import DistributedType
from torch.distributed.tensor import DTensor
from transformers import TrainerCallback

import trainers.training.train

trainers.training.train._refuse_shard = lambda *_: None
begin = AcceleratorState.__init__

def as_on_gpus(self, *args, **parts):
    if parts.get("fsdp_plugin") is not None:
        PartialState._shared_state["distributed_type"] = DistributedType.MULTI_GPU
    begin(self, *args, **parts)

AcceleratorState.__init__ = as_on_gpus

class Parts(TrainerCallback):
    def on_step_end(self, args, state, control, model, **kwargs):
        assert all(isinstance(each, DTensor) == bool(args.fsdp) for each in model.parameters())
"""
DYING = """
import os, signal
from pathlib import Path
from transformers import TrainerCallback
from sharded import Parts
from trainers import DPO

class Death(TrainerCallback):
    def on_save(self, args, state, control, **kwargs):
        doomed = Path(__file__).with_name("doomed")
        if state.global_step == 4 and doomed.exists() and os.environ["RANK"] == "0":
            os.kill(int(doomed.read_text()), signal.SIGKILL)

class Dying(DPO):
    def learner(self, encoded, *, callbacks, **parts):
        return super().learner(encoded, callbacks=[*callbacks, Death(), Parts()], **parts)
"""
KILLED = """
import os, pathlib, pickle, sys
trainer, frame, context = pickle.load(sys.stdin.buffer)
pathlib.Path(sys.argv[1], "doomed").write_text(str(os.getpid()))
trainer.run({"pairs": frame}, context)
"""


@pytest.mark.parametrize("shard", [False, True], ids=["whole", "sharded"])
def test_a_training_on_two_devices_that_was_killed_goes_on_to_the_weights_of_one(
    shard: bool,
    pairs: Rows,
    at: Callable[[str], Context],
    metrics_of: Callable[[pl.DataFrame], dict[str, float]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "sharded.py").write_text(SHARDED)
    (tmp_path / "dying.py").write_text(DYING)
    monkeypatch.syspath_prepend(tmp_path)
    from dying import Dying  # type: ignore[import-not-found]  # written above

    frame, context = pairs(11), at("two")
    # The last step of an epoch has three rows.
    trainer = Dying(of="pairs", learning_rate=1e-3, batch_size=4, epochs=2)
    two = trainer.model_copy(update={"devices": 2, "shard": shard, "checkpoint_seconds": 0.0})
    run = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)],
        input=pickle.dumps((two, frame, context)),
        env=os.environ | {"PYTHONPATH": f"{HOME}{os.pathsep}{tmp_path}"},
        # Read to its end, which is that of all processes.
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    assert run.returncode == -9, run.stdout.decode()
    folder = context.models / context.refresh / context.stage
    assert not folder.exists()

    (tmp_path / "doomed").unlink()
    resumed = two.run({"pairs": frame}, context).kept
    record = json.loads((folder / "training.json").read_text())
    assert record["resumed_from"] >= 4
    assert [path.name for path in folder.parent.iterdir()] == ["policy"]
    # One device finds it: it is the same training.
    assert trainer.run({"pairs": frame}, context).kept.equals(resumed)

    alone = at("one")
    whole = trainer.run({"pairs": frame}, alone).kept
    assert whole["steps"][0] == resumed["steps"][0] == 6
    assert close(folder, alone.models / alone.refresh / alone.stage)
    assert metrics_of(whole) == pytest.approx(metrics_of(resumed), rel=1e-3)


BOTH = """
import pickle, sys
from transformers import Trainer
from sharded import Parts
from trainers.training.fit import fit

train = Trainer.train
def checked(self, *args, **kwargs):
    self.add_callback(Parts())
    return train(self, *args, **kwargs)
Trainer.train = checked
for job in pickle.load(open(sys.argv[1], "rb")):
    fit(job)
"""


class Captured(Exception):
    """Ends a training that is ready to run."""


SETTINGS: dict[str, Any] = {"of": "rows", "learning_rate": 1e-3, "epochs": 2}
GRADIENT: dict[str, Any] = {"rewards": {"scores": 1.0}, "loss": "bnpo", **SETTINGS}
WHOLE = {
    "sft": SFT(batch_size=4, **SETTINGS),
    # Whole forward passes go to different devices; at the end one of them has none.
    "passes": SFT(batch_size=2, gradient_accumulation=2, **SETTINGS),
    "reward": RewardModel(batch_size=3, gradient_accumulation=2, **SETTINGS),
    "lora": DPO(batch_size=4, lora=LoRA(rank=4), **SETTINGS),
    # The loss is a mean over steps, and the processes have different numbers of them.
    "prm": PRM(batch_size=4, **SETTINGS),
    # A mean over tokens. The log-probs before training are computed by both processes.
    "gradient": PolicyGradient(batch_size=3, **GRADIENT),
}
KINDS = {
    "whole": WHOLE,
    "sharded": {name: WHOLE[name] for name in ("sft", "passes", "reward", "prm")},
}


@pytest.mark.parametrize("kinds", KINDS)
def test_every_kind_of_training_is_the_same_on_two_devices(
    kinds: str,
    demonstrations: Rows,
    pairs: Rows,
    labelled: Rows,
    at: Callable[[str], Context],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shard = kinds == "sharded"
    frames = {
        "sft": demonstrations(11),
        "passes": demonstrations(9),
        "reward": pairs(11),
        "lora": pairs(11),
        "prm": labelled(11),
        "gradient": sampled()["responses"],
    }
    jobs = []

    def capture(job: Any) -> None:
        jobs.append(job)
        raise Captured

    monkeypatch.setattr("trainers.training.train.launch", capture)
    if shard:
        monkeypatch.setattr("trainers.training.train._refuse_shard", lambda *_: None)
    for name, trainer in KINDS[kinds].items():
        tables = sampled() | {"rows": frames[name]}
        trainer.run(tables, at(f"one-{name}"))
        two = trainer.model_copy(update={"devices": 2, "shard": shard})
        with pytest.raises(Captured):
            two.run(tables, at(f"two-{name}"))
    (tmp_path / "jobs").write_bytes(pickle.dumps(jobs))
    (tmp_path / "both.py").write_text(BOTH)
    (tmp_path / "sharded.py").write_text(SHARDED)
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    here = {"PYTHONPATH": f"{HOME}{os.pathsep}{tmp_path}", "OMP_NUM_THREADS": "1"}
    subprocess.run(
        [sys.executable, *torchrun, str(tmp_path / "both.py"), str(tmp_path / "jobs")],
        env=environment(jobs[0]) | here,
        check=True,
    )
    for name, job in zip(KINDS[kinds], jobs, strict=True):
        context = at(f"one-{name}")
        assert close(context.models / context.refresh / context.stage, job.folder.model), name
