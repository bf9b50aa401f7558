"""Which processes work on a run, and whether any of them is still there.

A run tells who works on it by its events, each of which names the process that wrote it. One that
was started in the terminal names its process in a tag besides, from its first moment on.
"""

import socket

import dagster as dg
import psutil
from dagster import DagsterEventType
from dagster._core.events import DagsterEvent

HOST, PID = "factory/host", "factory/pid"

_STARTS = {
    DagsterEventType.ENGINE_EVENT,
    DagsterEventType.STEP_WORKER_STARTED,
    DagsterEventType.STEP_START,
}
_SLACK = 60.0
"""Seconds by which the clocks of this machine and of the run's storage may differ."""


def here(pid: int | None) -> dict[str, str]:
    """The tags of a run that works on this machine: in the process ``pid``, if that is known."""
    return {HOST: socket.gethostname(), PID: "" if pid is None else str(pid)}


def killed(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str | None:
    """What a user is told of a run that is not finished and that nobody works on any more.

    None where one of its processes lives, or where that cannot be known: it works on another
    machine, or has not yet said where. As long as a step's own process lives, it holds the journal,
    whatever became of the process that started it.
    """
    if run.tags.get(HOST) != socket.gethostname():
        return None
    told = _told(instance, run)
    if not told or any(_runs(pid, since) for pid, since in told):
        return None
    pids = ", ".join(map(str, sorted({pid for pid, _ in told})))
    return f"it was killed: its processes ({pids}) are gone. What it paid for is in the journal"


def _told(instance: dg.DagsterInstance, run: dg.DagsterRun) -> list[tuple[int, float]]:
    """Every process that the run names, with a time at which it was there."""
    told = []
    if run.tags.get(PID):
        record = instance.get_run_record_by_id(run.run_id)
        if record is not None:
            told.append((int(run.tags[PID]), record.create_timestamp.timestamp()))
    for entry in instance.all_logs(run.run_id, of_type=_STARTS):
        pid = None if entry.dagster_event is None else _pid(entry.dagster_event)
        if pid is not None:
            told.append((pid, entry.timestamp))
    return told


def _pid(event: DagsterEvent) -> int | None:
    if event.pid is not None:
        return event.pid
    # The process that the code location started names itself in the metadata alone.
    metadata = getattr(event.event_specific_data, "metadata", {})
    return int(str(metadata["pid"].value)) if "pid" in metadata else None


def _runs(pid: int, since: float) -> bool:
    """Whether a process ran at ``since`` (seconds, UTC) and runs now. The number of one that ended
    may have been given to another, which began later; a zombie has ended."""
    try:
        process = psutil.Process(pid)
        began: float = process.create_time()
        ended: bool = process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    return began <= since + _SLACK and not ended
