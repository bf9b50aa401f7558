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
