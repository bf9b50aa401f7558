"""Checks: is the answer that a response gives right?

A check is a function ``(messages, reference, text) -> bool`` (`schemas.Check`), named by its
import path: ``engines.checks.math``, ``engines.checks.gsm8k``, or one of your own package,
``mypackage.chess.is_mate``. It raises ValueError where the reference says nothing; such a response
gets a score with an error, never a wrong mark.

A check that is pure and quick runs where it is. One that may hang (computer algebra, anything
that runs what a model wrote) says so with an attribute, and then runs in a process that is killed
when it takes too long::

    def is_mate(messages, reference, text): ...
    is_mate.may_hang = True
    is_mate.seconds = 2.0  # optional: of a processor; by default 5
    is_mate.quick = is_obvious  # optional: decides inline, or returns None where it cannot

One that cannot read every reference says so with another, a quick function of a reference that
returns None, or why it cannot be read. Such prompts are refused when their source is read, before
anything is paid for::

    is_mate.readable = not_a_position  # optional

One that knows which steps of a solution are right says so with an attribute too, a quick function
``(messages, reference, steps) -> list[bool | None]`` of the steps' texts::

    is_mate.steps = moves_are_legal  # optional: what `annotators.StepVerifier` asks
"""

from engines.checks.checking import BoundedCheck, bounded, check_for, marked, require_checks
from engines.checks.gsm8k import gsm8k
from engines.checks.loading import CheckPath, UnknownCheckError, load_check
from engines.checks.mathematics import math
from engines.checks.workers import CheckError, Workers, shared_workers

__all__ = [
    "BoundedCheck",
    "CheckError",
    "CheckPath",
    "UnknownCheckError",
    "Workers",
    "bounded",
    "check_for",
    "gsm8k",
    "load_check",
    "marked",
    "math",
    "require_checks",
    "shared_workers",
]
