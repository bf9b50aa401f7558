"""Which runs are told to have been killed."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterEvent, DagsterEventType, EventLogEntry
from dagster._core.events import EngineEventData
from dagster._core.launcher import WorkerStatus

from assets.execution.run_launcher import WatchedRunLauncher
from assets.execution.run_liveness import HOST, here, killed


@dg.job
def job() -> None: ...


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as opened:
        yield opened


@pytest.fixture
def alive() -> Iterator[int]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process.pid
        process.kill()


@pytest.fixture
def gone() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def started(instance: dg.DagsterInstance, tags: dict[str, str], *pids: int) -> dg.DagsterRun:
    """A run on which the processes ``pids`` have told that they work."""
    run = instance.create_run_for_job(job, tags=tags, status=dg.DagsterRunStatus.STARTED)
    for pid in pids:
        instance.report_engine_event("working", run, EngineEventData.in_process(pid))
    return run


def test_a_run_lives_as_long_as_one_of_its_processes(
    instance: dg.DagsterInstance, alive: int, gone: int
) -> None:
    assert killed(instance, started(instance, here(None), alive)) is None
    assert killed(instance, started(instance, here(None), gone, alive)) is None
    assert killed(instance, started(instance, here(gone), alive)) is None
    assert str(gone) in str(killed(instance, started(instance, here(None), gone)))
    assert str(gone) in str(killed(instance, started(instance, here(gone))))


def test_a_process_that_nobody_waited_for_has_ended(instance: dg.DagsterInstance) -> None:
    with subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE) as zombie:
        assert zombie.stdout is not None
        zombie.stdout.read()
        run = started(instance, here(zombie.pid))
        while killed(instance, run) is None:
            assert zombie.returncode is None
        zombie.wait()


def test_a_number_that_another_process_has_now_is_not_the_runs(
    instance: dg.DagsterInstance, alive: int
) -> None:
    run = instance.create_run_for_job(job, tags=here(None), status=dg.DagsterRunStatus.STARTED)
    entry = EventLogEntry(
        error_info=None,
        level="info",
        user_message="",
        run_id=run.run_id,
        timestamp=time.time() - 3600,
        dagster_event=DagsterEvent(
            DagsterEventType.ENGINE_EVENT.value,
            job_name="job",
            event_specific_data=EngineEventData.in_process(alive),
        ),
    )
    instance.handle_new_event(entry)
    assert killed(instance, run) is not None


def test_of_another_machine_nothing_is_said(instance: dg.DagsterInstance, gone: int) -> None:
    assert killed(instance, started(instance, here(gone) | {HOST: "another"})) is None
    assert killed(instance, started(instance, {}, gone)) is None
    assert killed(instance, started(instance, here(None))) is None
    assert socket.gethostname() == here(None)[HOST]


def test_the_launcher_tells_the_daemon(instance: dg.DagsterInstance, alive: int, gone: int) -> None:
    launcher = WatchedRunLauncher()
    launcher.register_instance(instance)
    assert launcher.supports_check_run_worker_health
    runs = [started(instance, here(None), pid) for pid in (alive, gone)]
    told = [launcher.check_run_worker_health(run).status for run in runs]
    assert told == [WorkerStatus.RUNNING, WorkerStatus.FAILED]
