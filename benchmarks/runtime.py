"""What the factory costs where models cost nothing: prompts a second, and memory.

    python -m benchmarks.runtime

Models answer at once (`benchmarks.instant`), so what is measured is rendering, seeds, identity,
journal, coroutines and frames. The peers do the same with instant models of their own, in the same
run, turn about, in an environment that is made for them: distilabel with its default batches of 50
and with batches of 500, which suit it best, datatrove's inference runner with its request cache
and checkpoints, since ours journals. On a machine that does other work too, compare processor
seconds. Writes ``benchmarks/results/runtime.json``.
"""

import argparse
import hashlib
import json
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from annotators import Annotator, Score
from benchmarks import peers
from benchmarks.instant import InstantEngine
from benchmarks.results import entry, measured, peak, write
from engines.bindings import Binding
from engines.context import Context
from engines.journal.identity import Identity
from engines.model import Models
from engines.protocol import Sampling
from engines.rows import Prompt, Response
from filters import BestWorst
from generators import Sample
from schemas import GeneratingRole, Message, Prompts, prompt_id, rows

COMMAND = "python -m benchmarks.runtime"
ABOUT = "Instant models: what everything around them costs."
FEW = 2_000
"""Prompts of which datatrove is timed at most: it saves each by itself, some 25 a second."""
PEERS = {
    "distilabel 1.5.3, batches of 50": ("benchmarks/distilabel_pairs.py", "50"),
    "distilabel 1.5.3, batches of 500": ("benchmarks/distilabel_pairs.py", "500"),
    f"datatrove 0.10.1, requests cached, at most {FEW:,} prompts": (
        "benchmarks/datatrove_pairs.py",
    ),
}


class Ratings(Annotator):
    """One judgement of a prompt's four responses, asked and read as UltraFeedback's is."""

    model: GeneratingRole = "judge"

    async def score(
        self, prompt: Prompt, responses: Sequence[Response], models: Models
    ) -> list[Score]:
        """One opinion a response."""
        texts = "\n\n".join(f"<text {n}> {one.text}" for n, one in enumerate(responses, 1))
        asked = f"## Instruction\n{prompt.messages[-1]['content']}\n\n## Texts\n{texts}"
        messages: list[Message] = [
            {"role": "system", "content": "Rate each text from 1 to 5, and say why."},
            {"role": "user", "content": asked},
        ]
        (judged,) = await models[self.model].generate(messages)
        ratings = re.findall(r"Rating: (\d)\nRationale: .+", judged.text)
        return [
            Score(one.response_id, "ratings", float(rating), judged.text, model=judged.model)
            for one, rating in zip(responses, ratings, strict=True)
        ]


def prompts(count: int) -> pl.DataFrame:
    """``count`` different questions, as `Prompts`."""
    records = []
    for number in range(count):
        asked = f"Question {number}: how many apples are in {number} bags of {number}?"
        messages = [{"role": "user", "content": asked}]
        known = {"source": "questions", "source_revision": "1", "licence": "CC0-1.0"}
        records.append({"prompt_id": prompt_id(messages), "messages": messages, **known})
    return rows(Prompts, records)


def context(folder: Path, stage: str) -> Context:
    """A run with a journal in ``folder``."""
    return Context(
        recipe="benchmark",
        stage=stage,
        refresh="2026-01-01",
        roles={"policy": Binding(model="policy"), "judge": Binding(model="judge")},
        journal=folder / "journal.sqlite",
        models=folder / "models",
        progress=False,
        open_engine=InstantEngine,
    )


def memory(count: int) -> dict[str, float]:
    """One response to each of ``count`` prompts: seconds, and the process's peak memory in GB."""
    tables = {"prompts": prompts(count)}
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        split = Sample().run(tables, context(Path(folder), "responses"))
        seconds = time.perf_counter() - started
    assert split.kept.height == count
    return {"seconds": seconds, "gigabytes": peak()}


