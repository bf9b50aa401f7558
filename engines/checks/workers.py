"""Worker processes for checks that may hang. A process that hangs is killed and replaced.

Math-Verify can run forever on a model's text, inside calls that no signal interrupts
(huggingface/Math-Verify issues 50, 55 and 65). Only killing the process is safe.
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
"""Seconds of wall time per second of CPU time that a check may use: the machine may be busy."""


class CheckError(Exception):
    """A check has no result for one response: it hung, crashed or failed. This is not a wrong
    answer."""


class Workers:
    """Up to ``processes`` processes, each started when first needed.

    They are fresh interpreters, not forks: torch's threads do not survive a fork. A check may use
    ``seconds`` of CPU time, or its own limit (`loading.may_hang`).
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
        """Run the check at import path ``path`` on one response.

        The future raises ValueError if the check does (the reference is missing or unreadable), and
        `CheckError` if the check takes longer than ``seconds``, crashes or raises anything else.
        """
        seconds = self.seconds if seconds is None else seconds
        request = {"check": path, "seconds": seconds, "patience": PATIENCE * seconds}
        request |= {"path": sys.path} | {
            "messages": list(map(dict, messages)),
            "reference": reference,
            "text": text,
        }
        return self._threads.submit(self._ask, json.dumps(request), seconds)

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
            self._end(process, exited=reply == "")
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
            # Ctrl-C in a terminal goes to the factory only, which then ends these processes.
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
            self._end(process, exited=ready == "")
            raise CheckError(f"no process for checks starts (exit code {process.returncode})")
        return process

    def _read(self, process: "subprocess.Popen[str]", seconds: float) -> str | None:
        """The process's next line; None after ``seconds``, "" if the process has ended.

        A reply is one short line in one write, so once its first byte is there, so is the rest.
        """
        assert process.stdout is not None
        ready, _, _ = select.select([process.stdout], [], [], seconds)
        return process.stdout.readline() if ready else None

    def _end(self, process: "subprocess.Popen[str]", *, exited: bool = False) -> None:
        """Kill the process. If it has already ``exited``, wait for its exit code."""
        try:
            process.wait(1 if exited else 0)
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
    """Kill a process and its child."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


@cache
def shared_workers() -> Workers:
    """The workers of this process: one per CPU, at most 8."""
    workers = Workers(min(8, os.cpu_count() or 1))
    atexit.register(workers.close)
    return workers
