"""``factory preview``: what a recipe makes of a few prompts, prompt by prompt."""

import json
from pathlib import Path
from typing import Any

import polars as pl

from tests.assets.cli.test_cli import factory
from tests.assets.conftest import STAGES

SCORED = {
    "responses": STAGES["responses"],
    "scores": {"use": "annotators.Verifier", "of": "responses"},
    "pairs": {"use": "filters.BestWorst", "of": "responses", "by": "scores"},
    "policy": STAGES["policy"],
}


def test_scores_stand_under_their_responses(ran: Any, tmp_path: Path) -> None:
    workshop, _ = ran
    workshop.recipe("scored", SCORED)
    before = set((workshop.folder / "data").rglob("*.parquet"))
    done = factory("preview", "scored", "--rows", "2", "--keep", str(tmp_path / "kept"))
    assert done.exit_code == 0, done.output
    assert done.stdout.count("prompt ──") == 2
    assert done.stdout.count("scores 0") == 4
    assert "policy" not in done.stdout
    assert pl.read_parquet(tmp_path / "kept" / "scores.parquet").height == 4
    # No table of the project changes.
    assert set((workshop.folder / "data").rglob("*.parquet")) == before


def test_until_a_stage(ran: Any) -> None:
    workshop, _ = ran
    workshop.recipe("scored", SCORED)
    done = factory("preview", "scored", "--rows", "2", "--until", "responses", "--json")
    counted = json.loads(done.stdout)
    assert list(counted) == ["prompts", "responses"]
    assert counted["responses"]["kept"] == 4
    done = factory("preview", "scored", "--until", "score")
    assert done.exit_code == 1
    assert "did you mean 'scores'?" in done.stderr


def test_a_source_whose_first_rows_are_held_out(ran: Any) -> None:
    workshop, _ = ran
    file = workshop.folder / "asked.jsonl"
    file.write_text("".join(f'{{"q": "What is {n} + 1?", "a": "{n + 1}"}}\n' for n in range(6)))
    read = {"use": "generators.Files", "path": str(file), "prompt": "q", "reference": "a"}
    read |= {"licence": "MIT"}
    workshop.source("asked", read=read, check="engines.checks.math")
    workshop.source("kept", read=read, check="engines.checks.math", rows=3, fixed=True)
    workshop.recipe("own", SCORED, sources={"asked": 1.0})
    options = ("own", "--rows", "2", "--until", "responses", "--json")
    before = (workshop.folder / "factory.yaml").read_text()
    workshop.configure(held_out="kept")
    done = factory("preview", *options)
    (workshop.folder / "factory.yaml").write_text(before)
    assert json.loads(done.stdout)["prompts"] == {"kept": 2, "dropped": 3}