def pairs(count: int) -> dict[str, float]:
    """Prompts to pairs, each stage's table written; then all again, from the journal."""
    asked = prompts(count)
    seconds, processor = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for _ in range(2):
            tables = {"prompts": asked}
            started, worked = time.perf_counter(), time.process_time()
            for stage, operator in (
                ("responses", Sample(n=4)),
                ("ratings", Ratings(of="responses")),
                ("pairs", BestWorst(of="responses", by="ratings")),
            ):
                tables[stage] = operator.run(tables, context(folder, stage)).kept
                tables[stage].write_parquet(folder / f"{stage}.parquet")
            seconds.append(time.perf_counter() - started)
            processor.append(time.process_time() - worked)
    return {
        "seconds": seconds[0],
        "processor": processor[0],
        "again": seconds[1],
        "pairs": tables["pairs"].height,
    }


def identity_cost() -> tuple[float, float]:
    """Processor microseconds that a journal key costs, four samples of a prompt of 2,000
    characters, and those of hashing that prompt."""
    known = Identity("generate", engine="e", revision="r", sampling=Sampling())
    text, seeds = "word " * 400, [1, 2, 3, 4]
    loops = 20_000
    started = time.process_time()
    for _ in range(loops):
        known.generations(text, seeds)
    keys = time.process_time() - started
    started = time.process_time()
    for _ in range(loops):
        hashlib.blake2b(text.encode(), digest_size=16).digest()
    hashing = time.process_time() - started
    each = 1e6 / loops / len(seeds)
    return keys * each, hashing * each


def line(
    what: str, mine: float, unit: str, theirs: float | None = None, peer: str | None = None
) -> dict[str, Any]:
    """One line of the results."""
    return entry(what, mine, unit, theirs, peer=peer, command=COMMAND)


def compare(rounds: int, count: int, large: int) -> list[dict[str, Any]]:
    """All measurements; the median of ``rounds``."""
    me = [sys.executable, "-m", "benchmarks.runtime"]
    ours: list[dict[str, float]] = []
    theirs: dict[str, list[dict[str, float]]] = {name: [] for name in PEERS}
    peers_count = {name: min(count, FEW) if "datatrove" in name else count for name in PEERS}
    for _ in range(rounds):
        for name, runs in theirs.items():
            script, *batch = PEERS[name]
            ours.append(measured([*me, "--only", "pairs", "--prompts", str(count)]))
            runs.append(measured([peers.python(), "-P", script, str(peers_count[name]), *batch]))
            assert ours[-1]["pairs"] == count, ours
            assert runs[-1]["pairs"] == peers_count[name], runs
    of_memory = measured([*me, "--only", "memory", "--prompts", str(large)])

    def rate(runs: Sequence[dict[str, float]], kind: str) -> float:
        return statistics.median(run["pairs"] / run[kind] for run in runs)

    work = f"{count:,} prompts x 4 responses, one judgement, one pair"
    units = {"seconds": "prompts/s", "processor": "prompts per processor second"}
    compared = [
        line(work, rate(ours, kind), unit, rate(runs, kind), name)
        for kind, unit in units.items()
        for name, runs in theirs.items()
    ]
    large_rate = f"{large / of_memory['seconds']:,.0f} prompts/s"
    identity, hashing = identity_cost()
    return [
        *compared,
        line(
            f"{work}, again, all from the journal",
            rate(ours, "again"),
            "prompts/s",
            rate(ours, "seconds"),
            "the first time",
        ),
        line(
            f"{large:,} prompts x 1 response ({large_rate}), peak memory of the process",
            of_memory["gigabytes"],
            "GB",
            1.0,
            "limit: 1 GB",
        ),
        line(
            "identity of an answer (a prompt of 2,000 characters, four samples)",
            identity,
            "µs",
            hashing,
            "limit: BLAKE2b of the prompt, once for the four",
        ),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=["pairs", "memory"])
    parser.add_argument("--prompts", type=int, default=10_000)
    parser.add_argument(
        "--large", type=int, default=200_000, help="prompts of which memory is told"
    )
    parser.add_argument("--rounds", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.only == "pairs":
        print(json.dumps(pairs(arguments.prompts)))
    elif arguments.only == "memory":
        print(json.dumps(memory(arguments.prompts)))
    else:
        entries = compare(arguments.rounds, arguments.prompts, arguments.large)
        print(write("runtime", ABOUT, entries))


if __name__ == "__main__":
    main()
