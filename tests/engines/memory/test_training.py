"""Memory of a training, by what it is for."""

from pathlib import Path

import pytest

from engines.bindings import Binding
from engines.memory.model_size import model_size
from engines.memory.training import Training, loading_need, training_need
from schemas import Need

GB = 10**9


@pytest.fixture
def binding(tiny_model: Path) -> Binding:
    return Binding(model=str(tiny_model), dtype="float32", device="cpu")


@pytest.fixture(autouse=True)
def free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engines.memory.training.free_memory", lambda device: GB)


def test_training_all_weights_takes_four_times_their_memory_and_lora_little_more_than_them(
    binding: Binding,
) -> None:
    size = model_size(binding)
    full = training_need(binding, Training(gpu=False), tokens=0)
    assert full.total == 4 * size.weights
    lora = training_need(binding, Training(gpu=False, rank=1), tokens=0)
    assert size.weights < lora.total < full.total
    longer = training_need(binding, Training(gpu=False), tokens=1000)
    assert longer.total > full.total
    # Gradients that are kept do not make room for activations.
    kept = training_need(binding, Training(gpu=False, accumulates=True), tokens=1000)
    assert kept.total == longer.total + size.weights


def test_an_optimizer_of_8_bits_keeps_a_quarter(binding: Binding) -> None:
    def states(state_bytes: int) -> int:
        training = Training(gpu=False, state_bytes=state_bytes)
        return training_need(binding, training, tokens=0).parts["optimizer states"]

    assert states(8) == 4 * states(2) == 2 * model_size(binding).weights


def test_devices_need_room_for_what_they_exchange_and_shards_are_parts(binding: Binding) -> None:
    def need(devices: int, *, sharded: bool = False) -> Need:
        training = Training(gpu=True, devices=devices, sharded=sharded)
        return training_need(binding, training, tokens=0)

    size = model_size(binding)
    assert need(2).total == need(8).total == 5 * size.weights
    one, two = need(1), need(2, sharded=True)
    for part in ("weights", "optimizer states", "activations and gradients"):
        assert two.parts[part] == one.parts[part] // 2
    assert loading_need(binding, 8).total == 8 * size.weights


def test_processes_on_a_cpu_share_its_memory(binding: Binding) -> None:
    assert training_need(binding, Training(gpu=False, devices=4), tokens=0).free == GB // 4
    assert training_need(binding, Training(gpu=True, devices=4), tokens=0).free == GB


def test_what_does_not_fit_says_what_to_change(
    binding: Binding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engines.memory.training.free_memory", lambda device: 1000)
    refusal = str(training_need(binding, Training(gpu=True), tokens=9).refusal)
    for remedy in ("lora", "adamw_8bit", "shard: true", "batch_size", "max_length"):
        assert remedy in refusal
    sharded = Training(gpu=True, devices=8, sharded=True, state_bytes=2)
    refusal = str(training_need(binding, sharded, tokens=9).refusal)
    assert "each of 8 devices" in refusal
    assert "more devices" in refusal
    assert "adamw_8bit" not in refusal
