"""Executes each stage in a separate process, so all its memory is freed when it ends."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import dagster as dg

from schemas import Operator

GPU = "gpu"
"""The pool of stages that call or train a model. ``dagster.yaml`` lets one of them run at a time
over all runs, because they share the GPU. On a machine with several GPUs its limit may be higher.
"""

PRELOADED = ("assets.definitions", "generators", "annotators", "filters", "trainers")
"""Modules that the fork server of a run imports once. The processes of the stages are forked from
it. None of these modules may import torch or make Polars do work: CUDA and the threads of Polars do
not survive a fork."""

RECIPES = "assets.execution.forked"
"""A module that loads the recipes in the fork server too, so that a stage starts in milliseconds.
With them come the modules of the user that they name, which may do what `PRELOADED` may not."""

_THREADS = Path("/proc/self/task")


def _processes(config: Mapping[str, Any]) -> dict[str, Any]:
    modules = [*PRELOADED, *([RECIPES] if forkable() else [])]
    return {**config, "start_method": {"forkserver": {"preload_modules": modules}}}


def forkable() -> bool:
    """Whether a process with what this one imported can be forked: neither torch is imported nor
    are there threads of Polars. A run asks after it loaded the recipes."""
    names = []
    for thread in _THREADS.glob("*"):
        with suppress(OSError):  # It ended.
            names.append(thread.joinpath("comm").read_text())
    # Those of the pool of Polars are numbered. Where threads are not listed, nothing is known.
    idle = bool(names) and not any(name.startswith("polars-0") for name in names)
    return idle and "torch" not in sys.modules


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
