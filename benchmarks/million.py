"""Filters over a million rows: seconds, and the memory that they take beyond their tables.

    python -m benchmarks.million

Each filter runs in a process of its own on tables of random rows (`benchmarks.tables`): responses
of 40 words, eight to a prompt, with scores of two annotators; prompts of 60 words against 5,000
evaluation prompts, one in a hundred of them contaminated. Seconds are of the whole stage, its
table's rules included; the best of some rounds, since what else the machine does only adds to
them. Writes ``benchmarks/results/million.json``.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from benchmarks import tables
from benchmarks.results import entry, measured, peak, write
from filters import BestWorst, Decontaminate, PreferenceStrength, RankAgreement
from schemas import Split

COMMAND = "python -m benchmarks.million"
ABOUT = "Filters over many rows."
LIMITS = {"pairing": 2.0, "weighed pairing": 2.0, "strength": 2.0}
MEMORY = 6.0
"""Gigabytes: what a laptop has for one program."""
EVALUATION = 5_000
Ready = tuple[Callable[[], Split], int]
"""A stage that is ready to run, and the rows that it must drop."""


def scored(count: int, *, graded: bool) -> dict[str, pl.DataFrame]:
    """Prompts, responses and two annotators' scores."""
    return {
        "prompts": tables.prompts(count // tables.PER_PROMPT),
        "responses": tables.responses(tables.texts(count, words=40)),
        "now": tables.scores(count, "now", seed=1, grades=10 if graded else None),
        "before": tables.scores(count, "before", seed=2),
    }


def pairing(count: int) -> Ready:
    of = scored(count, graded=False)
    return lambda: BestWorst(of="responses", by="now").run(of), 0


def weighed(count: int) -> Ready:
    of = scored(count, graded=False)
    weight = RankAgreement(of=("now", "before"))
    return lambda: BestWorst(of="responses", by="now", weight=weight).run(of), 0


def strength(count: int) -> Ready:
    of = scored(count, graded=False)
    of["pairs"] = BestWorst(of="responses", by="now").run(of).kept
    return lambda: PreferenceStrength(of="pairs", by=("now", "before")).run(of), 0


def decontaminated(count: int) -> Ready:
    rng = np.random.default_rng(0)
    held = rng.integers(tables.VOCABULARY, size=(EVALUATION, 60))
    words = rng.integers(tables.VOCABULARY, size=(count, 60))
    spoilt = rng.choice(count, size=count // 100, replace=False)
    words[spoilt, 20:40] = held[rng.integers(EVALUATION, size=len(spoilt)), 20:40]
    of = {"prompts": asked(words, "p"), "evaluation": asked(held, "e")}
    return lambda: Decontaminate(against=("evaluation",)).run(of), len(spoilt)


def asked(words: np.ndarray, kind: str) -> pl.DataFrame:
    """A prompt for each row of words."""
    said = pl.struct(role=pl.lit("user"), content=pl.lit(tables.spelled(words)))
    return tables.prompts(len(words)).with_columns(
        prompt_id=pl.lit(kind) + pl.col("prompt_id"), messages=pl.concat_list(said)
    )


WORK = {
    "pairing": (pairing, "{:,} responses, a pair a prompt"),
    "weighed pairing": (weighed, "{:,} responses, a pair a prompt, weighed by rank agreement"),
    "strength": (strength, "preference strength of the pairs of {:,} responses, two annotators"),
    "decontamination": (decontaminated, "decontamination of {:,} prompts, 13 words in a row"),
}


def one(name: str, count: int, rounds: int) -> dict[str, float]:
    """Seconds, and gigabytes at the peak beyond what the tables took."""
    run, dropped = WORK[name][0](count)
    before, seconds = peak(), []
    for _ in range(rounds):
        started = time.perf_counter()
        split = run()
        seconds.append(time.perf_counter() - started)
        assert split.dropped.height == dropped, split.dropped
    return {"seconds": min(seconds), "gigabytes": peak() - before, "all": peak()}


def compare(count: int, rounds: int) -> list[dict[str, Any]]:
    entries = []
    for name, (_, said) in WORK.items():
        sizes = ["--rows", str(count), "--rounds", str(rounds)]
        found = measured([sys.executable, "-m", "benchmarks.million", "--only", name, *sizes])
        what = said.format(count)
        seconds, limit = found["seconds"], LIMITS.get(name)
        if limit is None:
            what += f", in {seconds:.0f} s"
        else:
            peer = f"limit: {limit:g} s"
            entries.append(entry(what, seconds, "s", limit, peer=peer, command=COMMAND))
        what += f"; memory at the peak, {found['gigabytes']:.1f} GB of it beyond the tables"
        peer = f"limit: {MEMORY:g} GB"
        entries.append(entry(what, found["all"], "GB", MEMORY, peer=peer, command=COMMAND))
    return entries


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=list(WORK))
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    if given.only:
        print(json.dumps(one(given.only, given.rows, given.rounds)))
    else:
        print(write("million", ABOUT, compare(given.rows, given.rounds)))


if __name__ == "__main__":
    main()
