"""A judge that fails its probes stops its recipe, in words, and keeps what there is."""

import json
from dataclasses import replace
from typing import Any

import dagster as dg
import pytest
from typer.testing import CliRunner

from annotators import Judge, Verifier
from assets.cli import app
from assets.execution.judge_probes import describe_probes, probes_result, stop_if_blocked
from assets.execution.run_stage import check_specs
from assets.project.recipe_plan import Stage
from assets.storage.tables import MissingTableError, Tables
from schemas import ProbeExample, ProbeReport, ProbeResult, Scores

DAY = "2026-11-01"
FAILED = ProbeReport(
    blocks=True,
    results=(
        ProbeResult(
            "empty", 3, 24, ProbeExample("How many? <b>", "Answer: 4", ":", 5.0, 5.0, None)
        ),
        ProbeResult("openers", 24, 24),
    ),
    failed=("empty",),
)


def stages(probes: str) -> dict[str, Any]:
    judge = {"use": "annotators.Judge", "model": "judge", "probes": probes}
    return {
        "responses": {"use": "generators.Sample", "n": 2, "max_tokens": 64},
        "scores": judge,
        "pairs": {"use": "filters.BestWorst", "of": "responses", "by": "scores"},
    }


def test_the_words_name_the_probe_and_what_it_fell_for() -> None:
    assert describe_probes(FAILED) == (
        "fell for: empty (3 of 24 passed: ':' got 5, a real answer 5)"
    )
    told = probes_result(FAILED)
    assert not told.passed
    assert told.severity == dg.AssetCheckSeverity.ERROR
    table = told.metadata["probes"].value
    assert "<b>" not in table
    assert "3 | 24" in table
    assert probes_result(replace(FAILED, blocks=False)).severity == dg.AssetCheckSeverity.WARN
    assert "passed: empty 3 of 24" in describe_probes(replace(FAILED, failed=()))


def test_only_what_is_probed_has_the_check() -> None:
    def named(operator: Any) -> dict[str, bool]:
        stage = Stage("scores", operator, Scores, ("responses", "prompts"))
        return {spec.name: spec.blocking for spec in check_specs(["r", "scores"], stage)}

    assert named(Judge())["probes"]
    assert not named(Judge(probes="warn"))["probes"]
    assert "probes" not in named(Judge(probes="off"))
    assert "probes" not in named(Verifier())


def test_a_warning_stops_nothing() -> None:
    stop_if_blocked(replace(FAILED, blocks=False), recipe="r", stage="s")
    stop_if_blocked(replace(FAILED, failed=()), recipe="r", stage="s")
    stop_if_blocked(None, recipe="r", stage="s")


def test_a_judge_that_fails_stops_the_run_and_keeps_its_scores(ran: Any) -> None:
    workshop, _ = ran
    workshop.recipe("blocked", stages("block"))
    # The tiny model has random weights, so it judges at random.
    ended = CliRunner().invoke(app, ["run", "blocked", "--refresh", DAY, "--json"])
    assert ended.exit_code == 1
    assert "recipe 'blocked', stage 'scores'" in ended.stderr
    assert "fell for: " in ended.stderr
    assert "probes: warn" in ended.stderr
    tables = Tables(workshop.folder / "data")
    assert tables.read(("blocked", "scores"), DAY).height == 12
    with pytest.raises(MissingTableError):
        tables.read(("blocked", "pairs"), DAY)
    with dg.DagsterInstance.get() as instance:
        key = dg.AssetCheckKey(dg.AssetKey(["blocked", "scores"]), "probes")
        (record,) = instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
        assert record.status.value == "FAILED"
        assert instance.get_latest_materialization_event(dg.AssetKey(["blocked", "scores"]))


def test_with_a_warning_the_run_goes_on_and_says_so(ran: Any) -> None:
    workshop, _ = ran
    workshop.recipe("warned", stages("warn"))
    outcome = workshop.run("warned")
    assert outcome.stages["pairs"]["in"] == 6
    assert "fell for: " in outcome.findings["scores"]["probes"]
    assert json.dumps(outcome.findings["scores"])
