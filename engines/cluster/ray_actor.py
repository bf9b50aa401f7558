"""Replicas as actors of Ray."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from engines.bindings import Binding
from engines.cluster.actor import Actor, GoneError
from engines.cluster.connection import connected
from engines.cluster.replica import Replica
from engines.cluster.settings import Cluster
from engines.protocol import EngineError


def starting(binding: Binding, cluster: Cluster) -> Callable[[], Awaitable[Actor]]:
    """A function that starts a replica of ``binding``'s engine on ``cluster``."""

    async def start() -> Actor:
        # In another thread, as it takes seconds: other engines answer meanwhile.
        ray = await asyncio.to_thread(connected, cluster)
        return RayActor(ray, binding)

    return start


class RayActor:
    """An actor of Ray. Ray does not restart it, and asks it nothing twice."""

    def __init__(self, ray: Any, binding: Binding) -> None:
        self._ray = ray
        actor_class = ray.remote(Replica).options(
            num_cpus=binding.cpus,
            num_gpus=binding.gpus,
            resources=dict(binding.resources),
            max_restarts=0,
            max_task_retries=0,
        )
        self._actor = actor_class.remote(binding)
        self._ask = self._actor.ask.options(num_returns=0)

    async def place(self) -> str:
        return str(await self._result(self._actor.place.remote()))

    async def open(self) -> str:
        return str(await self._result(self._actor.open.remote()))

    def ask(self, message: bytes) -> None:
        self._ask.remote(message)

    async def answers(self) -> bytes:
        return bytes(await self._result(self._actor.answers.remote()))

    async def close(self) -> None:
        await self._result(self._actor.close.remote())

    def kill(self) -> None:
        self._ray.kill(self._actor)

    async def _result(self, reference: Any) -> Any:
        """What a method of the actor returns."""
        from ray import exceptions

        try:
            return await reference
        except exceptions.RayTaskError as error:
            raise error.cause from None
        except exceptions.ActorDiedError as error:
            if error.actor_init_failed:
                raise EngineError(f"a replica cannot begin: {error}") from error
            raise GoneError(_first_line(error)) from error
        except exceptions.RayError as error:
            # Dead, or out of reach. What was on its way is lost in both cases.
            raise GoneError(_first_line(error)) from error


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else ''}"
