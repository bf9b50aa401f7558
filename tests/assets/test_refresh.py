"""A recipe runs through Dagster with a real (tiny) model: what it makes, keeps and asks for."""

import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from polars.testing import assert_frame_equal

from assets import Factory
from assets.config.errors import FactoryError
from assets.config.operation import Schedule
from assets.execution.in_process import execute_job, fail_dead_runs
from assets.execution.instance import home
from assets.execution.run_liveness import here
from assets.project.label_truth import LabelCounts
from assets.refresh import rounds
from assets.storage.tables import Tables
from tests.assets.conftest import SAMPLED, new_workshop

DAY = "2026-11-01"
STAGES: dict[str, dict[str, Any]] = {
    "responses": SAMPLED,
    "pairs": {"use": "filters.RandomPairs", "of": "responses"},
    "policy": {"use": "trainers.DPO", "of": "pairs", "learning_rate": 1e-3},
}
ORDER = ["prompts", "responses", "pairs", "policy", "validated"]
FIELDS = {
    "in",
    "kept",
    "dropped",
    "seconds",
    "model_calls",
    "journal_hits",
    "tokens_per_second",
    "by_role",
    "prices",
}


def tables_of(workshop: Any) -> Tables:
    return Tables(workshop.folder / "data")


def test_the_outcome_has_the_shape_that_is_promised(ran: Any) -> None:
    _, outcome = ran
    told = outcome.as_json()
    assert set(told) == {
        "recipe",
        "refresh",
        "stages",
        "label_accuracy",
        "labels",
        "label_origin",
        "validated",
    }
    assert (told["recipe"], told["refresh"]) == ("first", DAY)
    assert list(told["stages"]) == ORDER
    for account in told["stages"].values():
        assert set(account) == FIELDS
        assert account["in"] == account["kept"] + sum(account["dropped"].values())
    assert set(told["validated"]) == {"by", "before", "after", "difference", "low", "high"}
    assert told["stages"]["prompts"]["kept"] == 6
    assert told["stages"]["responses"]["model_calls"] == 12
    assert told["stages"]["validated"]["in"] == 3
    assert sum(told["labels"].values()) == told["stages"]["pairs"]["kept"]


def test_tables_and_checkpoint_lie_where_they_should(ran: Any) -> None:
    workshop, outcome = ran
    tables = tables_of(workshop)
    for stage in ORDER:
        assert tables.refreshes(("first", stage)) == [DAY]
        tables.read_dropped(("first", stage), DAY)
    assert outcome.checkpoint["trained"]
    place = workshop.folder / "data/models/first" / DAY
    assert outcome.checkpoint["path"].startswith(str(place))


def test_the_same_again_changes_nothing_and_asks_nothing(ran: Any) -> None:
    workshop, outcome = ran
    tables = tables_of(workshop)
    before = {stage: tables.read(("first", stage), DAY) for stage in ORDER}
    again = workshop.run("first")
    for stage in ORDER:
        assert_frame_equal(tables.read(("first", stage), DAY), before[stage])
    assert sum(account["model_calls"] for account in again.stages.values()) == 0
    assert again.as_json()["validated"] == outcome.as_json()["validated"]


def test_another_recipe_that_asks_the_same_pays_nothing(ran: Any) -> None:
    workshop, _ = ran
    stages = {"answers": SAMPLED}
    workshop.recipe("second", stages)
    second = workshop.run("second")
    assert second.stages["answers"]["model_calls"] == 0
    assert second.stages["answers"]["journal_hits"] == 12
    assert second.as_json()["validated"] is None
    assert second.as_json()["labels"] is None


def test_the_next_refresh_has_new_prompts_and_the_trained_policy(ran: Any) -> None:
    workshop, _ = ran
    workshop.recipe("twice", STAGES, gate="none")
    days = ("2026-11-05", "2026-11-06")
    first, second = (workshop.run("twice", day) for day in days)
    assert second.checkpoint["start"] == first.checkpoint["path"]
    tables = tables_of(workshop)
    drawn = [set(tables.read(("twice", "prompts"), day)["prompt_id"]) for day in days]
    assert [len(prompts) for prompts in drawn] == [6, 6]
    assert not drawn[0] & drawn[1]


@pytest.mark.usefixtures("ran")
def test_what_the_ui_shows_is_kept_with_the_asset() -> None:
    with dg.DagsterInstance.get() as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey(["first", "pairs"]))
        assert event is not None
        assert event.asset_materialization is not None
        metadata = event.asset_materialization.metadata
        assert {"in", "kept", "dropped", "rows", "drop reasons", "path"} <= set(metadata)
        checks = {
            name: instance.event_log_storage.get_asset_check_execution_history(
                dg.AssetCheckKey(dg.AssetKey(["first", "pairs"]), name), limit=1
            )[0].status.value
            for name in ("schema", "adds_up", "label_accuracy")
        }
    assert set(checks.values()) == {"SUCCEEDED"}


