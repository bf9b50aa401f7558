"""A run launcher with a health check, so Dagster notices killed runs. ``dagster.yaml`` names it.

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
"""Seconds for which a code location must have answered before a killed run is reported. Dagster
starts a retry only once, and drops it if the daemon does not see the code location yet. The daemon
looks for it every second, needs a few seconds to load it, and waits ten seconds after a failure."""


class WatchedRunLauncher(DefaultRunLauncher):
    """Launches runs in the code location on this machine, and checks whether they are alive."""

    def __init__(self, **config: Any) -> None:
        super().__init__(**config)
        self._answering_since: dict[str, float] = {}

    def launch_run(self, context: LaunchRunContext) -> None:
        # A retried run starts with the tags of its parent, so they are replaced.
        self._instance.add_run_tags(context.dagster_run.run_id, here(None))
        super().launch_run(context)

    @property
    def supports_check_run_worker_health(self) -> bool:
        """True. The daemon reads this before it checks the health of runs."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Whether the run is alive. Runs of the command line are checked too.

        A killed run counts as running until a code location can retry it.
        """
        message = killed(self._instance, run)
        if message is None or not self._can_be_retried(run):
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.FAILED, message)

    def _can_be_retried(self, run: dg.DagsterRun) -> bool:
        if run.remote_job_origin is None:
            # A run of the command line: only the user can run it again.
            return True
        location = run.remote_job_origin.repository_origin.code_location_origin
        if not isinstance(location, GrpcServerCodeLocationOrigin):
            # A child process of the daemon, which waits for it before it checks runs.
            return True
        try:
            server = location.create_client().get_server_id(timeout=2)
        except DagsterUserCodeUnreachableError:
            return False
        now = time.monotonic()
        return now - self._answering_since.setdefault(server, now) >= SETTLES
