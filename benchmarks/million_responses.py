"""A million responses from prompts to an export: memory at the peak of each step.

    python -m benchmarks.million_responses

Eight responses of 1,000 characters to each prompt are sampled from a model that answers at once
(`benchmarks.instant`), with the journal and all checks of a stage. Scores are random. The best and
the worst become pairs, the pairs a curated dataset, and recipe and dataset are exported. Each step
is a process of its own. Writes ``benchmarks/results/million_responses.json``.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from assets.project.project import Project, load_project
from assets.storage.tables import Tables
from benchmarks import tables
from benchmarks.instant import InstantEngine
from benchmarks.results import entry, measured, peak, write
from engines.bindings import Binding
from engines.context import Context
from engines.protocol import Generation, Rendered, Sampling
from schemas import Dropped, Split, empty

COMMAND = "python -m benchmarks.million_responses"
ABOUT = "A million responses, step by step."
NAME, REFRESH = "many", "2026-11-01"
STAGES = {
    "responses": {"use": "generators.Sample", "n": tables.PER_PROMPT},
    "scores": {"use": "annotators.Likelihood", "of": "responses"},
    "pairs": {"use": "filters.BestWorst", "of": "responses", "by": "scores"},
}
MEMORY = 4.0
"""Gigabytes: the limit of each step."""
LONGER = 12
"""How many times longer an answer is than that of the instant model: 1,000 characters."""


class LongEngine(InstantEngine):
    """Writes `LONGER` sentences with the seed in them."""

    async def generate(self, prompt: Rendered, sampling: Sampling, seed: int) -> Generation:
        """The answer."""
        said = await super().generate(prompt, sampling, seed)
        return replace(said, text=" ".join([said.text] * LONGER))


def fill(folder: Path, count: int) -> None:
    """A project with a recipe and a dataset, and the prompts."""
    recipe = {"name": NAME, "paper": {"title": "Many responses"}, "claim": "many are written"}
    declared = {
        NAME: ("assets.Recipe", {**recipe, "stages": STAGES}),
        "gathered": ("assets.Dataset", {"name": "gathered", "of": [NAME]}),
    }
    for name, (kind, attributes) in declared.items():
        place = folder / "recipes" / name / "defs.yaml"
        place.parent.mkdir(parents=True)
        place.write_text(yaml.safe_dump({"type": kind, "attributes": attributes}))
    settings = {"root": "data", "recipes": ["recipes"], "sources": {"pocket": 1.0}, "roles": {}}
    (folder / "factory.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    asked = tables.texts(count, words=40)
    message = pl.struct(role=pl.lit("user"), content=pl.lit(asked))
    prompts = tables.prompts(count).with_columns(messages=pl.concat_list(message))
    stored = Tables(folder / "data")
    stored.write((NAME, "prompts"), REFRESH, Split(prompts, empty(Dropped)))
    stored.write(("prompts", "held_out"), None, Split(tables.prompts(500), empty(Dropped)))


def run(project: Project, stage: str) -> int:
    """Run a stage as its asset does, and write its table; its rows."""
    from assets.execution.by_parts import execute_in_parts, parts_of, whole
    from assets.execution.execute_stage import execute_stage
    from assets.execution.run_stage import checks_of, metadata_of
    from assets.storage.stage_parts import StageParts

    stages = project.recipes[NAME].planned(project.settings)
    (found,) = (each for each in stages if each.name == stage)
    read = {name: project.tables.path((NAME, name), REFRESH) for name in {*found.reads, "prompts"}}
    folder = Path(project.settings.root_path)
    context = Context(
        recipe=NAME,
        stage=stage,
        refresh=REFRESH,
        roles={"policy": Binding(model="policy")},
        journal=folder / "journal.sqlite",
        models=folder / "models",
        progress=False,
        open_engine=LongEngine,
    )
    if parts := parts_of(found, read):
        stored = StageParts(project.tables.path((NAME, stage), REFRESH))
        outcome, shown = execute_in_parts(found, read, context, parts, stored, stages=stages)
    else:
        shown = whole(read)
        outcome = execute_stage(found, shown, context, stages=stages)
    metadata_of(outcome, shown)
    checks_of(outcome)
    if outcome.stored is None:
        project.tables.write((NAME, stage), REFRESH, outcome.split)
    else:
        outcome.stored.publish({})
    return outcome.rows


def score(project: Project) -> int:
    """Random scores of the responses; their number."""
    ids = project.tables.query(
        (NAME, "responses"), REFRESH, lambda rows: rows.select("response_id")
    )
    scores = tables.scores(ids.height, "likelihood", seed=1).with_columns(ids["response_id"])
    project.tables.write((NAME, "scores"), REFRESH, Split(scores, empty(Dropped)))
    return ids.height


def gather(project: Project) -> int:
    """Update the curated dataset; its rows."""
    from assets.datasets.update import updated
    from assets.storage.dataset_versions import Versions

    versions = Versions(project.settings.root_path, "gathered")
    return updated(project.datasets["gathered"], project.tables, versions).version.rows()


def export(project: Project) -> int:
    """Export the recipe; its pairs."""
    from assets.export.writer import in_folder, recipe_writer

    folder = Path(project.settings.root_path) / "export"
    return in_folder(recipe_writer(project, NAME), folder).rows


def export_dataset(project: Project, format: str | None = None) -> int:
    """Export the curated dataset; its rows."""
    from assets.datasets.export import dataset_writer
    from assets.export.writer import in_folder

    folder = Path(project.settings.root_path) / "export-dataset"
    return in_folder(dataset_writer(project, "gathered", format=format), folder).rows


STEPS: dict[str, tuple[str, Callable[[Project], int]]] = {
    "sample": ("Sample", lambda project: run(project, "responses")),
    "score": ("", score),
    "pair": ("BestWorst", lambda project: run(project, "pairs")),
    "gather": ("the curated dataset", gather),
    "export": ("the export of the recipe, with its report", export),
    "export_dataset": ("the export of the dataset", export_dataset),
    "export_unpaired": (
        "the export of the dataset, each response labelled",
        lambda project: export_dataset(project, "unpaired"),
    ),
}


def one(step: str) -> dict[str, float]:
    """Processor seconds and gigabytes at the peak of a step, and its rows."""
    rows = STEPS[step][1](load_project([NAME, "gathered"]))
    return {"seconds": time.process_time(), "gigabytes": peak(), "rows": rows}


def compare(count: int, steps: Sequence[str] = tuple(STEPS)) -> list[dict[str, Any]]:
    entries = []
    with tempfile.TemporaryDirectory() as root:
        fill(Path(root), count // tables.PER_PROMPT)
        here = {"FACTORY_CONFIG": str(Path(root) / "factory.yaml"), "DAGSTER_HOME": root}
        for step in steps:
            again = [sys.executable, "-m", "benchmarks.million_responses", "--only", step]
            found = measured(again, here)
            print(step, found, file=sys.stderr, flush=True)
            if said := STEPS[step][0]:
                what = f"{count:,} responses, {said}, in {found['seconds']:.0f} s of processor"
                peer = f"limit: {MEMORY:g} GB"
                line = entry(what, found["gigabytes"], "GB", MEMORY, peer=peer, command=COMMAND)
                entries.append(line)
    return entries


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--only", choices=list(STEPS))
    given = parser.parse_args()
    if given.only:
        print(json.dumps(one(given.only)))
    else:
        print(write("million_responses", ABOUT, compare(given.rows)))


if __name__ == "__main__":
    main()
