"""Handles failures of stages: temporary ones are retried, others get a message for users."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from assets.config.causes import message
from assets.config.operation import Retries
from assets.execution.run_liveness import PID
from engines.network import may_pass
from engines.operators.run_rows import FailureLimitError
from engines.protocol import UnavailableError


@contextmanager
def retried(run: dg.DagsterRun, attempt: int, retries: Retries) -> Iterator[None]:
    """Ask Dagster to retry the step after a temporary failure inside.

    A `dagster.RetryPolicy` on the asset would retry every failure, even an interrupted run. A run
    in the terminal is not retried: the user can run the same command again, and it continues.

    Args:
        run: The run of the step.
        attempt: How often the step was already retried.
        retries: The limits of retries.

    Raises:
        RetryRequested: The failure is temporary and retries are left.
    """
    try:
        yield
    except Exception as error:
        if run.tags.get(PID) or attempt >= retries.times or not is_temporary(error):
            raise
        policy = dg.RetryPolicy(
            max_retries=retries.times,
            delay=retries.seconds,
            backoff=dg.Backoff.EXPONENTIAL,
            jitter=dg.Jitter.PLUS_MINUS,
        )
        raise dg.RetryRequested(
            max_retries=retries.times, seconds_to_wait=max(policy.calculate_delay(attempt + 1), 0)
        ) from error


@contextmanager
def as_dagster_failure() -> Iterator[None]:
    """Raise a failure inside as a `dagster.Failure`, if it has a message for users.

    The UI and alerts then show this message (`assets.config.causes`) first.
    """
    try:
        yield
    except Exception as error:
        known = message(error)
        if known is None or isinstance(error, (dg.Failure, dg.RetryRequested)):
            raise
        raise dg.Failure(description=known, allow_retries=False) from error


def is_temporary(error: BaseException) -> bool:
    """Whether the failure may not occur again on a retry."""
    while True:
        if isinstance(error, FailureLimitError):
            # The engine has already retried each of the failed rows.
            return False
        if isinstance(error, UnavailableError) or may_pass(error):
            return True
        # `from None` hides the context on purpose, so it is not followed.
        inner = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if inner is None:
            return False
        error = inner
