"""A live vLLM server on this computer's CPU, for the tests that need one."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

STARTS = 240.0
"""Seconds in which a server must have loaded a pocket model."""
SETTINGS = {
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_LOGGING_LEVEL": "WARNING",
    "HF_HUB_OFFLINE": "1",
}


class Served:
    """``python -m vllm.entrypoints.openai.api_server`` on a port of its own, and all its
    processes. It serves ``model`` as "pocket"; ``python`` is one that has vLLM."""

    def __init__(self, model: Path, *, log: Path, python: str = sys.executable) -> None:
        self.model = model
        self.log = log
        self.python = python
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self.start()

    def start(self) -> None:
        command = [self.python, "-m", "vllm.entrypoints.openai.api_server"]
        command += [
            "--model",
            str(self.model),
            "--served-model-name",
            "pocket",
            "--dtype",
            "float32",
        ]
        command += ["--host", "127.0.0.1", "--port", str(self.port)]
        # In pieces, a seeded prompt ends a server on a CPU.
        command += ["--enforce-eager", "--max-num-seqs", "16", "--no-enable-chunked-prefill"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                env={**os.environ, **SETTINGS},
                start_new_session=True,
            )

    def wait(self) -> None:
        """Until it answers."""
        deadline = time.monotonic() + STARTS
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(urllib.error.URLError, ConnectionError):
                urllib.request.urlopen(f"{self.url}/models", timeout=5).close()
                return
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=0.5)
        pytest.fail(f"the server did not start:\n{self.log.read_text()[-4000:]}")

    def kill(self) -> None:
        """SIGKILL to the server and every process it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
