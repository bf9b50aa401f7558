"""Processes in which checks run that may hang; one that hangs is killed and replaced.

Math-Verify can run for ever on what a model wrote, inside calls that no signal interrupts
(huggingface/Math-Verify issues 50, 55 and 65), so nothing short of killing the process is safe.
"""

import atexit
import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache

from schemas import Message

START_SECONDS = 120.0
PATIENCE = 6
"""Seconds by the clock that a check has for each second of the processor that it may use: the
machine may be busy with much else."""


class CheckError(Exception):
    """A check came to no result for one response: it hung, crashed or broke. Not a wrong answer."""


class Workers:
    """Up to ``processes`` processes, each started when first needed.

    They are fresh interpreters, not forks: torch's threads do not survive a fork. A check may use
    ``seconds`` of a processor, or what it says of itself (`loading.may_hang`).
    """

    def __init__(self, processes: int, *, seconds: float = 5.0) -> None:
        self.seconds = seconds
        self._threads = ThreadPoolExecutor(processes, thread_name_prefix="check")
        self._mine = threading.local()
        self._all: list[subprocess.Popen[str]] = []
        self._closed = False

    def submit(
        self,
        path: str,
        messages: Sequence[Message],
        reference: str | None,
        text: str,
        *,
        seconds: float | None = None,
    ) -> "Future[bool]":
        """The check at import path ``path`` on one response.

        The future raises ValueError where the check does (the reference says nothing), and
        `CheckError` if it takes longer than ``seconds``, crashes or raises anything else.
        """
        seconds = self.seconds if seconds is None else seconds
        asked = {"check": path, "seconds": seconds, "patience": PATIENCE * seconds}
        asked |= {"path": sys.path} | {
            "messages": list(map(dict, messages)),
            "reference": reference,
            "text": text,
        }
        return self._threads.submit(self._ask, json.dumps(asked), seconds)

    def close(self) -> None:
        """Kill all processes; checks that are running raise `CheckError`."""
        self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        for process in list(self._all):
            _kill(process)
        self._threads.shutdown(wait=True)
        for process in list(self._all):
            self._end(process)

    def _ask(self, line: str, seconds: float) -> bool:
        process: subprocess.Popen[str] | None = getattr(self._mine, "process", None)
        if process is None:
            process = self._mine.process = self._start()
        assert process.stdin is not None
        reply: str | None
        try:
            process.stdin.write(line + "\n")
            process.stdin.flush()
            reply = self._read(process, PATIENCE * seconds)
        except BrokenPipeError:
            reply = ""
        if not reply:
            self._mine.process = None
            self._end(process, gone=reply == "")
            if reply is None:
                raise CheckError(f"check took longer than {seconds:g} s")
            raise CheckError(f"check ended its process (exit code {process.returncode})")
        result = json.loads(reply)
        if "slow" in result:
            raise CheckError(f"check took longer than {seconds:g} s")
        if "code" in result:
            raise CheckError(f"check ended its process (exit code {result['code']})")
        if "right" in result:
            return bool(result["right"])
        if "reference" in result:
            raise ValueError(result["reference"])
        raise CheckError(f"check failed: {result['error']}")

    def _start(self) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-m", "engines.checks.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Ctrl-C in a terminal is for the factory, which ends them in its own order.
            start_new_session=True,
            text=True,
            encoding="utf-8",
            env=os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        )
        self._all.append(process)
        if self._closed:
            _kill(process)
        ready = self._read(process, START_SECONDS)
        if not ready or "ready" not in json.loads(ready):
            self._end(process, gone=ready == "")
            raise CheckError(f"no process for checks starts (exit code {process.returncode})")
        return process

    def _read(self, process: "subprocess.Popen[str]", seconds: float) -> str | None:
        """The next line the process writes; None if there is none in time, "" if it has ended.
        A reply is one short line written at once, so its first byte is as good as the whole."""
        assert process.stdout is not None
        ready, _, _ = select.select([process.stdout], [], [], seconds)
        return process.stdout.readline() if ready else None

    def _end(self, process: "subprocess.Popen[str]", *, gone: bool = False) -> None:
        """Kill the process, unless it is ``gone`` by itself and its exit code tells why."""
        try:
            process.wait(1 if gone else 0)
        except subprocess.TimeoutExpired:
            _kill(process)
            process.wait()
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
        if process in self._all:
            self._all.remove(process)


def _kill(process: "subprocess.Popen[str]") -> None:
    """End a process and the child that answers for it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


@cache
def shared_workers() -> Workers:
    """The workers of this process, as many as it has processors but 8 at most."""
    workers = Workers(min(8, os.cpu_count() or 1))
    atexit.register(workers.close)
    return workers
