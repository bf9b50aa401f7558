"""An engine for tests on a cluster. It notes in files what it is asked, by process. Its options say
when it kills its process or its node, or stops the process that asks it."""

import asyncio
import os
import signal
from collections.abc import Sequence
from pathlib import Path

import psutil

from engines.bindings import Binding
from engines.protocol import DeadEngineError, Engine, Generation, Rendered, Sampling
from schemas import Message
from schemas.parameters import Parameters

WEIGHTS = "NOTED_ENGINE_WEIGHTS"
"""The environment variable that makes the model of a node another one."""
NAME = f"{__name__}.NotedEngine"


class Options(Parameters):
    """What happens.

    Attributes:
        folder: where it is noted.
        delay: seconds until an answer.
        die: at which call a process kills itself, for the first time only.
        kill_node: whether it then kills its node, with all processes of the node.
        stop: at which call the process whose id is in ``driver`` gets SIGTERM.
    """

    folder: str
    delay: float = 0.0
    die: int | None = None
    kill_node: bool = False
    stop: int | None = None


class NotedEngine(Engine):
    name = "noted"
    generates = local_weights = True
    options = Options

    def __init__(self, binding: Binding) -> None:
        self._options = Options.model_validate(dict(binding.options))
        self._folder = Path(self._options.folder)
        self._calls = 0
        (self._folder / f"opened-{os.getpid()}").touch()
        self.revision = f"{binding.model}@{os.environ.get(WEIGHTS, '1')}"

    def render(self, messages: Sequence[Message]) -> Rendered:
        return Rendered(tuple(messages), messages[-1]["content"])

    async def generate(self, prompt: Rendered, sampling: Sampling, seed: int) -> Generation:
        options = self._options
        with (self._folder / f"asked-{os.getpid()}").open("a") as file:
            file.write(f"{prompt.text} {seed}\n")
        self._calls += 1
        if prompt.text == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if prompt.text == "end the engine":
            raise DeadEngineError("it has ended")
        if self._calls == options.die and self._first("died"):
            _kill_node() if options.kill_node else os.kill(os.getpid(), signal.SIGKILL)
        if self._calls == options.stop and self._first("stopped"):
            os.kill(int((self._folder / "driver").read_text()), signal.SIGTERM)
        await asyncio.sleep(options.delay)
        return Generation(f"{prompt.text} {seed}", (seed % 1000,), (-0.5,), "stop")

    def _first(self, what: str) -> bool:
        try:
            (self._folder / what).touch(exist_ok=False)
        except FileExistsError:
            return False
        return True


def asked(folder: Path) -> list[str]:
    """What replicas were asked, as often as they were."""
    return [line for file in folder.glob("asked-*") for line in file.read_text().splitlines()]


def replicas(folder: Path) -> set[str]:
    """The processes that opened the engine, but for this one."""
    return {file.name for file in folder.glob("opened-*")} - {f"opened-{os.getpid()}"}


def _kill_node() -> None:
    """Kill the raylet that started this process, and all that it started."""
    node = psutil.Process(os.getppid())
    for process in [node, *node.children(recursive=True)]:
        if process.pid != os.getpid():
            process.kill()
    os.kill(os.getpid(), signal.SIGKILL)
