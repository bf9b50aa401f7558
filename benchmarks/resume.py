"""What ``kill -9`` costs a recipe that is run again: rows lost, and answers asked for twice.

    python -m benchmarks.resume

``factory run online_dpo`` is killed with SIGKILL at random moments while its responses are written,
and the same command is given again until it ends. A run that nothing interrupts says how many
answers there are to pay for, and in which tables they end. An answer that is half
written when the process dies is lost and cannot be counted: of those the most there can be is
told. Writes ``benchmarks/results/resume.json``.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.results import ROOT, entry, write
from engines.journal.statistics import statistics

COMMAND = "python -m benchmarks.resume"
ABOUT = "online_dpo on pocket models, killed with SIGKILL while its responses are written."
REFRESH = "2026-01-01"
PER_PROMPT = 8
IN_FLIGHT = 256
"""Texts that the embedded engine writes at once."""
HELD_OUT = {
    "name": "few",
    "read": {"use": "pocket.Problems", "split": "held_out"},
    "check": "pocket.check",
    "rows": 12,
    "fixed": True,
}
STAGES = ("responses", "scores", "pairs")


def command(rows: int) -> list[str]:
    run = [sys.executable, "-m", "assets.cli", "run", "online_dpo", "--json"]
    return [*run, "--rows", str(rows), "--refresh", REFRESH]


def environment(root: Path) -> dict[str, str]:
    """Everything under ``root``, and few held-out prompts: what comes after is not looked at."""
    source = root / "recipes" / "few" / "defs.yaml"
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_text(json.dumps({"type": "assets.Source", "attributes": HELD_OUT}))
    return {
        **os.environ,
        "FACTORY_ROOT": str(root / "data"),
        "FACTORY_RECIPES": json.dumps([str(root / "recipes")]),
        "FACTORY_HELD_OUT": "few",
        "DAGSTER_HOME": str(root / "dagster"),
    }


def run(root: Path, rows: int) -> dict[str, dict[str, Any]]:
    """The stages of a run that nothing interrupts."""
    said = subprocess.run(
        command(rows), env=environment(root), cwd=ROOT, capture_output=True, text=True
    )
    if said.returncode:
        raise RuntimeError(said.stderr[-2000:])
    stages: dict[str, dict[str, Any]] = json.loads(said.stdout)["stages"]
    return stages


def kill_at(answers: int, root: Path, rows: int) -> None:
    """Run, and kill it and all that it started once so many answers are in the journal."""
    with subprocess.Popen(
        command(rows),
        env=environment(root),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        while journaled(root) < answers:
            if process.poll() is not None:
                raise RuntimeError(f"it ended before it had {answers} answers")
            time.sleep(0.01)
        os.killpg(process.pid, 9)


def journaled(root: Path) -> int:
    """Answers in the journal."""
    journal = root / "data" / "journal.sqlite"
    return statistics(journal).answers if journal.exists() else 0


def table(root: Path, stage: str) -> pl.DataFrame:
    return pl.read_parquet(root / "data" / "tables" / "online_dpo" / stage / f"{REFRESH}.parquet")


def compare(rows: int, kills: int) -> list[dict[str, Any]]:
    """Rows that are not those of the run without a kill, and what was asked for twice."""
    answers = rows * PER_PROMPT
    moments = sorted(random.Random(0).sample(range(1, answers - 1), kills))
    with tempfile.TemporaryDirectory() as name:
        whole, killed = Path(name) / "whole", Path(name) / "killed"
        expected = run(whole, rows)["responses"]["model_calls"]
        kept = []
        for moment in moments:
            # What was journaled after the moment at which it was looked is kept too.
            kill_at(max(moment, journaled(killed) + 1), killed, rows)
            kept.append(journaled(killed))
        last = run(killed, rows)["responses"]["model_calls"]
        lost = sum(
            table(whole, stage).join(table(killed, stage), on=key, how="anti").height
            for stage, key in zip(STAGES, ("response_id", "response_id", "pair_id"), strict=True)
        )
        tokens = table(whole, "responses")["tokens"].mean()
    again = kept[-1] + last - expected
    assert isinstance(tokens, float)
    what = f"{answers:,} responses, killed {kills} times (with {', '.join(map(str, kept))} kept)"

    def line(said: str, ours: float, unit: str, theirs: float, limit: str) -> dict[str, Any]:
        peer = f"limit: {limit}"
        return entry(f"{what}: {said}", ours, unit, theirs, peer=peer, command=COMMAND)

    none = "nothing"
    half = kills * min(IN_FLIGHT, answers) * tokens
    return [
        line("rows of responses, scores and pairs lost", lost, "rows", 0, none),
        line("answers that were kept, asked for again", again, "answers again", 0, none),
        line("tokens of those, repaid", again * tokens, "tokens", 0, none),
        line(
            f"tokens of answers half written, at most {IN_FLIGHT} a kill and all of each",
            half,
            "tokens",
            kills * expected * tokens,
            "every killed run begun from nothing",
        ),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=512)
    parser.add_argument("--kills", type=int, default=5)
    given = parser.parse_args()
    print(write("resume", ABOUT, compare(given.rows, given.kills)))


if __name__ == "__main__":
    main()
