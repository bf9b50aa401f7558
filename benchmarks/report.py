"""The report of a million pairs: processor seconds, memory, and the seconds that Chromium needs.

    python -m benchmarks.report

The tables are as a run would have written them: prompts, two responses to each with two scores, and
a pair of them, of 2,000 characters. The report is written by ``factory report`` in a process of its
own. Chromium is asked where playwright is installed: the time from opening the file until the first
rows can be read. Writes ``benchmarks/results/report.json``.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import yaml

from assets.storage.tables import Tables
from benchmarks import tables
from benchmarks.results import entry, measured, peak, write
from filters import BestWorst
from schemas import Dropped, Split, empty

COMMAND = "python -m benchmarks.report"
ABOUT = "The report of many pairs."
NAME, REFRESH = "many", "2026-11-01"
STAGES = {
    "responses": {"use": "generators.Sample", "n": 2},
    "scores": {"use": "annotators.Likelihood", "of": "responses"},
    "right": {"use": "annotators.Verifier", "of": "responses"},
    "pairs": {"use": "filters.BestWorst", "of": "responses", "by": "scores"},
}
SECONDS, GIGABYTES, OPENED = 60.0, 1.0, 3.0
"""The limits: processor seconds, memory at the peak, and seconds in Chromium."""
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
PARAGRAPHS, WORDS = 20_000, 70


def project(folder: Path) -> None:
    """A project with one recipe."""
    place = folder / "recipes" / NAME / "defs.yaml"
    place.parent.mkdir(parents=True)
    recipe = {"name": NAME, "paper": {"title": "Many pairs"}, "claim": "many pairs are reported"}
    component = {"type": "assets.Recipe", "attributes": {**recipe, "stages": STAGES}}
    place.write_text(yaml.safe_dump(component), encoding="utf-8")
    settings = {"root": "data", "recipes": ["recipes"], "sources": {"pocket": 1.0}, "roles": {}}
    (folder / "factory.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")


def fill(folder: Path, count: int) -> None:
    """``count`` pairs, and the tables that they are from."""
    stored = Tables(folder / "data")
    paragraphs = tables.texts(PARAGRAPHS, words=WORDS)
    draw = np.random.default_rng(0).integers(PARAGRAPHS, size=(2, 2 * count))
    number = pl.int_range(2 * count, eager=True).cast(pl.String)
    one, two = (paragraphs.gather(row) for row in draw)
    made = {
        "prompts": tables.prompts(count).with_columns(
            source=pl.lit("pocket"), reference=pl.lit("1")
        ),
        "responses": tables.responses(number + " " + one + "\n" + two, per_prompt=2),
        "scores": tables.scores(2 * count, "likelihood", seed=1),
    }
    made["right"] = tables.scores(2 * count, "verifier", seed=2, grades=2)
    made["pairs"] = BestWorst(of="responses", by="scores").run(made).kept
    for name, frame in made.items():
        stored.write((NAME, name), REFRESH, Split(frame, empty(Dropped)))


def report(out: Path) -> dict[str, float]:
    """Processor seconds and gigabytes at the peak of writing the report."""
    from assets.project.project import load_project
    from assets.report.page import write_report

    write_report(load_project([NAME]), NAME, out=out)
    return {"seconds": time.process_time(), "gigabytes": peak()}


def opened(page: Path) -> float | None:
    """Seconds until Chromium shows rows; None without playwright or Chromium."""
    chromium = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if chromium is None or find_spec("playwright") is None:
        return None
    from playwright.sync_api import sync_playwright

    with (
        sync_playwright() as play,
        play.chromium.launch(executable_path=chromium, args=["--no-sandbox"]) as browser,
    ):
        tab = browser.new_page()
        began = time.perf_counter()
        tab.goto(page.as_uri())
        tab.wait_for_selector("#list li")
        return time.perf_counter() - began


def compare(count: int) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root)
        project(folder)
        again = [sys.executable, "-m", "benchmarks.report", "--rows", str(count), "--folder", root]
        measured([*again, "--only", "fill"])
        here = {"FACTORY_CONFIG": str(folder / "factory.yaml"), "DAGSTER_HOME": root}
        found = measured([*again, "--only", "report"], here)
        seconds = opened(folder / "report.html")
        megabytes = (folder / "report.html").stat().st_size / 1e6
    what = f"the report of {count:,} pairs"
    limits = [
        (f"{what}: processor time", found["seconds"], "s", SECONDS),
        (f"{what}: memory at the peak", found["gigabytes"], "GB", GIGABYTES),
        (f"{what}, {megabytes:.0f} MB: until Chromium shows rows", seconds, "s", OPENED),
    ]
    return [
        entry(said, ours, unit, limit, peer=f"limit: {limit:g} {unit}", command=COMMAND)
        for said, ours, unit, limit in limits
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--only", choices=["fill", "report"])
    parser.add_argument("--folder", type=Path, default=Path())
    given = parser.parse_args()
    if given.only == "fill":
        fill(given.folder, given.rows)
        print(json.dumps({}))
    elif given.only == "report":
        print(json.dumps(report(given.folder / "report.html")))
    else:
        print(write("report", ABOUT, compare(given.rows)))


if __name__ == "__main__":
    main()
