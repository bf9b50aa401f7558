"""SIGKILL at random moments of ``factory run`` and ``factory export``: what it costs.

    python -m benchmarks.kills --kills 100 --folder DIR

Each round begins with an empty root. `RECIPE`, which writes, chooses and scores on pocket models,
is run until it has been killed `OF_A_ROUND` times, then to its end, and its tables are compared, to
the bit, with those of a run that nothing interrupted. An export over an earlier one is killed as
often, and must be the earlier one or the later one after each. Moments are drawn from the whole
time that a command takes. Each round is a line of ``DIR/log.jsonl``; the same command goes on
after the last one. Writes ``benchmarks/results/kills.json``.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.results import ROOT, entry, write
from benchmarks.resume import environment, journaled

ABOUT = "p_true and its export on pocket models, killed with SIGKILL at any moment."
RECIPE, DAYS = "p_true", ("2026-01-01", "2026-01-02")
STAGES = ("responses", "p_true", "likelihood", "pairs")
OF_A_ROUND = 4
"""Kills of the run, and as many of the export."""


def factory(root: Path, *arguments: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "assets.cli", *arguments],
        env=environment(root),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def finished(root: Path, *arguments: str) -> tuple[bytes, float]:
    """What the command prints, and how many seconds it takes. Raises RuntimeError if it fails."""
    began = time.perf_counter()
    with factory(root, *arguments) as process:
        said, told = process.communicate()
    if process.returncode:
        raise RuntimeError(f"{arguments}: {told.decode()[-2000:]}")
    return said, time.perf_counter() - began


def killed(root: Path, after: float, *arguments: str) -> bool:
    """Whether the command still ran after so many seconds, and was killed with all its children."""
    with factory(root, *arguments) as process:
        try:
            process.communicate(timeout=after)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            return True
    return False


def run(day: str, rows: int) -> list[str]:
    return ["run", RECIPE, "--rows", str(rows), "--refresh", day, "--json"]


def calls(said: bytes) -> int:
    stages: dict[str, dict[str, Any]] = json.loads(said)["stages"]
    return sum(stage["model_calls"] for stage in stages.values())


def table(root: Path, stage: str) -> pl.DataFrame:
    return pl.read_parquet(root / "data" / "tables" / RECIPE / stage / f"{DAYS[0]}.parquet")


def digest(root: Path) -> Any:
    """Of the rows of the newest version of the recipe's dataset, and its number."""
    newest = max((root / "data" / "datasets" / RECIPE / "versions").iterdir())
    return newest.name, json.loads(newest.read_text())["digest"]


def shards(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*.parquet")}


def baseline(folder: Path, rows: int) -> dict[str, Any]:
    """Runs that nothing interrupts: what they need, and how long they take; measured once."""
    place = folder / "whole.json"
    if not place.exists():
        root = folder / "whole"
        shutil.rmtree(root, ignore_errors=True)
        said, seconds = finished(root, *run(DAYS[0], rows))
        finished(root, "export", RECIPE, str(root / "earlier"))
        _, exporting = finished(root, "export", RECIPE, str(root / "earlier"))
        expected = {"calls": calls(said), "seconds": seconds, "exporting": exporting}
        place.write_text(json.dumps(expected))
    found: dict[str, Any] = json.loads(place.read_text())
    return found


def one_round(folder: Path, number: int, rows: int, seed: int) -> dict[str, Any]:
    """Kill, run to the end, compare."""
    expected, moments = baseline(folder, rows), random.Random(f"{seed}-{number}")
    root, before = folder / "killed", folder / "whole"
    shutil.rmtree(root, ignore_errors=True)
    found: dict[str, Any] = dict.fromkeys(("runs", "exports", "gone"), 0)
    for _ in range(OF_A_ROUND):
        kept = journaled(root)
        found["runs"] += killed(root, moments.uniform(0, expected["seconds"]), *run(DAYS[0], rows))
        found["gone"] += journaled(root) < kept
    kept = journaled(root)
    said, _ = finished(root, *run(DAYS[0], rows))
    found["repaid"] = kept + calls(said) - expected["calls"]
    pairs = [(table(before, stage), table(root, stage)) for stage in STAGES]
    found["lost"] = sum(
        one.join(other, on=one.columns[0], how="anti").height for one, other in pairs
    )
    found["different"] = sum(not one.equals(other) for one, other in pairs)
    found["versions"] = int(digest(before) != digest(root))

    out = root / "out"
    finished(root, "export", RECIPE, str(out))
    old = shards(out)
    finished(root, *run(DAYS[1], rows))
    finished(root, "export", RECIPE, str(root / "later"))
    new = shards(root / "later")
    found["broken"] = 0
    for _ in range(OF_A_ROUND):
        after = moments.uniform(0, 1.2 * expected["exporting"])
        found["exports"] += killed(root, after, "export", RECIPE, str(out))
        found["broken"] += shards(out) not in (old, new)
    finished(root, "export", RECIPE, str(out))
    found["broken"] += shards(out) != new
    found["left"] = sum(path.name.startswith(".out.") for path in root.iterdir())
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="of runs and exports together")
    parser.add_argument("--rows", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, required=True, help="where it works, and its log")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    log = given.folder / "log.jsonl"
    done = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    while sum(one["runs"] + one["exports"] for one in done) < given.kills:
        done.append(one_round(given.folder, len(done), given.rows, given.seed))
        with log.open("a") as file:
            file.write(json.dumps(done[-1]) + "\n")
        print(done[-1], flush=True)
    total = {name: sum(one[name] for one in done) for name in done[0]}
    what = f"{total['runs']} kills of a run, {total['exports']} of an export"
    command = f"python -m benchmarks.kills --kills {given.kills} --folder DIR"

    def line(said: str, name: str, unit: str = "rows") -> dict[str, Any]:
        return entry(f"{what}: {said}", total[name], unit, 0, peer="limit: none", command=command)

    lines = [
        line("rows lost", "lost"),
        line("journals that held less than before", "gone", "journals"),
        line("answers of the journal that were asked for again", "repaid", "answers again"),
        line(f"tables of {4 * len(done)} that are not equal to the bit", "different", "tables"),
        line("datasets with another version than without kills", "versions", "datasets"),
        line("exports that are neither the earlier nor the later one", "broken", "exports"),
        line("leftovers after the next export", "left", "folders"),
    ]
    print(write("kills", ABOUT, lines))


if __name__ == "__main__":
    main()
