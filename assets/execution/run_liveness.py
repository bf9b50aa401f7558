"""Finds the processes of a run, and checks whether any of them is alive.

Each event of a run names the process that wrote it. A run that was started in the terminal also
names its process in a tag, from its start.
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
    """The tags of a run on this machine, in the process ``pid`` if it is known."""
    return {HOST: socket.gethostname(), PID: "" if pid is None else str(pid)}


def killed(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str | None:
    """The message about an unfinished run whose processes are all gone.

    Returns:
        The message. None if a process of the run is alive, or if that is not known: the run is on
        another machine, or has not named a process yet. The process of a step counts too, because
        it holds the journal even after the process that started it has ended.
    """
    if run.tags.get(HOST) != socket.gethostname():
        return None
    processes = _processes(instance, run)
    if not processes or any(_is_alive(pid, since) for pid, since in processes):
        return None
    pids = ", ".join(map(str, sorted({pid for pid, _ in processes})))
    return f"it was killed: its processes ({pids}) are gone. What it paid for is in the journal"


def _processes(instance: dg.DagsterInstance, run: dg.DagsterRun) -> list[tuple[int, float]]:
    """(pid, time) of each process that the run names; the process was alive at that time (s)."""
    processes = []
    if run.tags.get(PID):
        record = instance.get_run_record_by_id(run.run_id)
        if record is not None:
            processes.append((int(run.tags[PID]), record.create_timestamp.timestamp()))
    for entry in instance.all_logs(run.run_id, of_type=_STARTS):
        pid = None if entry.dagster_event is None else _pid(entry.dagster_event)
        if pid is not None:
            processes.append((pid, entry.timestamp))
    return processes


def _pid(event: DagsterEvent) -> int | None:
    if event.pid is not None:
        return event.pid
    # The process that the code location started is named only in the metadata.
    metadata = getattr(event.event_specific_data, "metadata", {})
    return int(str(metadata["pid"].value)) if "pid" in metadata else None


def _is_alive(pid: int, since: float) -> bool:
    """Whether the process that had this pid at ``since`` (seconds, UTC) is still alive.

    The system may have given the pid of an ended process to a newer one. A zombie has ended.
    """
    try:
        process = psutil.Process(pid)
        started: float = process.create_time()
        ended: bool = process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    return started <= since + _SLACK and not ended
