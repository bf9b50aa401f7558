"""Memory: told from the files of a model, and a model that does not fit is refused unloaded."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

import engines.memory.needs
from engines.bindings import Binding
from engines.memory.model_size import model_size
from engines.memory.needs import running_need
from engines.memory.training import Training, training_need
from engines.opening import open_engine
from engines.protocol import EngineError
from generators import Sample
from schemas import Need

GB = 10**9


@pytest.fixture
def binding(tiny_model: Path) -> Binding:
    return Binding(model=str(tiny_model), dtype="float32", device="cpu")


def free(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(engines.memory.needs, "free_memory", lambda device: size)


def test_the_size_is_that_of_the_loaded_model(binding: Binding) -> None:
    from engines.weights import load

    model, _ = load(binding)
    size = model_size(binding)
    assert size.parameters == sum(each.numel() for each in model.parameters())
    assert size.weights == 4 * size.parameters
    half = binding.model_copy(update={"dtype": "bfloat16"})
    assert model_size(half).weights == 2 * size.parameters


def test_the_cache_is_what_is_free_at_most(
    binding: Binding, monkeypatch: pytest.MonkeyPatch
) -> None:
    def need(cache: int | None) -> Need:
        return running_need(binding, batch_size=8, cache_tokens=cache, pass_tokens=64)

    free(monkeypatch, GB)
    assert need(None).refusal is None
    assert need(100).total < need(None).total <= GB


def test_a_model_that_does_not_fit_is_refused_before_it_is_loaded(
    binding: Binding, stand: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    free(monkeypatch, 1000)
    loaded: list[Binding] = []
    monkeypatch.setattr("engines.local.lazy_engine._transformers", loaded.append)
    context = stand.context(roles={"policy": binding}, open_engine=open_engine)
    with pytest.raises(EngineError, match=r"does not fit.*openai"):
        Sample().run({"prompts": stand.prompts("p")}, context)
    assert loaded == []


def test_what_a_model_needs_is_said_and_kept(
    binding: Binding, stand: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    context = stand.context(roles={"policy": binding}, open_engine=open_engine, progress=True)
    split = Sample(max_tokens=2).run({"prompts": stand.prompts("p")}, context)
    (need,) = split.report.usage.memory.values()
    assert need["needs"]["weights"] > 0
    assert need["says"] in capsys.readouterr().err
    again = Sample(max_tokens=2).run({"prompts": stand.prompts("p")}, context)
    assert again.report.usage.memory == {}


def test_what_is_tight_says_what_to_change() -> None:
    need = Need("a model", {"weights": 95}, least=95, free=100, place="memory", remedies=["less"])
    assert need.refusal is None
    assert "tight: change one of these: less" in str(need)
    assert "tight" not in str(dataclasses.replace(need, free=200))
    assert "a model does not fit" in str(dataclasses.replace(need, free=90).refusal)


def test_bfloat16_on_a_cpu_without_its_units_is_warned_of(
    binding: Binding, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = binding.model_copy(update={"dtype": "bfloat16"})
    for able in (True, False):
        monkeypatch.setattr(engines.memory.needs, "computes_bfloat16", lambda able=able: able)
        said = str(training_need(half, Training(gpu=False), tokens=0))
        assert ("set dtype: float32" in said) is not able
        assert "bfloat16 (" not in str(training_need(binding, Training(gpu=False), tokens=0))
