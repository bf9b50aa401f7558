"""How Dagster learns that a run was killed: the launcher that ``dagster.yaml`` names.

Dagster's own `DefaultRunLauncher` starts a run as a child of the code location, which reports a
child that dies. If the code location dies too, nobody reports the run: `DefaultRunLauncher` has no
health check, so run monitoring skips the run, and it blocks the queue. This launcher has a health
check. The daemon marks the run failed, and run retries start it again from its last stage. The
journal has every answer so far.
"""

import time
from typing import Any

import dagster as dg
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus
from dagster._core.launcher.base import LaunchRunContext
from dagster._core.launcher.default_run_launcher import DefaultRunLauncher
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin

from assets.execution.run_liveness import here, killed

SETTLES = 20.0
"""Seconds that a code location has answered for before a killed run is told. Dagster tries a retry
once, and gives it up where the daemon does not see the code location yet. It looks every second and
reads what it found in a few; after a failure it looks again after ten."""


class WatchedRunLauncher(DefaultRunLauncher):
    """Launches runs in the code location, on this machine, and knows whether they are alive."""

    def __init__(self, **config: Any) -> None:
        super().__init__(**config)
        self._answering_since: dict[str, float] = {}

    def launch_run(self, context: LaunchRunContext) -> None:
        # Of a run that is executed again, these are its parent's until now.
        self._instance.add_run_tags(context.dagster_run.run_id, here(None))
        super().launch_run(context)

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Asked by the daemon before it asks for any run's health."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Whether a process of ``run`` is alive, or may be for want of a code location to retry it
        in; a run of the command line is told of too."""
        told = killed(self._instance, run)
        if told is None or not self._can_be_retried(run):
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.FAILED, told)

    def _can_be_retried(self, run: dg.DagsterRun) -> bool:
        if run.remote_job_origin is None:
            # Of the command line: nobody but the user runs it again.
            return True
        location = run.remote_job_origin.repository_origin.code_location_origin
        if not isinstance(location, GrpcServerCodeLocationOrigin):
            # The daemon's own child, which it waits for before it looks at runs.
            return True
        try:
            server = location.create_client().get_server_id(timeout=2)
        except DagsterUserCodeUnreachableError:
            return False
        now = time.monotonic()
        return now - self._answering_since.setdefault(server, now) >= SETTLES
