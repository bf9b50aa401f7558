"""Many days asked for at once are made one after the other, each from what the day before made."""

import logging
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.test_utils import create_test_daemon_workspace_context, instance_for_test
from dagster._core.workspace.load_target import PythonFileTarget
from dagster._daemon.backfill import execute_backfill_iteration
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon
from dagster._time import get_current_timestamp

from assets.definitions import build_definitions

HERE = Path(__file__).parent
DAYS = ["2024-01-01", "2024-01-02", "2024-01-04"]
"""The first that there is, the next, and one after a day that is never made."""
STAGES = ["prompts", "responses", "pairs", "policy", "validated"]
ONE_AT_A_TIME: dict[str, Any] = {
    "run_launcher": {
        "module": "dagster._core.launcher.sync_in_memory_run_launcher",
        "class": "SyncInMemoryRunLauncher",
    },
    "concurrency": {"runs": {"max_concurrent_runs": 1}},
}


def test_the_days_of_a_backfill_follow_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = tmp_path / "notes"
    monkeypatch.setenv("DAYS_NOTES", str(notes))
    location = PythonFileTarget(
        str(HERE / "days.py"),
        attribute="defs",
        working_directory=str(HERE.parent.parent),
        location_name="days",
    )
    with (
        instance_for_test(overrides=ONE_AT_A_TIME) as instance,
        create_test_daemon_workspace_context(location, instance) as workspace,
    ):
        graph = workspace.create_request_context().asset_graph
        asked = PartitionBackfill.from_asset_partitions(
            backfill_id="days",
            asset_graph=graph,
            partition_names=DAYS,
            asset_selection=list(graph.get_all_asset_keys()),
            backfill_timestamp=get_current_timestamp(),
            tags={},
            dynamic_partitions_store=instance,
            all_partitions=False,
            title=None,
            description=None,
            run_config=None,
        )
        instance.add_backfill(asked)
        queue = QueuedRunCoordinatorDaemon(interval_seconds=1)
        for _ in range(20):
            # What the daemon does, turn by turn.
            list(execute_backfill_iteration(workspace, logging.getLogger("backfill")))
            list(queue.run_iteration(workspace))
            state = instance.get_backfill("days")
            assert state is not None
            if state.status != BulkActionStatus.REQUESTED:
                break
        assert state.status == BulkActionStatus.COMPLETED_SUCCESS
    made = [line.split() for line in notes.read_text().splitlines()]
    # All that calls or trains a policy comes after the day before's policy.
    called = [(day, stage) for day, stage in made if stage in STAGES[1:]]
    assert called == [(day, stage) for day in DAYS for stage in STAGES[1:]]
    assert [day for day, stage in made if stage == "prompts"] == DAYS


def test_a_recipes_prompts_are_what_waits_for_the_day_before(ran: Any) -> None:
    workshop, _ = ran
    graph = build_definitions(workshop.project(), ["first"]).resolve_asset_graph()
    waits = [s for s in STAGES if graph.get(dg.AssetKey(["first", s])).has_self_dependency]
    assert waits == ["prompts"]
