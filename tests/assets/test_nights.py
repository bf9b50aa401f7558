"""Nights without a person: the schedule makes each day's refresh, of what is new, from the last
promoted policy, and the days of a backfill follow each other."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest
from dagster._core.test_utils import freeze_time

from assets.cli.console import outcome_lines
from assets.definitions import build_definitions
from assets.execution.instance import home
from assets.refresh import run_refresh
from assets.storage.tables import Tables
from schemas import Evaluations, Split, columns, rows
from tests.assets.conftest import STAGES
from tests.assets.exported import export_to_hub
from tests.assets.hub_server import Hub

FIRST = date(2026, 11, 11)


class Resources:
    """A recipe that is made by its schedule, of a file of prompts that somebody adds to."""

    name = "nights"

    def __init__(self, workshop: Any) -> None:
        self.file: Path = workshop.folder / "asked.jsonl"
        self.add(4)
        read = {"use": "generators.Files", "path": str(self.file), "prompt": "q", "licence": "MIT"}
        workshop.source("asked", read=read)
        workshop.recipe(self.name, STAGES, sources={"asked": 1.0}, rows=10)
        self.project = workshop.project()
        self.definitions = build_definitions(self.project, [self.name])
        self.tables = Tables(workshop.folder / "data")

    def add(self, count: int) -> None:
        """As many prompts more."""
        have = len(self.file.read_text().splitlines()) if self.file.exists() else 0
        with self.file.open("a") as file:
            for number in range(have, have + count):
                file.write(json.dumps({"q": f"How many are {number} and {number}?"}) + "\n")

    def night(self, number: int) -> "Night":
        """Move time to the next midnight, ask the schedule, and run what it asks for."""
        midnight = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC) + timedelta(number)
        repository = self.definitions.get_repository_def()
        nightly = repository.get_schedule_def(f"{self.name}_nightly")
        with dg.DagsterInstance.get() as instance, freeze_time(midnight):
            with dg.build_schedule_context(
                instance=instance, scheduled_execution_time=midnight, repository_def=repository
            ) as context:
                (request,) = nightly.evaluate_tick(context).run_requests
            assert request.partition_key == midnight.date().isoformat()
            done = self.definitions.resolve_job_def(self.name).execute_in_process(
                partition_key=request.partition_key,
                run_config=request.run_config,
                tags=request.tags,
                instance=instance,
            )
        assert done.success
        return Night(self, request.partition_key, done)


class Night:
    """What a refresh came to."""

    def __init__(self, factory: Resources, day: str, done: Any) -> None:
        self.tables, self.day = factory.tables, day
        self.made = {
            "/".join(event.asset_key.path): event.materialization.metadata
            for event in done.get_asset_materialization_events()
        }
        self.checks = {one.check_name: one for one in done.get_asset_check_evaluations()}
        self.tags = done.dagster_run.tags

    def account(self, stage: str) -> Any:
        return self.made[f"nights/{stage}"]["account"].value

    def told(self, stage: str, name: str) -> Any:
        found = self.made[f"nights/{stage}"].get(name)
        return None if found is None else found.value

    @property
    def policy(self) -> Any:
        return self.told("policy", "checkpoint")

    @property
    def prompts(self) -> set[str]:
        return set(self.tables.read(("nights", "prompts"), self.day)["prompt_id"])

    @property
    def curated(self) -> int:
        """Rows of the curated dataset."""
        return int(self.made["datasets/nights"]["dagster/row_count"].value)


def committed(hub: Hub) -> list[str]:
    """The tables of the newest commit to the Hub, up to their day."""
    body = hub.asked("POST", r"/commit/main$")[-1].body
    paths = [json.loads(line)["value"]["path"] for line in body.splitlines()[1:]]
    return sorted(path[: path.index("2026-") + 10] for path in paths if path.endswith(".parquet"))


def worse(tables: Tables, day: str) -> None:
    """Let the validation of a refresh have found that its policy lost what it knew."""
    known = tables.read(("nights", "validated"), day)
    found = pl.concat([known] * 10).with_columns(
        prompt_id=pl.format("{}{}", pl.col("prompt_id").str.head(30), pl.int_range(10, 40)),
        greedy_before=pl.lit(True),
        greedy_after=pl.lit(False),
    )
    frame = rows(Evaluations, found.select(columns(Evaluations).names()).to_dicts())
    dropped = tables.read_dropped(("nights", "validated"), day)
    tables.write(("nights", "validated"), day, Split(frame, dropped))


def test_nights_by_the_schedule(ran: Any, hub: Hub) -> None:
    home()
    factory = Resources(ran[0])
    base = str(factory.project.settings.bindings()["policy"].model)

    one = factory.night(0)
    assert one.tags["dagster/partition"] == "2026-11-11"
    assert one.tags["recipe"] == "nights"
    assert len(one.prompts) == 4
    assert one.policy["start"] == base
    assert one.told("policy", "start") == "starts from the configured one"
    export_to_hub(factory.project, "nights", "me/nights", public=False)
    assert committed(hub) == ["candidates/train-2026-11-11", "data/train-2026-11-11"]

    factory.add(3)
    two = factory.night(1)
    assert len(two.prompts) == 3
    assert not one.prompts & two.prompts
    assert two.policy["start"] == one.policy["path"]
    assert two.curated > one.curated
    # Two answers a prompt, and none that was given before; the measured policy of the night before
    # is this night's "before".
    assert two.account("responses")["model_calls"] == 6
    assert two.account("responses")["journal_hits"] == 0
    assert two.account("validated")["model_calls"] == 3
    assert two.account("validated")["journal_hits"] == 3
    export_to_hub(factory.project, "nights", "me/nights", public=False)
    assert committed(hub) == ["candidates/train-2026-11-12", "data/train-2026-11-12"]

    worse(factory.tables, two.day)
    factory.add(2)
    three = factory.night(2)
    assert len(three.prompts) == 2
    assert three.curated > two.curated
    assert three.policy["start"] == one.policy["path"]
    assert three.told("policy", "says").startswith(
        "starts from the policy of 2026-11-11; that of 2026-11-12 is not promoted: held-out "
        "accuracy 100.0% → 0.0%, difference -100.0 points"
    )

    four = factory.night(3)
    assert four.prompts == set()
    assert four.told("prompts", "says") == "no new prompts: other refreshes took all of asked"
    assert not four.policy["trained"]
    assert four.policy["path"] == three.policy["path"]
    assert four.policy["reason"] == "no pairs: stage 'pairs' kept no row"
    assert sum(four.account(stage)["model_calls"] for stage in ("responses", "validated")) == 0
    assert four.checks["no_worse"].passed
    assert four.curated == three.curated


def test_a_refresh_whose_policy_got_worse_says_so(
    ran: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    workshop, _ = ran
    monkeypatch.setattr("trainers.evaluation.metrics.regressed", lambda figures: True)
    workshop.recipe("regressing", rows=2)
    workshop.recipe("ungated", rows=2, gate="none")
    project = workshop.project()
    definitions = build_definitions(project, ["regressing", "ungated"])
    gated, ungated = (
        run_refresh(project, definitions, name, refresh="2026-11-20", rows=None, shown=False)
        for name in ("regressing", "ungated")
    )
    lines = [str(line) for line in outcome_lines(gated, project.settings)]
    unpromoted = "held back: the next refresh starts where this one started"
    assert any(unpromoted in line for line in lines)
    assert not any(unpromoted in line for line in ungated.says)
