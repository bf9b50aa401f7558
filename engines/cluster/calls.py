"""Which replica is sent which call, and what becomes of the calls of a replica that died."""

import heapq
import itertools
from asyncio import Future
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engines.protocol import Rendered, RowError

_ALONE = 2
"""Deaths after which a call is sent alone, because it may be what kills its replica."""
_DEATHS = 3
"""Deaths after which a call is not sent again."""


@dataclass(eq=False, slots=True)
class Call:
    """A request to an engine.

    Attributes:
        verb: the method.
        prompt: its first argument.
        args: its other positional arguments.
        kwargs: its keyword arguments.
        answer: the answer or the error.
        deaths: how many replicas died while they had the call.
    """

    verb: str
    prompt: Rendered
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    answer: "Future[Any]"
    deaths: int = 0


@dataclass(eq=False, slots=True)
class Load:
    """The calls that a replica has, by their number. ``alone``: it gets no other call."""

    calls: dict[int, Call] = field(default_factory=dict)
    alone: bool = False


class Calls:
    """The calls that wait for a replica, in order.

    Args:
        in_flight: the most calls that one replica has.
    """

    def __init__(self, in_flight: int) -> None:
        self._in_flight = in_flight
        self._numbers = itertools.count()
        self._waiting: deque[Call] = deque()
        self._suspects: deque[Call] = deque()

    def add(self, call: Call) -> None:
        """Put a call at the end of the queue."""
        self._waiting.append(call)

    def share(self, loads: Iterable[Load]) -> dict[Load, list[tuple[int, Call]]]:
        """Give waiting calls to replicas: each to the one that has the fewest, as long as it has
        room. Neighbours with the same prompt go to the same one, which reads the prompt once.

        Returns:
            The new calls of each replica, with their numbers.
        """
        given: dict[Load, list[tuple[int, Call]]] = {}

        def give(load: Load, call: Call) -> None:
            if not call.answer.done():
                number = next(self._numbers)
                load.calls[number] = call
                given.setdefault(load, []).append((number, call))

        free = [load for load in loads if not load.alone]
        for load in [load for load in free if not load.calls][: len(self._suspects)]:
            give(load, self._suspects.popleft())
            load.alone = bool(load.calls)
            free.remove(load)
        if self._suspects and free:
            # One replica gets no more, so that it will be free for a suspect.
            free.remove(min(free, key=lambda load: len(load.calls)))
        heap = [(len(load.calls), number, load) for number, load in enumerate(free)]
        heapq.heapify(heap)
        while self._waiting and heap:
            _, number, load = heap[0]
            prompt = self._waiting[0].prompt
            while (
                self._waiting
                and self._waiting[0].prompt is prompt
                and len(load.calls) < self._in_flight
            ):
                give(load, self._waiting.popleft())
            if len(load.calls) < self._in_flight:
                heapq.heapreplace(heap, (len(load.calls), number, load))
            else:
                heapq.heappop(heap)
        return given

    def answered(self, load: Load, number: int) -> Call | None:
        """The call with this number, which has left its replica; None if it was given up."""
        call = load.calls.pop(number, None)
        load.alone = load.alone and bool(load.calls)
        return None if call is None or call.answer.done() else call

    def lost(self, load: Load, reason: str) -> int:
        """Put the calls of a dead replica at the front of the queue. One that had three dead
        replicas fails with a `RowError` that says the ``reason``.

        Returns:
            How many calls will be sent again.
        """
        calls = [call for call in load.calls.values() if not call.answer.done()]
        load.calls.clear()
        for call in reversed(calls):
            call.deaths += 1
            if call.deaths == _DEATHS:
                call.answer.set_exception(
                    RowError(
                        f"{_DEATHS} replicas died with this request, the last one while it had no "
                        f"other: {reason}"
                    )
                )
            elif call.deaths == _ALONE:
                self._suspects.appendleft(call)
            else:
                self._waiting.appendleft(call)
        return sum(call.deaths < _DEATHS for call in calls)

    def fail(self, error: Exception) -> None:
        """Give the error to all calls that wait."""
        for call in (*self._suspects, *self._waiting):
            if not call.answer.done():
                call.answer.set_exception(error)
        self._suspects.clear()
        self._waiting.clear()
