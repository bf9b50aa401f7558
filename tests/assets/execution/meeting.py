"""An engine that answers its first question when the test hangs up: it listens at `MEETING_PORT`.
Without that variable it answers at once.

``python -m tests.assets.execution.meeting RECIPE REFRESH`` runs the stage ``responses``.
"""

import asyncio
import os
import sys
from collections.abc import Sequence

import dagster as dg

from assets.definitions import build_definitions
from assets.execution.in_process import execute_job
from assets.project.project import load_project
from engines.bindings import Binding
from engines.protocol import Engine, Generation, Rendered, Sampling
from schemas import Message


class Meeting(Engine):
    name = "meeting"
    revision = "1"
    generates = True

    def __init__(self, binding: Binding) -> None:
        self._let_go: asyncio.Task[None] | None = None

    def render(self, messages: Sequence[Message]) -> Rendered:
        return Rendered(tuple(messages), str(messages[-1]["content"]))

    async def generate(self, prompt: Rendered, sampling: Sampling, seed: int) -> Generation:
        if self._let_go is None:
            self._let_go = asyncio.create_task(_let_go())
        await asyncio.shield(self._let_go)
        return Generation(f"{seed} at {sampling.temperature}", (1,), (-1.0,), "stop")

    async def close(self) -> None: ...


async def _let_go() -> None:
    if port := os.environ.get("MEETING_PORT"):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(port))
        await reader.read()
        writer.close()


def ask(recipe: str, refresh: str) -> None:
    """Run the stage ``responses`` of a recipe, on the instance of the UI."""
    definitions = build_definitions(load_project([recipe]), [recipe])
    assets = [dg.AssetKey([recipe, "responses"])]
    execute_job(definitions, recipe, what=recipe, partition_key=refresh, assets=assets)


if __name__ == "__main__":
    ask(*sys.argv[1:])
