"""Runs the check of a prompt's source: inline, or in a process that can be killed."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import polars as pl

from engines.checks.loading import UnknownCheckError, load_check
from engines.checks.workers import CheckError, Workers, shared_workers
from engines.context import Context
from engines.protocol import EngineError
from schemas import Check, Message

DEFAULT = "engines.checks.math"


def check_for(context: Context, source: str, *, path: str | None = None) -> "BoundedCheck":
    """The check for prompts of ``source``: at ``path`` if given, else the source's configured check
    (``context.checks``), else `DEFAULT`.

    Raises:
        UnknownCheckError: nothing can be imported from the path.
    """
    return bounded(path or context.checks.get(source, DEFAULT))


def require_checks(context: Context, prompts: pl.DataFrame, *, path: str | None) -> None:
    """Raises `EngineError` if the check of a source of ``prompts`` is unknown."""
    for source in prompts["source"].unique().sort():
        try:
            check_for(context, source, path=path)
        except UnknownCheckError as error:
            raise EngineError(
                f"{context.recipe}/{context.stage}: source {source!r} has an {error}"
            ) from error


def bounded(path: str, *, workers: Workers | None = None) -> "BoundedCheck":
    """The check at an import path. If it may hang, it runs in ``workers`` (by default the shared
    ones)."""
    check = load_check(path)
    may_hang = bool(getattr(check, "may_hang", False))
    return BoundedCheck(path, check, (workers or shared_workers()) if may_hang else None)


@dataclass(frozen=True)
class BoundedCheck:
    """A `schemas.Check` with a time limit."""

    path: str
    check: Check
    workers: Workers | None

    def __call__(self, messages: Sequence[Message], reference: str | None, text: str) -> bool:
        """Is the answer of ``text`` right? Blocks until a process has replied.

        Raises:
            ValueError: ``reference`` is missing or unreadable.
            CheckError: the check hung, crashed or failed. The answer is then neither right nor
                wrong.
        """
        return self.submit(messages, reference, text).result()

    @property
    def reads_references(self) -> bool:
        """Whether the check compares with a reference: it says which references it can read."""
        return callable(getattr(self.check, "readable", None))

    @property
    def knows_steps(self) -> bool:
        """Whether the check can say which steps of a solution are right."""
        return callable(getattr(self.check, "steps", None))

    def steps(
        self, messages: Sequence[Message], reference: str | None, steps: Sequence[str]
    ) -> list[bool | None]:
        """Which steps are right, one value per step; None if unknown. Runs inline.

        ``steps`` are texts; joined they are the response.

        Raises:
            CheckError: the check has no ``steps``, fails, or returns another number of values.
        """
        if not self.knows_steps:
            raise CheckError(f"check {self.path} does not know which steps are right")
        try:
            verdicts = list(getattr(self.check, "steps")(messages, reference, steps))  # noqa: B009
        # A user's check may raise anything; the error concerns this answer only.
        except Exception as error:
            raise CheckError(f"check failed: {type(error).__name__}: {error}") from error
        if len(verdicts) != len(steps):
            raise CheckError(f"check {self.path} judged {len(verdicts)} of {len(steps)} steps")
        return verdicts

    def submit(
        self, messages: Sequence[Message], reference: str | None, text: str
    ) -> "Future[bool]":
        """Like calling the check, but without waiting. An inline check is done on return."""
        decided: Future[bool] = Future()
        check = self.check if self.workers is None else getattr(self.check, "quick", None)
        try:
            right = None if check is None else check(messages, reference, text)
            if right is None and self.workers is not None:
                seconds = getattr(self.check, "seconds", None)
                return self.workers.submit(self.path, messages, reference, text, seconds=seconds)
            if right is None:
                raise CheckError(f"check {self.path} gave no result")
            decided.set_result(bool(right))
        except (ValueError, CheckError) as error:
            decided.set_exception(error)
        # A user's check may raise anything; the error concerns this answer only.
        except Exception as error:
            decided.set_exception(CheckError(f"check failed: {type(error).__name__}: {error}"))
        return decided


async def marked(answer: "Future[bool]") -> tuple[bool | None, str | None]:
    """Whether the answer is right; or None, and why this is not known."""
    try:
        right = answer.result() if answer.done() else await asyncio.wrap_future(answer)
    except ValueError as error:
        return None, f"reference unparseable: {error}"
    except CheckError as error:
        return None, str(error)
    return right, None
