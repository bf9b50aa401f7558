"""What a run waits for: the pools that stages of other runs hold."""

import sys

import dagster as dg

from assets.execution.executor import GPU
from assets.execution.run_liveness import killed


def holders(instance: dg.DagsterInstance, pool: str = GPU) -> list[str]:
    """The ids of the runs whose stages take all places of a pool; none if a place is free.

    Those that finished or were killed are freed first.
    """
    storage = instance.event_log_storage
    if not storage.supports_global_concurrency_limits:
        return []
    free_dead_slots(instance)
    info = storage.get_concurrency_info(pool)
    return sorted(info.active_run_ids) if info.active_slot_count >= info.slot_count else []


def free_dead_slots(instance: dg.DagsterInstance) -> None:
    """Free the places of pools that finished or killed runs still hold."""
    storage = instance.event_log_storage
    if not storage.supports_global_concurrency_limits:
        return
    for run_id in storage.get_concurrency_run_ids():
        run = instance.get_run_by_id(run_id)
        if run is None or run.is_finished or killed(instance, run) is not None:
            storage.free_concurrency_slots_for_run(run_id)


def say_waits(instance: dg.DagsterInstance, run_id: str) -> None:
    """Print on standard error for which runs a stage of the run waits, when it begins to wait and
    every five minutes after."""

    def said(entry: dg.EventLogEntry) -> None:
        event = entry.dagster_event
        data = event.event_specific_data if event is not None else None
        pool = getattr(data, "metadata", {}).get("pool")
        if event is None or pool is None:
            return
        stage = (event.step_key or "").replace("__", "/")
        for other in holders(instance, pool.value):
            print(
                f"{stage}: waits for {_named(instance, other)}, which {_does(pool.value)}",
                file=sys.stderr,
                flush=True,
            )

    instance.add_event_listener(run_id, said)


def _named(instance: dg.DagsterInstance, run_id: str) -> str:
    run = instance.get_run_by_id(run_id)
    refresh = None if run is None else run.tags.get("dagster/partition")
    what = "" if run is None else f" of {run.job_name}" + (f" at {refresh}" if refresh else "")
    return f"run {run_id[:8]}{what}"


def _does(pool: str) -> str:
    if pool == GPU:
        return f"calls or trains a model (pool {GPU!r} of dagster.yaml)"
    return f"makes {pool}"
