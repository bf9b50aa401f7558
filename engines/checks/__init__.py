"""Checks: is a response's answer right?

A check is a function ``(messages, reference, text) -> bool`` (`schemas.Check`). It is named by its
import path: ``engines.checks.math``, ``engines.checks.gsm8k``, or one of your own package,
``mypackage.chess.is_mate``. It raises ValueError if the reference is missing or unreadable. Such a
response gets a score with an error; it is not marked wrong.

A check that is pure and quick runs inline. A check that may hang (computer algebra, code that a
model wrote) has the attribute ``may_hang``. It runs in a process that is killed when it takes too
long::

    def is_mate(messages, reference, text): ...
    is_mate.may_hang = True
    is_mate.seconds = 2.0  # optional: of CPU time; by default 5
    is_mate.quick = is_obvious  # optional: decides inline, or returns None if it cannot

``readable`` is a quick function of a reference. It returns why the check cannot read the reference,
or None if it can. Prompts with an unreadable reference are refused when their source is read,
before any model is called. A check without ``readable`` may need no reference: a recipe then also
keeps prompts that have none::

    is_mate.readable = not_a_position  # optional

``steps`` is a quick function ``(messages, reference, steps) -> list[bool | None]`` of the texts of
steps. It says which steps of a solution are right::

    is_mate.steps = moves_are_legal  # optional: `annotators.StepVerifier` calls it
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
