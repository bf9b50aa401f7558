"""How long commands take with many recipes: until they answer, and until the first row is done.

    python -m benchmarks.loading

A temporary project has copies of the shipped recipes under other names, 130 recipes in all. Each
figure is the median of several runs, with warm files. Processor seconds tell more than seconds on a
machine that other work shares. Writes ``benchmarks/results/loading.json``.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import yaml

from benchmarks.results import ROOT, entry, write

COMMAND = "python -m benchmarks.loading"
ABOUT = "Commands in a project of 130 recipes: the shipped ones, and copies of them."
RUN = ("run", "online_dpo", "--rows", "8")
SHOWN = 2.0
"""Seconds in which a command is to answer."""
FIRST_ROW = 6.0
"""Seconds in which a run is to be at its first row."""
FIRST_LINE = 1.0
"""Seconds in which a run is to say something."""


def project(folder: Path, recipes: int) -> dict[str, str]:
    """Write the project. Returns the variables of the environment that point at it."""
    shipped = []
    for file in sorted((ROOT / "recipes").glob("*/*/defs.yaml")):
        declared = yaml.safe_load(file.read_text())
        if declared["type"] == "assets.Recipe":
            shipped.append((file, declared))
    for number in range(recipes - len(shipped)):
        file, declared = shipped[number % len(shipped)]
        name = (
            f"{declared['attributes'].get('name', file.parent.name)}_{number // len(shipped) + 2}"
        )
        copied = folder / "recipes" / file.parent.parent.name / name
        shutil.copytree(file.parent, copied)
        attributes = {**declared["attributes"], "name": name}
        (copied / "defs.yaml").write_text(yaml.safe_dump({**declared, "attributes": attributes}))
    # Modules of an installed package have their bytecode, so it is written here too.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return {
        **environment,
        "PYTHONPYCACHEPREFIX": str(folder / "bytecode"),
        "FACTORY_ROOT": str(folder / "data"),
        "FACTORY_RECIPES": json.dumps([str(folder / "recipes")]),
        "DAGSTER_HOME": str(folder / "dagster"),
    }


def timed(environment: Mapping[str, str], *arguments: str, until: str = "") -> dict[str, float]:
    """Seconds until a command says something on any stream, says ``until``, and ends; and the
    processor seconds of all of it."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    found: dict[str, float] = {}
    with subprocess.Popen(
        [sys.executable, "-m", "assets.cli", *arguments],
        cwd=ROOT,
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            found.setdefault("first line", time.perf_counter() - began)
            if until and until in line and "until" not in found:
                found["until"] = time.perf_counter() - began
                used = psutil.Process(process.pid).cpu_times()
                found["until, processor"] = used.user + used.system
    if process.returncode:
        raise RuntimeError(f"factory {' '.join(arguments)} ended with {process.returncode}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    found["end"] = time.perf_counter() - began
    found["processor"] = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return found


def compare(recipes: int, rounds: int) -> list[dict[str, Any]]:
    """The lines of all commands."""
    with tempfile.TemporaryDirectory() as name:
        environment = project(Path(name), recipes)
        timed(environment, *RUN)
        shown, listed, ran = (
            [timed(environment, *arguments, until="of 8 rows") for _ in range(rounds)]
            for arguments in (("show", "online_dpo"), ("recipes",), RUN)
        )

    def line(what: str, of: list[dict[str, float]], which: str, limit: float | None) -> Any:
        seconds = statistics.median(each[which] for each in of)
        peer = None if limit is None else "limit"
        return entry(f"{recipes} recipes: {what}", seconds, "s", limit, peer=peer, command=COMMAND)

    return [
        line("factory show online_dpo", shown, "end", SHOWN),
        line("factory show online_dpo, processor seconds", shown, "processor", SHOWN),
        line("factory recipes", listed, "end", None),
        line("factory run online_dpo, to its first line", ran, "first line", FIRST_LINE),
        line("factory run online_dpo, to its first rows", ran, "until", FIRST_ROW),
        line(
            "factory run online_dpo, to its first rows, processor seconds",
            ran,
            "until, processor",
            FIRST_ROW,
        ),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipes", type=int, default=130)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    print(write("loading", ABOUT, compare(given.recipes, given.rounds)))


if __name__ == "__main__":
    main()
