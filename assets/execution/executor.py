"""How stages are executed: each in a process of its own, so that its memory is freed with it."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from assets.execution.run_liveness import killed
from schemas import Operator

GPU = "gpu"
"""The pool of stages that call or train a model. ``dagster.yaml`` lets one of them run at a time,
over all runs: they share the GPU, and the journal has one writer, so the others wait."""

PRELOADED = ("assets.definitions", "generators", "annotators", "filters", "trainers")
"""Imported once a run, by the process that those of its stages are forked from: to start one and to
load the code location in it takes a third of the time that a new Python needs. None of these may
import torch (CUDA does not survive a fork) or let Polars do any work (nor do its threads)."""


def _processes(config: Mapping[str, Any]) -> dict[str, Any]:
    return {**config, "start_method": {"forkserver": {"preload_modules": list(PRELOADED)}}}


EXECUTOR = dg.multiprocess_executor.configured(
    _processes,
    name="stages",
    config_schema={
        "max_concurrent": dg.Field(
            int,
            default_value=4,
            description="Stages of the run at a time, each in its own process. Those that call or "
            f"train a model wait for their turn in the pool {GPU!r} besides.",
        )
    },
    description="Each stage in a process of its own, whose memory is freed with it.",
)


def pool_of(operator: Operator) -> str | None:
    """The pool in which a stage with this operator waits for its turn; None: it need not."""
    return GPU if operator.roles() else None


def holders(instance: dg.DagsterInstance) -> list[str]:
    """The runs whose stages are calling or training models now. What runs that are over, or that
    were killed, hold of a pool is given back: they could not."""
    storage = instance.event_log_storage
    if not storage.supports_global_concurrency_limits:
        return []
    for run_id in storage.get_concurrency_run_ids():
        run = instance.get_run_by_id(run_id)
        if run is None or run.is_finished or killed(instance, run) is not None:
            storage.free_concurrency_slots_for_run(run_id)
    return sorted(storage.get_concurrency_info(GPU).active_run_ids)
