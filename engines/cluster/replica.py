"""A replica: an engine in an actor's process, which answers many calls at once.

Messages are bytes, so that Ray does not look into them.
"""

import asyncio
import os
import pickle
import socket
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from engines.bindings import Binding, open_local
from engines.cluster.calls import Call
from engines.protocol import DeadEngineError, Engine, EngineError

Answer = tuple[int, Any, Exception | None]
"""The number of a call, and its answer or its error."""


def packed_calls(calls: Sequence[tuple[int, Call]]) -> bytes:
    """The message that sends calls to a replica."""
    plain = {id(call.prompt): replace(call.prompt, marked=None) for _, call in calls}
    return pickle.dumps(
        [
            (number, call.verb, plain[id(call.prompt)], call.args, call.kwargs)
            for number, call in calls
        ],
        pickle.HIGHEST_PROTOCOL,
    )


def unpacked_answers(message: bytes) -> list[Answer]:
    """The answers in a message of a replica."""
    answers: list[Answer] = pickle.loads(message)
    return answers


class Replica:
    """An engine of a binding. Its methods are the messages of an actor."""

    def __init__(self, binding: Binding) -> None:
        self._binding = binding
        self._engine: Engine | None = None
        self._ready: list[Answer] = []
        self._news = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def place(self) -> str:
        """Where it runs, for people: the host and the process."""
        return f"{socket.gethostname()} (process {os.getpid()})"

    async def open(self) -> str:
        """Open the engine. Returns its revision.

        Raises:
            EngineError: it cannot be opened here.
        """
        need = self._binding.engine_class.memory(self._binding)
        if need is not None and need.refusal is not None:
            raise EngineError(need.refusal)
        self._engine = open_local(self._binding)
        return self._engine.revision

    async def ask(self, message: bytes) -> None:
        """Begin to answer the calls of a message."""
        for call in pickle.loads(message):
            task = asyncio.create_task(self._answer(*call))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def answers(self) -> bytes:
        """The answers since the last message, as soon as there is one."""
        await self._news.wait()
        self._news.clear()
        ready, self._ready = self._ready, []
        return pickle.dumps(ready, pickle.HIGHEST_PROTOCOL)

    async def close(self) -> None:
        """Free the engine's memory."""
        if self._engine is not None:
            await self._engine.close()

    async def _answer(
        self, number: int, verb: str, prompt: Any, args: Sequence[Any], kwargs: Any
    ) -> None:
        answer, error = None, None
        try:
            answer = await getattr(self._engine, verb)(prompt, *args, **kwargs)
        except DeadEngineError as death:
            # The process ends with its engine: its calls go to others, and it is replaced.
            print(death, file=sys.stderr, flush=True)
            os._exit(1)
        except Exception as raised:
            error = _sendable(raised)
        self._ready.append((number, answer, error))
        self._news.set()


def _sendable(error: Exception) -> Exception:
    """The error, or one that says the same if it cannot be pickled."""
    error.__traceback__ = error.__cause__ = error.__context__ = None
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
