"""A check from its import path."""

from collections.abc import Callable
from typing import Annotated, TypeVar

from pydantic import AfterValidator

from schemas import Check
from schemas.named import UnknownNameError, check_function, named

Marked = TypeVar("Marked", bound=Callable[..., bool])


class UnknownCheckError(ValueError):
    """An import path names no check."""


def load_check(path: str) -> Check:
    """The function that ``path`` (``package.module.function``) names.

    Raises `UnknownCheckError` where nothing can be imported from there, or it is no check.
    """
    try:
        found: Check = named(path, check_function)
    except UnknownNameError as error:
        raise UnknownCheckError(
            f"unknown check {path!r}: {error}; a check is a function (messages, reference, text) "
            "-> bool named by its import path, as in engines.checks.math"
        ) from error
    return found


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
    """Marks a check to run in a process that can be killed, after ``seconds`` of a processor (by
    default 5). ``quick`` is tried first, inline: it takes the same arguments and returns None where
    it cannot decide. ``readable`` says of a reference why the check cannot read it, or None."""

    def mark(check: Marked) -> Marked:
        check.may_hang = True  # type: ignore[attr-defined]  # how any package marks its checks
        check.seconds = seconds  # type: ignore[attr-defined]
        check.quick = quick  # type: ignore[attr-defined]
        check.readable = readable  # type: ignore[attr-defined]
        return check

    return mark
