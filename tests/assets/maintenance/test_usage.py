"""What takes room, and what of it may go."""

import os
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from typer.testing import CliRunner

from assets.cli import app
from assets.config.errors import FactoryError
from assets.config.settings import load_settings
from assets.execution.instance import home
from assets.execution.run_liveness import here
from assets.maintenance.retention import prunable, prune
from assets.maintenance.usage import disk_use
from assets.storage.tables import Tables
from schemas import Checkpoints, Dropped, Split, empty, rows
from trainers.training.checkpoint_folder import RECORD

DAYS = [f"2026-01-0{number}" for number in range(1, 7)]


@pytest.fixture(autouse=True)
def no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_PG_URL", raising=False)


def policy(workshop: Any, day: str, start: Path | str, *, trained: bool = True) -> Path:
    """A checkpoint of the recipe ``kept`` and its row, as a refresh leaves them."""
    folder: Path = workshop.folder / "data" / "models" / "kept" / day / "policy"
    folder.mkdir(parents=True)
    (folder / RECORD).write_text("{}")
    (folder / "model.safetensors").write_bytes(b"0" * 1000)
    row = {
        "path": str(folder if trained else start),
        "start": str(start),
        "trained": trained,
        "rows": 1,
        "steps": 1,
        "seconds": 1.0,
        "metrics": "{}",
    }
    split = Split(rows(Checkpoints, [row]), empty(Dropped))
    Tables(workshop.folder / "data").write(("kept", "policy"), day, split)
    return folder


def left(workshop: Any) -> list[str]:
    return sorted(path.name for path in (workshop.folder / "data" / "models" / "kept").iterdir())


def pruned(workshop: Any, keep: int) -> list[str]:
    home()
    with dg.DagsterInstance.get() as instance:
        found = prunable(workshop.project(), instance, keep_refreshes=keep, keep_days=30)
        prune(instance, found)
    return left(workshop)


def test_a_line_of_policies_keeps_what_the_next_refresh_starts_from(workshop: Any) -> None:
    workshop.recipe("kept")
    start: Path | str = "base"
    for day in DAYS:
        start = policy(workshop, day, start)
    # The last policy and the one before it, or those two before, should its gate be closed.
    assert pruned(workshop, 1) == DAYS[-3:]
    tables = Tables(workshop.folder / "data")
    assert tables.refreshes(("kept", "policy")) == DAYS


def test_what_a_long_line_of_refused_policies_started_from_stays(workshop: Any) -> None:
    workshop.recipe("kept")
    first = policy(workshop, DAYS[0], "base")
    promoted = policy(workshop, DAYS[1], first)
    for day in DAYS[2:]:
        policy(workshop, day, promoted)
    assert pruned(workshop, 2) == [DAYS[0], DAYS[1], *DAYS[-2:]]


def test_a_model_that_a_role_is_bound_to_stays(
    workshop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    workshop.recipe("kept")
    oldest, *_ = [policy(workshop, day, "base") for day in DAYS]
    monkeypatch.setenv("FACTORY_ROLES__JUDGE__MODEL", str(oldest))
    assert pruned(workshop, 1) == [DAYS[0], DAYS[-1]]


def test_what_is_not_a_refreshs_or_not_finished_stays(workshop: Any) -> None:
    workshop.recipe("kept")
    for day in DAYS[:2]:
        policy(workshop, day, "base")
    models = workshop.folder / "data" / "models"
    for other in ("kept/mine", f"kept/{DAYS[2]}", "unknown/2026-01-01"):
        (models / other).mkdir(parents=True)
    assert pruned(workshop, 1) == [DAYS[1], DAYS[2], "mine"]
    assert (models / "unknown" / "2026-01-01").is_dir()


def test_nothing_goes_while_a_run_is_going_on(workshop: Any) -> None:
    workshop.recipe("kept")
    for day in DAYS:
        policy(workshop, day, "base")

    @dg.job
    def job() -> None: ...

    home()
    with dg.DagsterInstance.get() as instance:
        instance.create_run_for_job(job, tags=here(os.getpid()), status=dg.DagsterRunStatus.STARTED)
        found = prunable(workshop.project(), instance, keep_refreshes=1, keep_days=30)
        with pytest.raises(FactoryError, match="a run of job is in progress"):
            prune(instance, found)
    assert left(workshop) == DAYS


def test_what_old_runs_printed_may_go(workshop: Any) -> None:
    @dg.job
    def job() -> None: ...

    home()
    with dg.DagsterInstance.get() as instance:
        run = instance.create_run_for_job(job, status=dg.DagsterRunStatus.SUCCESS)
        printed = Path(instance.storage_directory()) / run.run_id / "compute_logs"
        printed.mkdir(parents=True)
        (printed / "stage.err").write_text("so far so good")
        project = workshop.project()
        assert not prunable(project, instance, keep_refreshes=1, keep_days=1)
        found = prunable(project, instance, keep_refreshes=1, keep_days=0)
        assert [(one.place, one.bytes) for one in found] == [(printed, 14)]
        prune(instance, found)
        assert not printed.exists()
        assert instance.get_run_by_id(run.run_id) is not None


def test_the_command_removes_nothing_until_it_is_told_to(workshop: Any) -> None:
    workshop.recipe("kept")
    for day in DAYS:
        policy(workshop, day, "base")
    command = ["prune", "--keep-refreshes", "2"]
    told = CliRunner().invoke(app, command)
    assert told.exit_code == 0, told.output
    assert "0.0 MB can be removed; nothing was removed: --yes removes it" in told.output
    assert left(workshop) == DAYS
    assert CliRunner().invoke(app, [*command, "--yes"]).exit_code == 0
    assert left(workshop) == DAYS[-2:]


def test_every_file_is_counted_once(workshop: Any) -> None:
    files = {
        "data/journal.sqlite": 10,
        "data/tables/a/b/2026-01-01.parquet": 20,
        "data/models/a/2026-01-01/policy/model.safetensors": 30,
        "dagster/storage/run/compute_logs/stage.err": 40,
        "dagster/history/runs.db": 50,
    }
    for name, length in files.items():
        file = workshop.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"0" * length)
    uses = {use.what: (use.files, use.bytes) for use in disk_use(load_settings())}
    configuration = (workshop.folder / "dagster" / "dagster.yaml").stat().st_size
    assert uses == {
        "journal.sqlite": (1, 10),
        "tables": (1, 20),
        "models": (1, 30),
        "Dagster: what runs printed": (1, 40),
        "Dagster: runs and events": (2, 50 + configuration),
    }


def test_an_object_store_is_counted_too(workshop: Any) -> None:
    workshop.configure(
        root="memory://counted/factory",
        journal=str(workshop.folder / "local" / "journal.sqlite"),
        models=str(workshop.folder / "local" / "models"),
    )
    (workshop.folder / "local" / "models").mkdir(parents=True)
    (workshop.folder / "local" / "models" / "weights").write_bytes(b"0" * 7)
    root = load_settings().root_path
    (root / "tables" / "a.parquet").write_bytes(b"0" * 5)
    (root / "tables" / "b" / "c.parquet").write_bytes(b"0" * 6)
    uses = {use.what: (use.files, use.bytes) for use in disk_use(load_settings())}
    assert uses["tables"] == (2, 11)
    assert uses["models"] == (1, 7)
