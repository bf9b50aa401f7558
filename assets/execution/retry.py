"""What fails in a stage: tried again later where the failure may pass, told once and for all in the
user's words where it will not."""

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
    """Asks Dagster to try the step again after a failure inside that may pass; ``attempt``: how
    often it was tried again already.

    Not by a `dagster.RetryPolicy`, which tries everything again, an interrupted run too. A run in
    the terminal is not held up: a person is there, and the same command goes on.
    """
    try:
        yield
    except Exception as error:
        if run.tags.get(PID) or attempt >= retries.times or not passes(error):
            raise
        waits = dg.RetryPolicy(
            max_retries=retries.times,
            delay=retries.seconds,
            backoff=dg.Backoff.EXPONENTIAL,
            jitter=dg.Jitter.PLUS_MINUS,
        )
        raise dg.RetryRequested(
            max_retries=retries.times, seconds_to_wait=max(waits.calculate_delay(attempt + 1), 0)
        ) from error


@contextmanager
def as_dagster_failure() -> Iterator[None]:
    """A failure inside that a user can be told of (`assets.config.causes`) becomes a
    `dagster.Failure`: those words head what the UI and an alert show, and not the wrapping of
    them."""
    try:
        yield
    except Exception as error:
        known = message(error)
        if known is None or isinstance(error, (dg.Failure, dg.RetryRequested)):
            raise
        raise dg.Failure(description=known, allow_retries=False) from error


def passes(error: BaseException) -> bool:
    """Whether the failure may pass by itself."""
    while True:
        if isinstance(error, FailureLimitError):
            # Whatever the rows failed of, the engine has been patient with each of them.
            return False
        if isinstance(error, UnavailableError) or may_pass(error):
            return True
        # What was raised `from None` was judged by whoever did so.
        further = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if further is None:
            return False
        error = further
