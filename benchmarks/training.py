"""DPO steps a second, against TRL's own trainer on the same pairs and model.

    python -m benchmarks.training

Pairs of a pocket model's answers to pocket problems, one epoch, float32, batches of 8 pairs. Ours
carries a weight a pair and a weight a token, and keeps what the reference gives. TRL runs as it
comes (its reference asked in every step) and with its reference computed beforehand. Each training
is a process of its own on one thread, turn about; the loop alone is compared, and all from loading
to the saved model. The same training with another beta finds the reference's figures kept.
Writes ``benchmarks/results/training.json``.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.results import entry, measured, write
from benchmarks.trl_pairs import Clock
from engines.bindings import Binding
from engines.context import Context
from trainers import DPO

COMMAND = "python -m benchmarks.training"
ABOUT = "DPO on pairs of a pocket model's answers, one epoch, float32, on the processor."
MODEL = "pocket/checkpoints/base"
BATCH = 8
ONE_THREAD = {"OMP_NUM_THREADS": "1"}
"""Several wait for each other, and for what else the machine does."""
PARTS = {
    "loop": ("the loop alone", "steps/s"),
    "processor": ("the loop alone", "steps per processor second"),
    "all": ("with loading and saving", "steps/s"),
}


def context(folder: Path, stage: str) -> Context:
    """A run in ``folder``."""
    return Context(
        recipe="benchmark",
        stage=stage,
        refresh="2026-01-01",
        roles={"policy": Binding(model=MODEL, dtype="float32", device="cpu")},
        journal=folder / "journal.sqlite",
        models=folder / "models",
        progress=False,
    )


def pairs(count: int, folder: Path) -> Path:
    """A file of pairs: two answers of the policy to each problem, either the chosen one."""
    from filters import RandomPairs
    from generators import Sample
    from pocket import Problems
    from schemas import Prompts, prompt_id, rows

    found: dict[str, dict[str, Any]] = {}
    for record in islice(Problems().prompts(), 2 * count):
        found.setdefault(prompt_id(record["messages"]), record)
    asked = [{**record, "prompt_id": name} for name, record in islice(found.items(), count)]
    tables = {"prompts": rows(Prompts, asked)}
    sample = Sample(n=2, max_tokens=200)
    tables["responses"] = sample.run(tables, context(folder, "responses")).kept
    path = folder / "pairs.parquet"
    RandomPairs(of="responses").run(tables).kept.write_parquet(path)
    return path


class Timed(DPO):
    """`trainers.DPO` with a clock on its loop, which says the seconds in the end."""

    def learner(
        self, encoded: Sequence[dict[str, Any]], *, arguments: Mapping[str, Any], **parts: Any
    ) -> Any:
        parts["callbacks"] = [*parts["callbacks"], CLOCK]
        return super().learner(encoded, arguments=arguments, **parts)


CLOCK = Clock()


def ours(file: Path, folder: Path, *, beta: float, grouped: bool) -> dict[str, float]:
    """Seconds of the loop and of all, and the steps."""
    # The peer's clock begins after its imports too.
    import trainers.dpo.loop
    import trainers.training.train  # noqa: F401

    began = time.perf_counter()
    trainer = Timed(
        of="pairs", learning_rate=5e-5, batch_size=BATCH, beta=beta, group_by_length=grouped
    )
    trained = trainer.run({"pairs": pl.read_parquet(file)}, context(folder, "policy")).kept
    seconds = time.perf_counter() - began
    steps = trained["steps"][0]
    return {
        "loop": CLOCK.seconds,
        "processor": CLOCK.processor,
        "all": seconds,
        "steps": steps,
    }


def compare(count: int, rounds: int) -> list[dict[str, Any]]:
    """All, turn about; the medians."""
    runs: dict[str, list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as name:
        file = pairs(count, Path(name))
        rows = pl.read_parquet(file).height
        for number in range(rounds):
            here = Path(name) / f"round {number}"
            me = [sys.executable, "-m", "benchmarks.training", "--pairs", file]
            trl = [sys.executable, "-P", "benchmarks/trl_pairs.py", MODEL, file, str(BATCH)]
            # The second of ours finds the reference's figures of the first.
            for way, command in {
                "ours": [*me, "--only", here / "one"],
                "TRL 1.16 as it comes": [*trl, here / "trl"],
                "again": [*me, "--only", here / "one", "--beta", "0.2"],
                "TRL 1.16, reference beforehand": [*trl, here / "trl", "--precompute"],
                "grouped": [*me, "--only", here / "two", "--grouped"],
            }.items():
                runs.setdefault(way, []).append(measured(command, ONE_THREAD))

    def rate(way: str, part: str) -> float:
        return statistics.median(run["steps"] / run[part] for run in runs[way])

    entries = []
    work = f"DPO on {rows} pairs"
    for way, said in (("ours", ""), ("grouped", ", batches by length")):
        for peer in ("TRL 1.16 as it comes", "TRL 1.16, reference beforehand"):
            for part, (of, unit) in PARTS.items():
                what = f"{work}{said}, {of}"
                mine, other = rate(way, part), rate(peer, part)
                entries.append(entry(what, mine, unit, other, peer=peer, command=COMMAND))
    first, again = (statistics.median(run["all"] for run in runs[w]) for w in ("ours", "again"))
    what = f"{work} with another beta, the reference's figures kept"
    entries.append(entry(what, again, "s", first, peer="the first training", command=COMMAND))
    return entries


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", type=Path, metavar="FOLDER")
    parser.add_argument("--pairs", type=Path)
    parser.add_argument("--beta", type=float, default=0.1)
    parser.add_argument("--grouped", action="store_true")
    parser.add_argument("--count", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    if given.only:
        found = ours(given.pairs, given.only, beta=given.beta, grouped=given.grouped)
        print(json.dumps(found))
    else:
        print(write("training", ABOUT, compare(given.count, given.rounds)))


if __name__ == "__main__":
    main()
