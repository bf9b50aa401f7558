"""A curated dataset's second refresh: what it costs beside the first, and in memory.

    python -m benchmarks.curated

The pairs of a recipe, each with a prompt of 40 words, at one refresh; then those of a small second
refresh. Both updates are measured in a process of their own, and the second also from scratch, with
what is stored of decisions removed: its rows must be the same. The dataset has the filters that it
has by default, or none.

Writes ``benchmarks/results/curated.json``.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from assets.storage.tables import Tables
from benchmarks import report, tables
from benchmarks.results import entry, measured, peak, write
from schemas import Dropped, Pairs, Split, columns, empty

COMMAND = "python -m benchmarks.curated"
ABOUT = "A curated dataset, by refresh."
NAME = "gathered"
EVALUATED = 500
"""The held-out prompts, which the dataset must not hold."""
FIRST, SECOND = "2026-11-01", "2026-11-02"


def project(folder: Path, *, filtered: bool) -> None:
    """A project with a recipe and a dataset of its pairs."""
    report.project(folder)
    place = folder / "recipes" / NAME / "defs.yaml"
    place.parent.mkdir(parents=True)
    dataset = {"name": NAME, "of": [report.NAME], "held_out": 0.1}
    if not filtered:
        dataset |= {"deduplicate": None, "decontaminate": None}
    place.write_text(yaml.safe_dump({"type": "assets.Dataset", "attributes": dataset}))


def fill(folder: Path, count: int, refresh: str) -> None:
    """``count`` prompts and pairs of a refresh."""
    first = int(refresh == SECOND)
    number = pl.int_range(count, eager=True).cast(pl.String)
    asked = tables.texts(count, words=40, seed=first)
    message = pl.struct(role=pl.lit("user"), content=pl.lit(asked))
    prompts = tables.prompts(count).with_columns(
        prompt_id=pl.lit(refresh) + pl.col("prompt_id"), messages=pl.concat_list(message)
    )
    sides = {
        side: pl.concat_list(
            pl.struct(role=pl.lit("assistant"), content=pl.lit(f"{side} ") + pl.lit(number))
        )
        for side in ("chosen", "rejected")
    }
    ids = {f"{name}_id": pl.lit(name) + pl.col("prompt_id") for name in ("pair", *sides)}
    pairs = prompts.select(
        "prompt_id",
        **ids,
        prompt="messages",
        **sides,
        margin=pl.lit(1.0),
        weight=pl.lit(1.0),
        shared_prefix=None,
        token_weights=None,
        ends=None,
        annotator=None,
    ).select(columns(Pairs).names())
    stored = Tables(folder / "data")
    for name, frame in (("prompts", prompts), ("pairs", pairs.cast(columns(Pairs)))):
        stored.write((report.NAME, name), refresh, Split(frame, empty(Dropped)))
    held_out = tables.prompts(EVALUATED)
    stored.write(("prompts", "held_out"), None, Split(held_out, empty(Dropped)))


def update() -> dict[str, Any]:
    """Processor seconds and gigabytes at the peak of an update, and the digest of its version."""
    from assets.datasets.update import updated
    from assets.project.project import load_project
    from assets.storage.dataset_versions import Versions

    project = load_project([NAME])
    began = time.process_time()
    versions = Versions(project.settings.root_path, NAME)
    done = updated(project.datasets[NAME], project.tables, versions)
    seconds = time.process_time() - began
    return {
        "seconds": seconds,
        "gigabytes": peak(),
        "digest": done.version.digest,
        "rows": done.came,
        "known": done.known,
    }


def compare(count: int, more: int, *, filtered: bool) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root)
        project(folder, filtered=filtered)
        here = {"FACTORY_CONFIG": str(folder / "factory.yaml"), "DAGSTER_HOME": root}
        again = [sys.executable, "-m", "benchmarks.curated", "--only", "update"]
        fill(folder, count, FIRST)
        first = measured(again, here)
        fill(folder, more, SECOND)
        second = measured(again, here)
        shutil.rmtree(folder / "data" / "datasets" / NAME / "decisions")
        scratch = measured(again, here)
    assert scratch["digest"] == second["digest"], (scratch, second)
    assert (second["known"], scratch["known"]) == (count, 0), (scratch, second)
    which = "with the default filters" if filtered else "without filters"
    what = f"a refresh of {more:,} prompts after one of {count:,}, {which}"
    figures = [
        (f"the first refresh of {count:,} prompts, {which}", first["seconds"], "s", None),
        (what, second["seconds"], "s", scratch["seconds"]),
        (f"{what}: memory at the peak", second["gigabytes"], "GB", scratch["gigabytes"]),
    ]
    return [
        entry(said, ours, unit, theirs, peer=theirs and "from scratch", command=COMMAND)
        for said, ours, unit, theirs in figures
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=400_000)
    parser.add_argument("--more", type=int, default=4_000)
    parser.add_argument("--only", choices=["update"])
    given = parser.parse_args()
    if given.only:
        print(json.dumps(update()))
    else:
        found = [
            line
            for filtered in (False, True)
            for line in compare(given.rows, given.more, filtered=filtered)
        ]
        print(write("curated", ABOUT, found))


if __name__ == "__main__":
    main()
