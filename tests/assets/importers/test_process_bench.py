"""A process reward model is measured on ProcessBench: its rows as published, to its F1."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from assets.cli import app
from tests.checkout import ROLES

PUBLISHED = Path(__file__).parent / "published" / "processbench.jsonl"
BENCH: dict[str, dict[str, Any]] = {
    "responses": {"use": "generators.ImportedResponses", "dataset": "bench"},
    "truth": {
        "use": "annotators.ImportedScores",
        "of": "responses",
        "dataset": "bench",
        "annotators": ["human"],
    },
    "labels": {"use": "generators.ImportedSteps", "dataset": "bench"},
    # Of two solutions, which it then is asked about: that the way from rows to a figure is whole.
    "prm": {
        "use": "trainers.PRM",
        "of": "labels",
        "learning_rate": 5e-3,
        "epochs": 40,
        "warmup": 0,
    },
    "rewards": {
        "use": "annotators.ProcessReward",
        "of": "responses",
        "checkpoint": "prm",
        "probes": "off",
    },
}


@pytest.fixture
def bench(workshop: Any, tiny_model: Path) -> Any:
    """A factory with ProcessBench's rows imported, and a small model."""
    workshop.configure(roles={role: {"model": str(tiny_model)} for role in ROLES})
    arguments = ["import", "processbench", str(PUBLISHED), "--name", "bench"]
    done = CliRunner().invoke(app, [*arguments, "--licence", "Apache-2.0"])
    assert done.exit_code == 0, done.output
    place = workshop.folder / "recipes" / "sources" / "bench" / "defs.yaml"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(done.stdout[done.stdout.index("type: assets.Source") :])
    return workshop


def test_from_published_rows_to_the_f1_of_a_process_reward_model(bench: Any) -> None:
    measure = {"use": "claims.FirstErrorF1", "of": "rewards", "truth": "truth"}
    bench.recipe("measured", BENCH, sources={"bench": 1.0}, measure=measure)
    outcome = bench.run("measured")
    assert outcome.stages["rewards"]["kept"] == 2
    figures = outcome.claim.metadata["figures"].value
    assert figures["measured"] == 1.0
    assert "1 erroneous and 1 correct solutions: F1 100.0%" in outcome.claim.description


def test_labels_of_steps_are_measured_as_they_are(bench: Any) -> None:
    measure = {"use": "claims.FirstErrorF1", "of": "labels", "truth": "truth"}
    stages = {name: BENCH[name] for name in ("responses", "truth", "labels")}
    bench.recipe("labelled", stages, sources={"bench": 1.0}, measure=measure)
    figures = bench.run("labelled").claim.metadata["figures"].value
    assert figures["measured"] == 1.0
