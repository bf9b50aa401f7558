"""What replicas on Ray cost the process that asks them, and how much faster several are than one.

    python -m benchmarks.replicas

Engines are simulated. An instant one shows what sending, receiving and journaling cost: processor
time of the asking process for each row, with the start of the replicas, against the same stage with
the engine in its process. One that answers eight calls at once in 50 ms each shows whether replicas
are kept busy. Ray Data's ``map_batches`` does the same work on as many actors beside it, without a
journal and without tables. Each measurement has a process and a Ray of its own, in turns. Needs the
extra ``cluster``. Writes ``benchmarks/results/replicas.json``.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.instant import InstantEngine
from benchmarks.results import entry, measured, write
from benchmarks.runtime import prompts
from engines.bindings import Binding
from engines.cluster.connection import connected
from engines.cluster.replicated import Replicated
from engines.cluster.settings import Cluster
from engines.context import Context
from engines.opening import open_engine
from engines.protocol import Generation, Rendered, Sampling
from generators import Sample

COMMAND = "python -m benchmarks.replicas"
ABOUT = "Replicas on Ray on one machine; engines are simulated."
SECONDS, AT_ONCE = 0.05, 8
"""The simulated engine: how long an answer takes, and how many it gives at once."""
BATCH = 64
"""Rows that Ray Data hands to an actor at once."""


class Instant(InstantEngine):
    """Answers at once."""

    name = "instant"
    generates = local_weights = True


class Slow(Instant):
    """Answers as many calls at once as a GPU with a small batch, each in the same time."""

    def __init__(self, binding: Binding) -> None:
        super().__init__(binding)
        self._room = asyncio.Semaphore(AT_ONCE)

    async def generate(self, prompt: Rendered, sampling: Sampling, seed: int) -> Generation:
        """The answer."""
        async with self._room:
            await asyncio.sleep(SECONDS)
        return await super().generate(prompt, sampling, seed)


def binding(engine: type[Instant], replicas: int) -> Binding:
    """The engine in this process (0), or as replicas."""
    placed = {"replicas": replicas, "gpus": 0, "cpus": 0.25} if replicas else {}
    name = f"benchmarks.replicas.{engine.__name__}"
    return Binding.model_validate({"model": "policy", "engine": name, **placed})


def staged(rows: int, replicas: int) -> dict[str, float]:
    """A response to each of ``rows`` prompts by the instant engine: what this process spends."""
    if replicas:
        connected(Cluster())
    tables = {"prompts": prompts(rows)}
    with tempfile.TemporaryDirectory() as folder:
        context = Context(
            recipe="benchmark",
            stage="responses",
            refresh="2026-01-01",
            roles={"policy": binding(Instant, replicas)},
            journal=Path(folder) / "journal.sqlite",
            models=Path(folder) / "models",
            progress=False,
            open_engine=partial(open_engine, cluster=Cluster()),
        )
        began, worked = time.perf_counter(), time.process_time()
        split = Sample().run(tables, context)
        worked, seconds = time.process_time() - worked, time.perf_counter() - began
    assert split.kept.height == rows
    return {"processor": 1e6 * worked / rows, "seconds": seconds}


def paced(calls: int, replicas: int, *, ready: bool) -> dict[str, float]:
    """Calls a second of replicas of the slow engine, and seconds until the first answer. ``ready``:
    all replicas have started before."""
    connected(Cluster())
    engine = open_engine(binding(Slow, replicas).model_copy(update={"in_flight": 2 * AT_ONCE}))
    assert isinstance(engine, Replicated)
    first: list[float] = []

    async def ask(number: int) -> None:
        await engine.generate(prompt, Sampling(), number)
        first.append(time.perf_counter())

    async def run() -> tuple[float, float]:
        while ready and engine.state != f"{replicas} of {replicas} replicas":
            await ask(0)
        first.clear()
        began = time.perf_counter()
        await asyncio.gather(*map(ask, range(calls)))
        ended = time.perf_counter()
        await engine.close()
        return ended - began, first[0] - began

    prompt = engine.render([{"role": "user", "content": "How many?"}])
    seconds, until_first = asyncio.run(run())
    return {"rate": calls / seconds, "seconds": seconds, "first": until_first}


class Batched:
    """An engine as Ray Data calls it."""

    def __init__(self, engine: type[Instant]) -> None:
        self._kind = engine

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """The texts for a batch of questions."""

        async def answers() -> list[Generation]:
            engine = self._kind(Binding(model="policy"))
            rendered = [engine.render([{"role": "user", "content": q}]) for q in batch["question"]]
            asked = (engine.generate(one, Sampling(), seed) for seed, one in enumerate(rendered))
            return await asyncio.gather(*asked)

        return {**batch, "text": [answer.text for answer in asyncio.run(answers())]}


def ray_data(rows: int, actors: int, engine: type[Instant]) -> dict[str, float]:
    """The same by Ray Data: what this process spends, and when the first answer comes."""
    ray = connected(Cluster())
    import ray.data as data

    data.DataContext.get_current().enable_progress_bars = False
    asked = [{"question": f"Question {n}: how many apples?"} for n in range(rows)]
    began, worked = time.perf_counter(), time.process_time()
    answered: Iterable[Any] = (
        data.from_items(asked, override_num_blocks=max(1, rows // BATCH))
        .map_batches(
            Batched,
            batch_size=BATCH,
            compute=data.ActorPoolStrategy(size=actors),
            fn_constructor_args=[engine],
            num_cpus=0.25,
        )
        .iter_rows()
    )
    first, count = 0.0, 0
    for _ in answered:
        first = first or time.perf_counter() - began
        count += 1
    worked, seconds = time.process_time() - worked, time.perf_counter() - began
    assert count == rows
    ray.shutdown()
    return {"processor": 1e6 * worked / rows, "seconds": seconds, "first": first}


def compare(rounds: int, rows: int, calls: int) -> list[dict[str, Any]]:
    """All measurements; the median of ``rounds``."""
    me = [sys.executable, "-m", "benchmarks.replicas"]
    kinds = ("local", "replicas", "ray-data", "one", "four", "started", "ray-data-slow")
    found: dict[str, list[dict[str, float]]] = {kind: [] for kind in kinds}
    for _ in range(rounds):
        for kind, runs in found.items():
            count = rows if kind in ("local", "replicas", "ray-data") else calls
            runs.append(measured([*me, "--only", kind, "--rows", str(count)]))

    def median(kind: str, what: str) -> float:
        return statistics.median(run[what] for run in found[kind])

    def line(what: str, ours: float, unit: str, theirs: float, peer: str) -> dict[str, Any]:
        return entry(what, ours, unit, theirs, peer=peer, command=COMMAND)

    work = f"{rows:,} rows of an instant engine, two replicas: processor time of the asking process"
    slow = f"{calls:,} calls of an engine that gives {AT_ONCE} answers in {1000 * SECONDS:.0f} ms"
    own, peer = median("replicas", "processor"), f"Ray Data, batches of {BATCH}, no journal"
    return [
        line(f"{work}, a row", own, "µs", median("local", "processor"), "the engine in it"),
        line(f"{work}, a row", own, "µs", median("ray-data", "processor"), peer),
        line(
            f"{slow}, four replicas",
            median("four", "rate"),
            "calls/s",
            median("one", "rate"),
            "one",
        ),
        *(
            line(
                f"{slow}, four replicas, from their start to the {what} answer",
                median("started", kind),
                "s",
                median("ray-data-slow", kind),
                peer,
            )
            for what, kind in (("first", "first"), ("last", "seconds"))
        ),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="one measurement, for the process that compares them")
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--calls", type=int, default=3_200)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    measurements = {
        "local": partial(staged, replicas=0),
        "replicas": partial(staged, replicas=2),
        "ray-data": partial(ray_data, actors=2, engine=Instant),
        "one": partial(paced, replicas=1, ready=True),
        "four": partial(paced, replicas=4, ready=True),
        "started": partial(paced, replicas=4, ready=False),
        "ray-data-slow": partial(ray_data, actors=4, engine=Slow),
    }
    if given.only:
        print(json.dumps(measurements[given.only](given.rows)))
    else:
        print(write("replicas", ABOUT, compare(given.rounds, given.rows, given.calls)))


if __name__ == "__main__":
    main()
