"""Several processes use one journal at the same time."""

import os
import subprocess
import sys
from pathlib import Path

import polars as pl

from engines.journal.statistics import statistics
from engines.journal.store import Journal
from tests.checkout import PROJECT
from tests.engines.journal.asking_process import PROMPTS, SAMPLES, asked

FILL = """
import asyncio, os, sys
from pathlib import Path
from engines.journal.store import Journal

async def fill():
    journal = Journal(Path(sys.argv[1]))
    model = journal.model("engine", "revision", "name")
    for number in range(int(sys.argv[2])):
        key = os.urandom(16)
        await journal.keep(model, "generate", [(key, os.urandom(2000))])
        print(key.hex(), flush=True)
    journal.close()

asyncio.run(fill())
"""


def started(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_stages_that_run_at_once_have_the_tables_of_one_after_the_other(tmp_path: Path) -> None:
    other = started("-m", "tests.engines.journal.asking_process", str(tmp_path))
    assert other.stdout is not None
    assert other.stdout.readline() == "ready\n"
    assert other.stdin is not None
    other.stdin.write("\n")
    other.stdin.flush()
    mine = asked(tmp_path)
    other.communicate()
    assert other.returncode == 0
    assert mine.height == PROMPTS * SAMPLES
    assert mine.equals(pl.read_parquet(tmp_path / "table.parquet"))
    assert mine.equals(asked(tmp_path))
    assert statistics(tmp_path / "journal.sqlite").answers == PROMPTS * SAMPLES


def test_a_killed_process_loses_nothing_and_stops_nobody(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    killed, other = (started("-c", FILL, str(path), "1000") for _ in range(2))
    assert killed.stdout is not None
    kept = [killed.stdout.readline() for _ in range(100)]
    killed.kill()
    kept += killed.communicate()[0].splitlines()
    kept += other.communicate()[0].splitlines()
    assert other.returncode == 0
    # The line at which it was killed may be cut off.
    keys = [bytes.fromhex(line) for line in kept if len(line.strip()) == 32]
    assert len(keys) > 1000
    journal = Journal(path)
    assert set(journal.find(keys, 1, "generate")) == set(keys)
    journal.close()
