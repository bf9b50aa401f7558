"""How many requests at once a server is sent: found by trying, against a fixed 64.

    python -m benchmarks.concurrency

The server is a process of its own that answers after a random time around 0.2 seconds and has a
capacity that nobody tells: it works on so many requests at once, and either refuses more (429), or
lets them wait in a row, or works on all of them and slows down so that the whole is no faster. Both
sides are `engines.openai.engine` as it is, one with `engines.openai.concurrency.Pace`, one with 64
in flight always. Writes ``benchmarks/results/concurrency.json``.
"""

import argparse
import asyncio
import json
import multiprocessing
import random
import socket
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.results import entry, write
from engines.bindings import Binding
from engines.openai.concurrency import Pace
from engines.openai.engine import OpenAIEngine
from engines.protocol import Sampling

COMMAND = "python -m benchmarks.concurrency"
ABOUT = "Requests in flight to a server whose capacity is not told."
FIXED = 64
PEER = f"{FIXED} always in flight"
SERVICE = 0.2
"""Mean seconds that one request takes by itself."""
ANSWER = {"choices": [{"message": {"content": "seven"}, "finish_reason": "stop"}]}


class Fixed(Pace):
    """As many as allowed from the first request to the last."""

    def __init__(self) -> None:
        super().__init__()
        self.limit = FIXED

    def answered(self, ceiling: int) -> None:
        """Makes no difference."""

    def overloaded(self, sent: float, wait: float = 0.0) -> None:
        """Makes no difference."""


class Hidden:
    """The server: ``kind`` is what it does with more than ``capacity`` requests."""

    def __init__(self, kind: str, capacity: int) -> None:
        self.kind, self.capacity = kind, capacity
        self.at_work, self.refused, self.answered = 0, 0, 0
        self.room = asyncio.Semaphore(capacity if kind == "waits" else 1 << 30)

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        while asked := await _head(reader):
            length = next((int(v) for n, v in asked[1:] if n == "content-length"), 0)
            await reader.readexactly(length)
            status, said = 200, {"data": [{"id": "m"}]}
            if asked[0][0].startswith("POST"):
                status, said = await self.answer()
            elif "counts" in asked[0][0]:
                said = {"refused": self.refused, "answered": self.answered}
            body = json.dumps(said).encode()
            head = f"HTTP/1.1 {status} _\r\ncontent-length: {len(body)}\r\n\r\n".encode()
            writer.write(head + body)
            await writer.drain()
        writer.close()

    async def answer(self) -> tuple[int, Any]:
        """One completion, after its time."""
        if self.kind == "refuses" and self.at_work >= self.capacity:
            self.refused += 1
            return 429, {"error": {"message": "too many at once"}}
        self.at_work += 1
        async with self.room:
            slower = max(1.0, self.at_work / self.capacity) if self.kind == "slows" else 1.0
            await asyncio.sleep(slower * SERVICE * random.uniform(0.5, 1.5))
        self.at_work -= 1
        self.answered += 1
        return 200, ANSWER


async def _head(reader: asyncio.StreamReader) -> list[tuple[str, str]]:
    try:
        text = (await reader.readuntil(b"\r\n\r\n")).decode()
    except (asyncio.IncompleteReadError, ConnectionError):
        return []
    lines = text.strip().split("\r\n")
    return [(lines[0], "")] + [
        (name.lower(), value.strip())
        for name, _, value in (line.partition(":") for line in lines[1:])
    ]


def _serve(listening: socket.socket, kind: str, capacity: int) -> None:
    async def forever() -> None:
        server = await asyncio.start_server(Hidden(kind, capacity).converse, sock=listening)
        await server.serve_forever()

    asyncio.run(forever())


@contextmanager
def hidden(kind: str, capacity: int) -> Iterator[str]:
    """The address of such a server."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listening:
        context = multiprocessing.get_context("fork")
        process = context.Process(target=_serve, args=(listening, kind, capacity), daemon=True)
        process.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        finally:
            process.terminate()
            process.join()


def measure(kind: str, capacity: int, requests: int, *, fixed: bool) -> dict[str, float]:
    """Answers a second, and the share of requests refused, of ``requests`` asked at once."""
    with hidden(kind, capacity) as url:
        bound = Binding(engine="openai", url=url, served_as="m", concurrency=FIXED)

        async def run() -> float:
            engine = OpenAIEngine(bound)
            if fixed:
                engine.server.endpoint.pace = Fixed()
            prompt = engine.render([{"role": "user", "content": "How many?"}])
            began = time.perf_counter()
            calls = (engine.generate(prompt, Sampling(), number) for number in range(requests))
            await asyncio.gather(*calls)
            seconds = time.perf_counter() - began
            await engine.close()
            return seconds

        seconds = asyncio.run(run())
        with urllib.request.urlopen(f"{url}/counts") as answer:
            counts = json.load(answer)
    asked = counts["refused"] + counts["answered"]
    return {"rate": requests / seconds, "refused": 100 * counts["refused"] / asked}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--capacity", type=int, nargs="*", default=[4, 16, 48])
    given = parser.parse_args()
    entries = []
    for capacity in given.capacity:
        for kind in ("refuses", "waits", "slows"):
            ours = measure(kind, capacity, given.requests, fixed=False)
            theirs = measure(kind, capacity, given.requests, fixed=True)
            what = f"a server that {kind}, capacity {capacity}"
            figures = [("rate", "answers/s", what)]
            if kind == "refuses":
                figures.append(("refused", "% refused", f"{what}: requests refused"))
            for name, unit, said in figures:
                figure = entry(said, ours[name], unit, theirs[name], peer=PEER, command=COMMAND)
                entries.append(figure)
                print(figure["entry"], figure["ours"], figure["theirs"], unit, flush=True)
    print(write("concurrency", ABOUT, entries))


if __name__ == "__main__":
    main()
