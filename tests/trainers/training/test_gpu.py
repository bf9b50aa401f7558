"""Trainings on a GPU end where those on the processor end."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import torch

from engines.bindings import Binding
from engines.context import Context
from trainers import DPO, SFT, LoRA, Trainer

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU"),
]
POCKET = Path(__file__).parents[3] / "pocket" / "checkpoints" / "base"


def weights(folder: Path) -> torch.Tensor:
    from safetensors.torch import load_file

    found = load_file(folder / "model.safetensors")
    return torch.cat([found[name].float().flatten() for name in sorted(found)])


@pytest.mark.parametrize(
    "trainer",
    [
        DPO(of="pairs", batch_size=4, learning_rate=1e-4),
        DPO(of="pairs", batch_size=4, learning_rate=1e-4, lora=LoRA()),
        DPO(of="pairs", batch_size=4, learning_rate=1e-4, optimizer="adafactor"),
    ],
    ids=["dpo", "lora", "adafactor"],
)
def test_dpo_on_a_gpu_moves_the_weights_as_on_the_processor(
    trainer: Trainer,
    pairs: Callable[..., pl.DataFrame],
    context_for: Callable[..., Context],
    tmp_path: Path,
) -> None:
    """In bfloat16, so not to the last digit: within half of the way that was gone."""
    start, ends = weights(POCKET), []
    for device in ("cpu", "cuda"):
        binding = Binding(model=str(POCKET), device=device, dtype="float32")
        context = context_for(
            models=tmp_path / device, roles={"policy": binding}, journal=tmp_path / f"{device}.db"
        )
        trainer.run({"pairs": pairs()}, context)
        ends.append(weights(context.models / context.refresh / context.stage))
    moved = (ends[0] - start).norm()
    assert moved > 0
    assert (ends[0] - ends[1]).norm() < 0.5 * moved


def test_a_training_on_a_gpu_frees_its_memory(
    demonstrations: Callable[..., pl.DataFrame],
    context_for: Callable[..., Context],
    tmp_path: Path,
) -> None:
    held = []
    for name in ("first", "second"):
        context = context_for(
            models=tmp_path / name, roles={"policy": Binding(model=str(POCKET), device="cuda")}
        )
        SFT(of="demonstrations", batch_size=4).run({"demonstrations": demonstrations()}, context)
        held.append(torch.cuda.memory_allocated())
    # What cuBLAS works in is taken once.
    assert held[0] == held[1]
