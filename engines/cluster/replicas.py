"""Replicas of an engine: they are started, asked, watched and replaced."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from engines.bindings import Binding
from engines.cluster.actor import Actor, GoneError
from engines.cluster.calls import Call, Calls, Load
from engines.cluster.placement import demand, described
from engines.cluster.replica import Answer, packed_calls, unpacked_answers
from engines.protocol import EngineError, Rendered, UnavailableError

_log = logging.getLogger(__name__)

_NO_ROOM = 30.0
"""Seconds after which a replica that waits for room is told about."""
_CLOSING = 30.0
"""Seconds that replicas have to free their memory."""
_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
"""Seconds until a dead replica is replaced, twice as long each time that it answered nothing."""


class Replicas:
    """The replicas of one binding. They start at the first call.

    Args:
        start: starts a replica.
        binding: how many there are, and how many calls one has at most.
        revision: the revision that each must have.
        timeout: the seconds for which none may be alive.
    """

    def __init__(
        self,
        start: Callable[[], Awaitable[Actor]],
        binding: Binding,
        revision: str,
        *,
        timeout: float,
    ) -> None:
        self._start = start
        self._binding = binding
        self._revision = revision
        self._timeout = timeout
        self._calls = Calls(binding.in_flight)
        self._alive: set[Load] = set()
        self._ready: dict[Load, Actor] = {}
        self._kept: list[asyncio.Task[None]] = []
        self._sending: asyncio.Handle | None = None
        self._giving_up: asyncio.TimerHandle | None = None
        self._failure: EngineError | None = None
        self._deaths = 0
        self._last_death = "none has started yet"

    @property
    def state(self) -> str:
        """How many are ready, for people."""
        return f"{len(self._ready)} of {self._binding.replicas} replicas"

    async def ask(self, verb: str, prompt: Rendered, *args: Any, **kwargs: Any) -> Any:
        """What a method of the engine returns.

        Raises:
            RowError: three replicas died with this call.
            UnavailableError: none has been alive for long.
            EngineError: a replica cannot be opened, or the error of the method.
        """
        if self._failure is not None:
            raise self._failure
        loop = asyncio.get_running_loop()
        if not self._kept:
            for _ in range(self._binding.replicas or 1):
                self._kept.append(loop.create_task(self._keep()))
                self._kept[-1].add_done_callback(self._ended)
            self._watch()
        call = Call(verb, prompt, args, kwargs, loop.create_future())
        self._calls.add(call)
        self._send_soon()
        return await call.answer

    async def close(self) -> None:
        """End them all."""
        closing = [asyncio.create_task(actor.close()) for actor in self._ready.values()]
        if closing:
            await asyncio.wait(closing, timeout=_CLOSING)
        for task in (*closing, *self._kept):
            task.cancel()
        await asyncio.gather(*closing, *self._kept, return_exceptions=True)
        if self._giving_up is not None:
            self._giving_up.cancel()

    def _send_soon(self) -> None:
        """Send the calls of this turn of the event loop together, at its end."""
        if self._sending is None:
            self._sending = asyncio.get_running_loop().call_soon(self._send)

    def _send(self) -> None:
        self._sending = None
        try:
            for load, calls in self._calls.share(self._ready).items():
                self._ready[load].ask(packed_calls(calls))
        except Exception as error:
            self._fail(EngineError(f"replicas cannot be asked: {type(error).__name__}: {error}"))

    async def _keep(self) -> None:
        """Run a replica, and another one each time it dies."""
        pause = _PAUSE
        while True:
            actor, load, place = await self._start(), Load(), "a replica"
            try:
                place = await self._placed(actor)
                self._alive.add(load)
                await self._open(actor, place)
                self._ready[load] = actor
                self._watch()
                self._send_soon()
                while True:
                    self._answered(load, unpacked_answers(await actor.answers()))
                    pause = _PAUSE
            except GoneError as gone:
                self._last_death = f"{place}: {gone}"
                self._deaths += 1
            finally:
                self._alive.discard(load)
                self._ready.pop(load, None)
                # One that cannot be reached may be alive, and have a GPU.
                actor.kill()
                again = self._calls.lost(load, self._last_death)
                self._watch()
                self._send_soon()
            _log.warning(
                "a replica died (%s): it is replaced, and its %d requests are sent to others; %s",
                self._last_death,
                again,
                self.state,
            )
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _answered(self, load: Load, answers: Sequence[Answer]) -> None:
        for number, answer, error in answers:
            call = self._calls.answered(load, number)
            if call is None:
                continue
            if error is None:
                call.answer.set_result(answer)
            else:
                call.answer.set_exception(error)
        self._send_soon()

    async def _placed(self, actor: Actor) -> str:
        binding = self._binding
        wanted = described(demand(binding))
        told = asyncio.get_running_loop().call_later(
            _NO_ROOM,
            lambda: _log.warning(
                "a replica of %s waits for a node with %s; %s", binding.model, wanted, self.state
            ),
        )
        try:
            return await actor.place()
        finally:
            told.cancel()

    async def _open(self, actor: Actor, place: str) -> None:
        try:
            revision = await actor.open()
        except EngineError as error:
            kind = UnavailableError if isinstance(error, UnavailableError) else EngineError
            raise kind(f"a replica on {place}: {error}") from error
        if revision != self._revision:
            raise EngineError(
                f"{self._binding.model} is another model on {place}: its revision there is "
                f"{revision}, here it is {self._revision}. All nodes must have the same files"
            )

    def _watch(self) -> None:
        """Give up when no replica has been ready for long."""
        if self._ready and self._giving_up is not None:
            self._giving_up.cancel()
            self._giving_up = None
        elif not self._ready and self._giving_up is None:
            self._deaths = 0
            loop = asyncio.get_running_loop()
            self._giving_up = loop.call_later(self._timeout, self._give_up)

    def _give_up(self) -> None:
        self._giving_up = None
        if self._alive and not self._deaths:
            # A large model takes long to open.
            self._watch()
            return
        self._fail(
            UnavailableError(
                f"no replica of {self._binding.model} was alive for {self._timeout:g} s (the last "
                f"death: {self._last_death}). 'factory cluster' shows what the cluster has"
            )
        )

    def _ended(self, replica: "asyncio.Task[None]") -> None:
        error = None if replica.cancelled() else replica.exception()
        if isinstance(error, EngineError):
            self._fail(error)
        elif error is not None:
            self._fail(EngineError(f"{type(error).__name__}: {error}"))

    def _fail(self, error: EngineError) -> None:
        """End all calls, and all that follow, with the error."""
        if self._failure is not None:
            return
        self._failure = error
        for replica in self._kept:
            replica.cancel()
        for load in self._ready:
            for call in load.calls.values():
                if not call.answer.done():
                    call.answer.set_exception(error)
        self._calls.fail(error)