def test_judged_steps_are_pictured_in_the_ui(ran: Any) -> None:
    workshop, _ = ran
    stages = {
        "sampled": {"use": "generators.Sample", "n": 1, "max_tokens": 8},
        "responses": {"use": "generators.Segment", "of": "sampled"},
        "truth": {"use": "annotators.StepVerifier", "of": "responses", "cut": "read"},
        "labels": {
            "use": "filters.LabelSteps",
            "of": "responses",
            "by": "truth",
            "rule": "first_error",
            "cut": "keep",
        },
    }
    workshop.recipe("pictured", stages)
    workshop.run("pictured", shown=True)
    with dg.DagsterInstance.get() as instance:
        for stage in ("truth", "labels"):
            event = instance.get_latest_materialization_event(dg.AssetKey(["pictured", stage]))
            assert event is not None
            assert event.asset_materialization is not None
            shown = event.asset_materialization.metadata["solution 1"]
            assert "data:image/svg+xml;base64," in str(shown.value)


def test_nothing_to_learn_from_ends_cleanly_and_says_why(ran: Any) -> None:
    workshop, _ = ran
    workshop.source("two", read={"use": "pocket.Problems", "seed": 5}, rows=2)
    stages = {
        "responses": {"use": "generators.Sample", "n": 1, "max_tokens": 8},
        "pairs": {"use": "filters.RandomPairs", "of": "responses"},
        "policy": {"use": "trainers.DPO", "of": "pairs"},
    }
    workshop.recipe("hopeless", stages, sources={"two": 1.0})
    outcome = workshop.run("hopeless", rows=2)
    assert outcome.stages["pairs"]["kept"] == 0
    assert outcome.stages["pairs"]["dropped"] == {"fewer than two responses": 2}
    assert outcome.checkpoint is not None
    assert not outcome.checkpoint["trained"]
    assert outcome.checkpoint["reason"]
    assert outcome.labels == LabelCounts()


def test_prompts_that_the_policy_cannot_solve_train_nothing(ran: Any) -> None:
    workshop, _ = ran
    worked = [
        {
            "question": f"Ann has {n} clips and sells 3. How many?",
            "answer": f"{n} - 3\n#### {n - 3}",
        }
        for n in (10, 20, 30)
    ]
    file = workshop.folder / "worked.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in worked))
    read = {"use": "generators.Files", "path": str(file), "prompt": "question"}
    read |= {"reference": "answer", "licence": "MIT"}
    workshop.source("worked", read=read, check="engines.checks.gsm8k")
    shipped = workshop.project().recipes["online_dpo"].stages
    workshop.recipe("unsolved", shipped, sources={"worked": 1.0})
    outcome = workshop.run("unsolved", rows=3)
    assert outcome.stages["pairs"]["dropped"] == {"all equal": 3}
    assert outcome.checkpoint["reason"] == "no pairs: stage 'pairs' kept no row"
    assert not outcome.checkpoint["trained"]
    assert not list((workshop.folder / "data" / "models" / "unsolved").rglob("*.safetensors"))
    figures = outcome.as_json()["validated"]
    assert figures["before"] == figures["after"]
    assert outcome.labels == LabelCounts()


def test_runs_whose_process_was_killed_are_marked_failed(
    workshop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    home()
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()

    @dg.job
    def job() -> None: ...

    with dg.DagsterInstance.get() as instance:

        def started(tags: dict[str, str]) -> str:
            run = instance.create_run_for_job(job, tags=tags, status=dg.DagsterRunStatus.STARTED)
            return run.run_id

        ours = [started(here(pid)) for pid in (os.getpid(), gone.pid)]
        daemons = started(here(None))
        fail_dead_runs(instance)
        statuses = [instance.get_run_by_id(run).status for run in (*ours, daemons)]  # type: ignore[union-attr]
    began, failed = dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.FAILURE
    assert statuses == [began, failed, began]


def test_a_command_that_failed_is_not_repeated_by_the_daemon(workshop: Any) -> None:
    @dg.op
    def fails() -> None:
        raise FactoryError("wrong")

    @dg.job
    def job() -> None:
        fails()

    with pytest.raises(FactoryError, match="wrong"):
        execute_job(dg.Definitions(jobs=[job]), "job", what="job")
    with dg.DagsterInstance.get() as instance:
        (run,) = instance.get_runs()
        assert instance.run_retries_enabled
    assert run.tags["dagster/will_retry"] == "false"


def test_rounds_are_consecutive_days_that_end_at_the_refresh() -> None:
    assert rounds("2026-03-01", 3, Schedule()) == ["2026-02-27", "2026-02-28", "2026-03-01"]
    with pytest.raises(FactoryError, match="is not a date"):
        rounds("yesterday", 1, Schedule())
    with pytest.raises(FactoryError, match="has not begun"):
        rounds("2999-01-01", 1, Schedule())
    with pytest.raises(FactoryError, match="is too early"):
        rounds("2024-01-02", 5, Schedule(start=date(2024, 1, 1)))


def test_a_look_at_few_rows_validates_on_as_few(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_workshop(tmp_path, tiny_model, monkeypatch).recipe("looked_at", rows=6)
    factory = Factory.open()
    few = factory.refresh("looked_at", refresh=DAY, rows=2)
    assert few.stages["validated"]["in"] == 2
    told = factory.refresh("looked_at", refresh=DAY, rows=2, held_out=1)
    assert told.stages["validated"]["in"] == 1
