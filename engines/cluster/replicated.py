"""Replicas of an engine, as one engine.

Rows, seeds and the journal stay in this process. The replicas are asked the calls of this engine,
and answer them one by one. Any replica gives the same answer, so a call of a dead replica is given
to another one, and the dead one is replaced.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from engines.bindings import Binding
from engines.cluster.actor import Actor, GoneError
from engines.cluster.calls import Call, Calls, Load
from engines.cluster.placement import demand, described
from engines.cluster.replica import Answer, packed_calls, unpacked_answers
from engines.protocol import (
    Choice,
    Dropout,
    Engine,
    EngineError,
    Generation,
    Rendered,
    Rewards,
    Sampling,
    Scored,
    UnavailableError,
)
from schemas import Message

_log = logging.getLogger(__name__)

_NO_ROOM = 30.0
"""Seconds after which a replica that waits for room is told about."""
_CLOSING = 30.0
"""Seconds that replicas have to free their memory."""
_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
"""Seconds until a dead replica is replaced, twice as long each time that it answered nothing."""


class Replicated(Engine):
    """Asks replicas of an engine. They start at the first request.

    Args:
        engine: the engine in this process. It renders prompts and is asked nothing else, so it
            should load its weights at its first request only.
        start: starts a replica.
        binding: how many there are, and how many calls one has at most.
        timeout: the seconds for which no replica may be alive.
    """

    name = "replicated"
    generates = scores = chooses = rewards = local_weights = True

    def __init__(
        self,
        engine: Engine,
        start: Callable[[], Awaitable[Actor]],
        binding: Binding,
        *,
        timeout: float,
    ) -> None:
        self.name, self.revision = engine.name, engine.revision
        self.constrains, self.continues = engine.constrains, engine.continues
        self._engine = engine
        self._start = start
        self._binding = binding
        self._timeout = timeout
        self._calls = Calls(binding.in_flight)
        self._alive: dict[Load, Actor] = {}
        self._replicas: list[asyncio.Task[None]] = []
        self._sending: asyncio.Handle | None = None
        self._giving_up: asyncio.TimerHandle | None = None
        self._failure: EngineError | None = None
        self._last_death = "none has started yet"

    @property
    def state(self) -> str:
        """How many replicas are alive, for people."""
        return f"{len(self._alive)} of {self._binding.replicas} replicas"

    def render(self, messages: Sequence[Message]) -> Rendered:
        return self._engine.render(messages)

    def prompt_tokens(self, prompt: Rendered) -> int:
        return self._engine.prompt_tokens(prompt)

    async def generate(self, prompt: Rendered, sampling: Sampling, seed: int) -> Generation:
        answer: Generation = await self._ask("generate", prompt, sampling, seed)
        return answer

    async def score(
        self, prompt: Rendered, continuations: Sequence[str], *, end: Sequence[bool]
    ) -> list[Scored]:
        answer: list[Scored] = await self._ask("score", prompt, continuations, end=end)
        return answer

    async def choose(self, prompt: Rendered, options: Sequence[Sequence[str]]) -> Choice:
        answer: Choice = await self._ask("choose", prompt, options)
        return answer

    async def reward(
        self,
        prompt: Rendered,
        text: str,
        *,
        step_ends: Sequence[int] | None = None,
        dropout: Dropout | None = None,
        end: bool = True,
    ) -> Rewards:
        answer: Rewards = await self._ask(
            "reward", prompt, text, step_ends=step_ends, dropout=dropout, end=end
        )
        return answer

    async def close(self) -> None:
        """End the replicas."""
        closing = [asyncio.create_task(actor.close()) for actor in self._alive.values()]
        if closing:
            await asyncio.wait(closing, timeout=_CLOSING)
        for task in (*closing, *self._replicas):
            task.cancel()
        await asyncio.gather(*closing, *self._replicas, return_exceptions=True)
        if self._giving_up is not None:
            self._giving_up.cancel()
        await self._engine.close()

    async def _ask(self, verb: str, prompt: Rendered, *args: Any, **kwargs: Any) -> Any:
        if self._failure is not None:
            raise self._failure
        loop = asyncio.get_running_loop()
        if not self._replicas:
            for _ in range(self._binding.replicas or 1):
                self._replicas.append(loop.create_task(self._keep()))
                self._replicas[-1].add_done_callback(self._ended)
            self._watch()
        call = Call(verb, prompt, args, kwargs, loop.create_future())
        self._calls.add(call)
        self._send_soon()
        return await call.answer

    def _send_soon(self) -> None:
        """Send the calls of this turn of the event loop together, at its end."""
        if self._sending is None:
            self._sending = asyncio.get_running_loop().call_soon(self._send)

    def _send(self) -> None:
        self._sending = None
        try:
            for load, calls in self._calls.share(self._alive).items():
                self._alive[load].ask(packed_calls(calls))
        except Exception as error:
            self._fail(EngineError(f"replicas cannot be asked: {type(error).__name__}: {error}"))

    async def _keep(self) -> None:
        """Run a replica, and another one each time it dies."""
        pause = _PAUSE
        while True:
            actor, load, place = await self._start(), Load(), "a replica"
            try:
                place = await self._placed(actor)
                await self._open(actor, place)
                self._alive[load] = actor
                self._watch()
                self._send_soon()
                while True:
                    self._answered(load, unpacked_answers(await actor.answers()))
                    pause = _PAUSE
            except GoneError as gone:
                self._last_death = f"{place}: {gone}"
            finally:
                self._alive.pop(load, None)
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
            raise type(error)(f"a replica on {place}: {error}") from error
        if revision != self.revision:
            raise EngineError(
                f"{self._binding.model} is another model on {place}: its revision there is "
                f"{revision}, here it is {self.revision}. All nodes must have the same files"
            )

    def _watch(self) -> None:
        """Give up when no replica has been alive for long."""
        if self._alive and self._giving_up is not None:
            self._giving_up.cancel()
            self._giving_up = None
        elif not self._alive and self._giving_up is None:
            loop = asyncio.get_running_loop()
            self._giving_up = loop.call_later(self._timeout, self._give_up)

    def _give_up(self) -> None:
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
        for replica in self._replicas:
            replica.cancel()
        for load in self._alive:
            for call in load.calls.values():
                if not call.answer.done():
                    call.answer.set_exception(error)
        self._calls.fail(error)
