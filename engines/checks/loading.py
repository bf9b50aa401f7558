"""Loads a check from its import path."""

from collections.abc import Callable
from typing import Annotated, TypeVar

from pydantic import AfterValidator

from schemas import Check
from schemas.named import UnknownNameError, check_function, named

Marked = TypeVar("Marked", bound=Callable[..., bool])


class UnknownCheckError(ValueError):
    """An import path names no check."""


def load_check(path: str) -> Check:
    """The function at ``path`` (``package.module.function``).

    Raises:
        UnknownCheckError: nothing can be imported from there, or it is not a check.
    """
    try:
        check: Check = named(path, check_function)
    except UnknownNameError as error:
        raise UnknownCheckError(
            f"unknown check {path!r}: {error}; a check is a function (messages, reference, text) "
            "-> bool named by its import path, as in engines.checks.math"
        ) from error
    return check


def _known(path: str) -> str:
    load_check(path)
    return path


CheckPath = Annotated[str, AfterValidator(_known)]
"""The import path of a check, as a parameter of an operator."""


def may_hang(
    *,
    seconds: float | None = None,
    quick: Callable[..., bool | None] | None = None,
    readable: Callable[[str], str | None] | None = None,
) -> Callable[[Marked], Marked]:
    """A decorator for checks that may hang: they run in a process that can be killed.

    Args:
        seconds: the CPU time after which the process is killed; by default 5.
        quick: tried first, inline. It takes the check's arguments and returns None if it cannot
            decide.
        readable: returns why the check cannot read a reference, or None if it can.
    """

    def mark(check: Marked) -> Marked:
        check.may_hang = True  # type: ignore[attr-defined]  # how any package marks its checks
        check.seconds = seconds  # type: ignore[attr-defined]
        check.quick = quick  # type: ignore[attr-defined]
        check.readable = readable  # type: ignore[attr-defined]
        return check

    return mark
