"""The gains of a policy over refreshes, against where the first one started."""

import json
from typing import Any

import polars as pl
from typer.testing import CliRunner

from assets.cli import app
from schemas import Checkpoints, Dropped, Evaluations, Split, empty, rows


def evaluated(before: int, after: int) -> pl.DataFrame:
    """Ten held-out prompts, of which so many are answered correctly before and after training."""
    return rows(
        Evaluations,
        [
            {
                "prompt_id": f"p{number}",
                "greedy_before": number < before,
                "greedy_after": number < after,
                "samples": 2,
                "right_before": 2 * (number < before),
                "right_after": 2 * (number < after),
            }
            for number in range(10)
        ],
    )


def test_every_refresh_is_compared_with_the_start_of_the_first(workshop: Any) -> None:
    workshop.recipe("many")
    tables = workshop.project().tables
    trained = {"start": "a", "trained": True, "reason": None, "steps": 1, "seconds": 1.0}
    for refresh, before, after in (("2026-11-01", 2, 5), ("2026-11-02", 5, 9)):
        checkpoint = {"path": refresh, "rows": 7, "metrics": "{}", **trained}
        for stage, frame in (
            ("prompts", evaluated(before, after).select("prompt_id")),
            ("policy", rows(Checkpoints, [checkpoint])),
            ("validated", evaluated(before, after)),
        ):
            tables.write(("many", stage), refresh, Split(frame, empty(Dropped)))
    done = CliRunner().invoke(app, ["gains", "many", "--json"])
    assert done.exit_code == 0, done.output
    first, second = json.loads(done.stdout)
    assert (first["refresh"], first["trained"], first["before"], first["after"]) == (
        "2026-11-01",
        7,
        0.2,
        0.5,
    )
    assert (second["before"], second["after"]) == (0.2, 0.9)
    assert second["low"] < second["difference"] < second["high"]
    assert second["sampled_difference"] == second["difference"]
    shown = CliRunner().invoke(app, ["gains", "many"])
    assert "+70.0" in shown.stdout


def test_a_recipe_that_has_not_run_has_no_gains(workshop: Any) -> None:
    workshop.recipe("many")
    done = CliRunner().invoke(app, ["gains", "many"])
    assert done.exit_code == 1
    assert "many has not run" in done.output
