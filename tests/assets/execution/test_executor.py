"""Each stage runs in a process of its own, as the UI and the schedules start it."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.events import EngineEventData

from assets.definitions import build_definitions
from assets.execution.executor import GPU, PRELOADED, RECIPES, forkable
from assets.execution.instance import home
from assets.execution.pool_waits import holders, say_waits
from assets.execution.run_liveness import here
from assets.storage.tables import Tables
from tests.assets.conftest import SAMPLED
from tests.checkout import PROJECT

DAY = "2026-11-01"
STAGES: dict[str, dict[str, Any]] = {
    "responses": SAMPLED,
    "pairs": {"use": "filters.RandomPairs", "of": "responses"},
}


def started(instance: dg.DagsterInstance, run_id: str) -> dict[str, str]:
    """The process of each step that ran in one of its own."""
    kind = dg.DagsterEventType.STEP_WORKER_STARTED
    events = [one.dagster_event for one in instance.all_logs(run_id, of_type=kind)]
    return {
        str(event.step_key): str(event.engine_event_data.metadata["pid"].value)
        for event in events
        if event is not None
    }


def test_stages_run_in_processes_of_their_own(
    workshop: Any, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACTORY_ROLES__POLICY__MODEL", str(tiny_model))
    workshop.configure(schedule={"start": DAY})
    workshop.recipe("apart", STAGES, rows=3)
    home()
    command = ["-m", "dagster", "job", "execute", "-m", "assets.definitions", "-j", "apart"]
    done = subprocess.run(
        [sys.executable, *command, "--tags", f'{{"dagster/partition": "{DAY}"}}'],
        cwd=PROJECT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    with dg.DagsterInstance.get() as instance:
        (run,) = instance.get_runs()
        assert run.is_success, done.stderr[-3000:]
        pids = started(instance, run.run_id)
        steps = {"prompts__pocket", "prompts__few_held_out", "apart__prompts"}
        assert set(pids) >= {*steps, "apart__responses", "apart__pairs"}
        assert len(set(pids.values())) == len(pids)
        event = instance.get_latest_materialization_event(dg.AssetKey(["apart", "responses"]))
        pool = instance.event_log_storage.get_concurrency_info(GPU)
    assert (pool.slot_count, pool.active_slot_count) == (1, 0)
    assert event is not None
    assert event.asset_materialization is not None
    told = event.asset_materialization.metadata
    assert (told["in"].value, told["model calls"].value, told["journal hit rate"].value) == (
        3,
        6,
        0,
    )
    assert Tables(workshop.folder / "data").read(("apart", "pairs"), DAY).height <= 3


@pytest.mark.parametrize(
    ("root", "loaded"),
    [
        ("data", 1),
        # Such a store is read by threads.
        ("memory://factory", 0),
    ],
)
def test_what_stages_are_forked_from_has_the_recipes_but_neither_torch_nor_threads(
    root: str, loaded: int, tmp_path: Path
) -> None:
    code = (
        f"import threading, {', '.join([*PRELOADED, RECIPES])}\n"
        "from assets.execution.executor import forkable\n"
        "loaded = assets.definitions.defs.load_fn.cache_info().currsize\n"
        "print(forkable(), threading.active_count(), loaded)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT,
        env={**os.environ, "FACTORY_ROOT": root.replace("data", str(tmp_path))},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["True", "1", str(loaded)]


def test_a_process_whose_modules_imported_torch_is_not_forked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "torch", sys)
    assert not forkable()


def test_stages_that_call_or_train_a_model_share_a_pool(workshop: Any) -> None:
    workshop.recipe("mine")
    graph = build_definitions(workshop.project(), ["mine"]).resolve_asset_graph()
    pools = {
        stage: graph.get(dg.AssetKey(["mine", stage])).pools
        for stage in ("prompts", "responses", "pairs", "policy", "validated")
    }
    assert {stage for stage, names in pools.items() if names == {GPU}} == {
        "responses",
        "policy",
        "validated",
    }
    assert pools["prompts"] == pools["pairs"] == set()


def test_what_runs_of_several_recipes_make_is_made_by_one_at_a_time(workshop: Any) -> None:
    workshop.recipe("mine")
    workshop.dataset("pairs", of=["mine"])
    graph = build_definitions(workshop.project(), ["mine"]).resolve_asset_graph()
    for key in (["prompts", "pocket"], ["datasets", "pairs"]):
        assert graph.get(dg.AssetKey(key)).pools == {"/".join(key)}


@pytest.mark.usefixtures("workshop")
def test_a_run_that_waits_says_for_which(capsys: pytest.CaptureFixture[str]) -> None:
    home()
    with dg.DagsterInstance.get() as instance:
        storage = instance.event_log_storage
        storage.initialize_concurrency_limit_to_default(GPU)
        status = dg.DagsterRunStatus.STARTED
        tags = here(os.getpid()) | {"dagster/partition": DAY}
        theirs = instance.create_run_for_job(nothing, tags=tags, status=status)
        mine = instance.create_run_for_job(nothing, tags=here(os.getpid()), status=status)
        say_waits(instance, mine.run_id)
        blocked = EngineEventData(metadata={"pool": dg.MetadataValue.pool(GPU)})
        step = {"engine_event_data": blocked, "step_key": "apart__responses"}
        instance.report_engine_event("Step blocked by limit for pool gpu", mine, **step)
        assert capsys.readouterr().err == ""
        storage.claim_concurrency_slot(GPU, theirs.run_id, "step")
        instance.report_engine_event("Step blocked by limit for pool gpu", mine, **step)
        waits = f"apart/responses: waits for run {theirs.run_id[:8]} of nothing at {DAY}, which "
        assert waits in capsys.readouterr().err


@pytest.mark.usefixtures("workshop")
def test_a_run_that_is_over_or_was_killed_holds_no_slot() -> None:
    home()
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with child, dg.DagsterInstance.get() as instance:
        storage = instance.event_log_storage
        storage.initialize_concurrency_limit_to_default(GPU)

        def run(pid: int) -> str:
            status = dg.DagsterRunStatus.STARTED
            return instance.create_run_for_job(nothing, tags=here(pid), status=status).run_id

        def claimed(run_id: str) -> bool:
            return storage.claim_concurrency_slot(GPU, run_id, "step").is_claimed

        mine, theirs = run(os.getpid()), run(child.pid)
        assert claimed(theirs)
        assert holders(instance) == [theirs]
        assert not claimed(mine)
        storage.set_concurrency_slots(GPU, 2)
        assert holders(instance) == []
        storage.set_concurrency_slots(GPU, 1)
        child.kill()
        child.wait()
        assert holders(instance) == []
        assert claimed(mine)
        finished = instance.get_run_by_id(mine)
        assert finished is not None
        instance.report_run_failed(finished)
        assert holders(instance) == []


@dg.job
def nothing() -> None: ...
