"""Which engine arguments of vLLM change answers, and on which GPU it runs."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from engines.bindings import Binding
from engines.protocol import EngineError
from engines.vllm.engine import VLLMEngine
from engines.vllm.options import _ANSWERS, _REFUSED, _SPEED, JUDGED, device_arguments


@pytest.mark.vllm
def test_every_argument_of_the_installed_version_is_judged() -> None:
    from vllm.engine.arg_utils import AsyncEngineArgs

    known = {field.name for field in dataclasses.fields(AsyncEngineArgs)}
    assert known - JUDGED == set(), "judge them in engines/vllm/options.py"
    assert known == JUDGED


@pytest.mark.vllm
def test_a_gpu_is_refused_by_a_vllm_without_one(tiny_model: Path) -> None:
    from engines.vllm.engine import _engine_args

    elsewhere = Binding(model=str(tiny_model), engine="vllm", device="cuda:1")
    with pytest.raises(EngineError, match=r"bound to device 'cuda:1'.*\[vllm\] for GPUs"):
        _engine_args(elsewhere)
    here = Binding(model=str(tiny_model), engine="vllm", dtype="float32", device="cpu")
    assert _engine_args(here).device_ids is None


def test_no_argument_is_judged_twice() -> None:
    groups = (_SPEED, _ANSWERS)
    names = [name for group in groups for listed in group.values() for name in listed.split()]
    names += _REFUSED
    assert len(names) == len(set(names))


def revision(model: Path, **options: Any) -> str:
    binding = Binding(model=str(model), engine="vllm", dtype="float32", options=options)
    return VLLMEngine(binding).revision


def test_a_model_on_more_gpus_has_the_same_revision(tiny_model: Path) -> None:
    placed = {
        "tensor_parallel_size": 2,
        "data_parallel_size": 4,
        "data_parallel_backend": "mp",
        "enable_expert_parallel": True,
        "async_scheduling": True,
        "block_size": 32,
        "num_gpu_blocks_override": 100,
        "enable_chunked_prefill": True,
        "compilation_config": {"level": 0},
        "device_ids": [2, 3],
    }
    assert revision(tiny_model, **placed) == revision(tiny_model)


def test_the_revision_of_an_argument_that_changes_answers_stays_what_it_was(
    tiny_model: Path,
) -> None:
    changed = revision(tiny_model, max_model_len=64, quantization="fp8", max_num_seqs=8)
    assert changed == f'{revision(tiny_model)} {{"max_model_len":64,"quantization":"fp8"}}'


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("dtype", "dtype cannot be set; 'model', 'revision' and 'dtype' are fields of the binding"),
        ("max_num_queued_reqs", "max_num_queued_reqs would reject requests"),
        ("tensor_paralel_size", "tensor_paralel_size is not an engine argument of vLLM 0.32"),
    ],
)
def test_what_cannot_be_set_is_refused_with_the_configuration(name: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Binding(model="m", engine="vllm", options={name: 2})


def test_a_role_is_put_on_one_gpu() -> None:
    assert device_arguments("cuda:1", {}) == {"device_ids": [1]}
    assert device_arguments(None, {"tensor_parallel_size": 2}) == {}
    assert device_arguments("cuda", {"tensor_parallel_size": 2}) == {}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"engine": "vllm", "device": "cuda:1", "options": {"tensor_parallel_size": 2}},
            r"device 'cuda:1' is one GPU.*device_ids in options",
        ),
        (
            {"engine": "vllm", "device": "cuda:1", "options": {"device_ids": [1]}},
            r"device 'cuda:1' is one GPU",
        ),
        ({"engine": "vllm", "device": "xpu:1"}, "engine 'vllm' takes cpu, cuda and cuda:N"),
        ({"device": "GPU 1"}, "must be a torch device, such as cpu, cuda or cuda:1"),
        (
            {
                "engine": "openai",
                "url": "http://127.0.0.1:9/v1",
                "served_as": "mine",
                "model": None,
                "device": "cuda:1",
            },
            "device is that of weights: set 'model'.*runs elsewhere",
        ),
    ],
)
def test_a_device_that_an_engine_cannot_use_is_refused_with_the_configuration(
    fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        Binding(**{"model": "m", **fields})
