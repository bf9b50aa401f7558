"""Random inputs for what reads texts of others: nothing may crash it or hold it up.

A target is a module of ``tests/fuzz/targets``, found by its name. It holds ``generated(random)``,
which makes one input, ``run(one)``, which tries it, and ``EXPECTED``, the exceptions that are an
answer to bad input. Any other exception is a failure, as is an input that takes over a second.
"""

import importlib
import pkgutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.fuzz import targets

SLOW = 1.0
"""Seconds of processor time that an input may take: a busy machine fails no test."""
_STUCK = 30.0


@dataclass(slots=True)
class Fuzzed:
    """What became of some inputs. ``failures`` tell of each its number and what happened."""

    tried: int = 0
    slowest: float = 0.0
    failures: list[str] = field(default_factory=list)


def target_names() -> list[str]:
    """The modules of ``tests/fuzz/targets``."""
    return sorted(module.name for module in pkgutil.iter_modules(targets.__path__))


def fuzz(
    name: str, *, count: int, seed: int = 0, tell: Callable[[str], None] = lambda failure: None
) -> Fuzzed:
    """Try ``count`` inputs of the target ``name``. Input ``n`` of a seed is always the same."""
    target = importlib.import_module(f"tests.fuzz.targets.{name}")
    fuzzed = Fuzzed()
    for number in range(count):
        one = target.generated(Random(f"{seed}/{number}"))
        began = time.process_time()
        failure = _failure(target, one)
        took = time.process_time() - began
        fuzzed.tried += 1
        fuzzed.slowest = max(fuzzed.slowest, took)
        if failure is None and took > SLOW:
            failure = f"took {took:.1f} s"
        if failure is not None:
            fuzzed.failures.append(f"{name} {seed}/{number}: {failure}: {_shortened(one)}")
            tell(fuzzed.failures[-1])
    return fuzzed


def _failure(target: Any, one: Any) -> str | None:
    """What goes wrong with the input ``one``, if anything does."""
    try:
        with _interrupted(_STUCK):
            target.run(one)
    except target.EXPECTED:
        return None
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:300]
    return None


@contextmanager
def _interrupted(seconds: float) -> Iterator[None]:
    """Raise `TimeoutError` in what still runs after ``seconds``."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"not done after {seconds:g} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _shortened(one: Any, longest: int = 500) -> str:
    shown = repr(one)
    return shown if len(shown) <= longest else f"{shown[:longest]}… ({len(shown)} characters)"
