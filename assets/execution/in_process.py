"""Runs a Dagster job in this process, on the instance that ``make serve`` shows."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import dagster as dg
from dagster._core.definitions.repository_definition import SINGLETON_REPOSITORY_NAME
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.storage.tags import MAX_RETRIES_TAG
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.utils import make_new_run_id

from assets.config.errors import causes
from assets.execution.instance import home
from assets.execution.pool_waits import free_dead_slots, say_waits
from assets.execution.run_liveness import PID, here, killed

LOCATION = "preference-factory"
"""The name of the code location in ``workspace.yaml``."""


def execute_job(
    definitions: dg.Definitions,
    job: str,
    *,
    what: str,
    ops: Mapping[str, Any] | None = None,
    partition_key: str | None = None,
    assets: Sequence[dg.AssetKey] | None = None,
    shown: bool = True,
    raise_on_error: bool = True,
) -> dg.ExecuteInProcessResult:
    """Run a job. Stages that call or train a model wait for those of other runs, and say so.

    Args:
        definitions: Dagster definitions that hold the job.
        job: The name of the job.
        what: What is running, for the message of an interruption.
        ops: The configuration of its stages, by their Dagster names.
        partition_key: The refresh; None if the job has none.
        assets: The assets of the job to materialize; None for all.
        shown: Whether the run is on the Dagster instance that the UI shows, or on a temporary one.
        raise_on_error: Whether the error of a stage is raised.
    """
    context = _ui_instance() if shown else dg.DagsterInstance.ephemeral()
    with context as instance, _interruptible(what):
        fail_dead_runs(instance)
        # The home page of the UI leaves out runs that belong to no code location, and Dagster does
        # not name one for runs in process.
        vars(instance)["create_run_for_job"] = partial(
            instance.create_run_for_job, remote_job_origin=_origin(job)
        )
        free_dead_slots(instance)
        run_id = make_new_run_id()
        say_waits(instance, run_id)
        return definitions.resolve_job_def(job).execute_in_process(
            run_config={
                "ops": dict(ops or {}),
                # Dagster keeps every event for the UI, so its log is not printed here.
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
            },
            instance=instance,
            partition_key=partition_key,
            asset_selection=assets,
            # Whoever gave the command reads the error and gives it again; the daemon does not.
            tags={**here(os.getpid()), MAX_RETRIES_TAG: "0"},
            raise_on_error=raise_on_error,
            run_id=run_id,
        )


def _origin(job: str) -> RemoteJobOrigin:
    """The job, as the UI knows it."""
    loaded = LoadableTargetOrigin(module_name="assets.definitions")
    location = ManagedGrpcPythonEnvCodeLocationOrigin(loaded, LOCATION)
    return RemoteJobOrigin(RemoteRepositoryOrigin(location, SINGLETON_REPOSITORY_NAME), job)


def _ui_instance() -> dg.DagsterInstance:
    """The instance that ``make serve`` shows, without logs of what stages print.

    To keep these logs, Dagster would redirect standard error, and the terminal would not show the
    progress.
    """
    silent = {
        "module": "dagster._core.storage.noop_compute_log_manager",
        "class": "NoOpComputeLogManager",
    }
    return dg.DagsterInstance.local_temp(str(home()), overrides={"compute_logs": silent})


@contextmanager
def _interruptible(what: str) -> Iterator[None]:
    """Raise Dagster's exception for Ctrl-C as `KeyboardInterrupt`, with the message of the stage.

    Args:
        what: What is running, for the message if the stage has none.
    """
    try:
        yield
    except dg.DagsterExecutionInterruptedError as interrupted:
        messages = [
            str(cause) for cause in causes(interrupted) if type(cause) is not type(interrupted)
        ]
        default = f"{what}: stopped; the same command continues from there"
        raise KeyboardInterrupt(next(filter(None, messages), default)) from None


def fail_dead_runs(instance: dg.DagsterInstance) -> None:
    """Mark killed runs of the command line as failed.

    Without a daemon that finds them, the UI would show them as running for ever.
    """
    unfinished = dg.RunsFilter(
        statuses=[
            dg.DagsterRunStatus.STARTED,
            dg.DagsterRunStatus.STARTING,
            dg.DagsterRunStatus.CANCELING,
            dg.DagsterRunStatus.NOT_STARTED,
        ]
    )
    for run in instance.get_runs(unfinished):
        message = killed(instance, run) if run.tags.get(PID) else None
        if message is not None:
            instance.report_run_failed(run, message)
