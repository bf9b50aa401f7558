"""Executes each stage in a separate process, so all its memory is freed when it ends."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from schemas import Operator

GPU = "gpu"
"""The pool of stages that call or train a model. ``dagster.yaml`` lets one of them run at a time
over all runs, because they share the GPU. On a machine with several GPUs its limit may be higher.
"""

PRELOADED = ("assets.definitions", "generators", "annotators", "filters", "trainers")
"""Modules that the fork server of a run imports once. The processes of the stages are forked from
it. To start a stage then takes a third of the time that a new Python process needs. None of these
modules may import torch or make Polars do work: CUDA and the threads of Polars do not survive a
fork."""


def _processes(config: Mapping[str, Any]) -> dict[str, Any]:
    return {**config, "start_method": {"forkserver": {"preload_modules": list(PRELOADED)}}}


EXECUTOR = dg.multiprocess_executor.configured(
    _processes,
    name="stages",
    config_schema={
        "max_concurrent": dg.Field(
            int,
            default_value=4,
            description="Number of stages of the run that execute at the same time, each in its "
            f"own process. Stages that call or train a model also wait in the pool {GPU!r}.",
        )
    },
    description="Executes each stage in a separate process, so all its memory is freed.",
)


def pool_of(operator: Operator) -> str | None:
    """The pool in which a stage with this operator waits; None if it does not wait."""
    return GPU if operator.roles() else None


def own_pool(key: Sequence[str]) -> str:
    """The pool of an asset that runs of several recipes make: one of them at a time.

    Args:
        key: The key of the asset.
    """
    return "/".join(key)
