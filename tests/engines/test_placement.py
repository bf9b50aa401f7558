"""Where a model runs: the fields of a binding for replicas."""

from typing import Any

import pytest
from pydantic import ValidationError

from engines.bindings import Binding
from engines.weights import resolved_device, weights_revision

FOUR = {"tensor_parallel_size": 2, "pipeline_parallel_size": 2}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"gpus": 1}, "gpus: only replicas have these: set replicas too"),
        ({"in_flight": 8, "cpus": 2}, "cpus, in_flight: only replicas"),
        ({"replicas": 2}, "replicas need gpus, .*; 0 for a model on the CPU"),
        ({"replicas": 0, "gpus": 1}, "replicas"),
        ({"replicas": 2, "gpus": 1.5}, "whole number"),
        ({"replicas": 2, "gpus": 1, "device": "cuda:1"}, "leave device and device_ids out"),
        ({"replicas": 2, "gpus": 1, "resources": {"slots": 0}}, "resources.slots"),
        ({"replicas": 2, "gpus": 2}, "gpus is 2, but engine 'transformers' .* on 1"),
        ({"engine": "vllm", "replicas": 2, "gpus": 1, "options": FOUR}, "gpus is 1, .* on 4"),
        ({"engine": "vllm", "replicas": 2, "gpus": 0.5, "options": FOUR}, "gpus is 0.5, .* on 4"),
        ({"engine": "vllm", "replicas": 2, "gpus": 4}, "gpus is 4, .* on 1"),
        (
            {"engine": "openai", "url": "http://x/v1", "served_as": "x", "replicas": 2, "gpus": 0},
            "the server of engine 'openai' has its own",
        ),
    ],
)
def test_replicas_that_cannot_run_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Binding(model="w", **fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"gpus": 0},
        {"gpus": 0.5},
        {"engine": "vllm", "gpus": 4, "options": FOUR},
        {"engine": "vllm", "gpus": 0, "options": FOUR},
    ],
)
def test_replicas_that_can_run(fields: dict[str, Any]) -> None:
    Binding(model="w", replicas=2, **fields)


def test_replicas_score_with_one_gpu_each() -> None:
    binding = Binding(
        model="w", engine="vllm", replicas=2, gpus=4, options=FOUR, in_flight=9, resources={"a": 1}
    )
    scoring = Binding(model="w", replicas=2, gpus=1, in_flight=9, resources={"a": 1})
    assert binding.answering("score") == scoring


def test_the_model_is_the_same_with_any_number_of_replicas(tiny_model: Any) -> None:
    one = Binding(model=str(tiny_model), device="cpu")
    many = Binding(model=str(tiny_model), replicas=8, gpus=0, in_flight=2)
    assert weights_revision(one) == weights_revision(many)


def test_the_device_is_that_of_the_replicas() -> None:
    on_gpus = Binding(model="w", replicas=1, gpus=0.5)
    assert resolved_device(on_gpus) == "cuda"
    assert resolved_device(on_gpus.model_copy(update={"gpus": 0})) == "cpu"


def test_a_training_has_the_device_of_this_process() -> None:
    many = Binding(model="w", replicas=8, gpus=0)
    assert resolved_device(many.without_replicas()) == resolved_device(Binding(model="w"))
