"""Runs and events in PostgreSQL, the daemon and the code location as servers: kill them at any
moment of a refresh, start them again, and it is finished, and nothing is paid for twice."""

import json
import os
import random
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any

import dagster as dg
import polars as pl
import pytest
import yaml
from polars.testing import assert_frame_equal

from tests.checkout import PROJECT
from tests.postgres_server import serving
from tests.test_killed import answers, calls
from tests.test_killed import environment as few_held_out

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(1500)]

DAY = "2026-02-01"
LIMIT = 480
"""Seconds in which any one thing must have come."""
RECIPE = {
    "name": "asks_twice",
    "paper": {"title": "A recipe of two stages that call a model"},
    "claim": "none",
    "rows": 24,
    "stages": {
        "responses": {"use": "generators.Sample", "n": 8},
        "cooler": {"use": "generators.Sample", "n": 8, "temperature": 0.7},
    },
}


def environment(root: Path) -> dict[str, str]:
    """Everything under ``root``, the recipe too."""
    file = root / "recipes" / "tests" / "asks_twice" / "defs.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump({"type": "assets.Recipe", "attributes": RECIPE}))
    return few_held_out(root)


def run(root: Path) -> dict[str, Any]:
    """The refresh, in the terminal and without a database."""
    done = subprocess.run(
        [sys.executable, "-m", "assets.cli", "run", "asks_twice", "--refresh", DAY, "--json"],
        env=environment(root),
        cwd=PROJECT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@dataclass
class Project:
    """The services of a machine of its own, and the instance that they share."""

    root: Path
    url: str
    instance: dg.DagsterInstance
    services: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        return environment(self.root) | {
            "DAGSTER_PG_URL": self.url,
            "FACTORY_CODE_SOCKET": str(self.root / "code.sock"),
        }

    @property
    def log(self) -> Path:
        """What all services have printed."""
        return self.root / "services.log"

    def start(self) -> None:
        """Start the code location and the daemon, by the commands of their systemd units."""
        for name in ("code", "daemon"):
            with self.log.open("ab") as log:
                service = subprocess.Popen(
                    command_of(name, self.environment),
                    env=self.environment,
                    cwd=PROJECT,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            self.services.append(service)

    def kill(self, *, with_runs: bool) -> None:
        """Kill both, and the runs that the code location has begun, or those not."""
        for service in self.services:
            if with_runs:
                os.killpg(service.pid, signal.SIGKILL)
            else:
                service.kill()
            service.wait()
        self.services.clear()

    def launch(self) -> None:
        """Ask for a refresh, as the UI does: it is queued for the daemon."""
        command = ["dagster", "job", "launch", "-w", str(PROJECT / "deploy/workspace.yaml")]
        command += ["--location", "preference-factory", "-j", "asks_twice"]
        command += ["--tags", json.dumps({"dagster/partition": DAY})]
        done = subprocess.run(
            [str(Path(sys.executable).parent / command[0]), *command[1:]],
            env=self.environment,
            cwd=PROJECT,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr

    def until(self, what: str, reached: Callable[[], Any]) -> Any:
        """Wait for it; what it is then. A service that ends meanwhile fails the test."""
        started = time.monotonic()
        while not (found := reached()):
            assert time.monotonic() - started < LIMIT, f"{what}: not in {LIMIT} s\n{self.told}"
            for service in self.services:
                with pytest.raises(subprocess.TimeoutExpired):
                    service.wait(0.05)
        return found

    @property
    def told(self) -> str:
        return self.log.read_text()[-5000:]

    def runs(self) -> list[dg.DagsterRun]:
        """All runs, the newest first."""
        return list(self.instance.get_runs())

    def serves(self) -> bool:
        """Whether the code location answers."""
        return (self.root / "code.sock").exists()


def command_of(service: str, environment: dict[str, str]) -> list[str]:
    """What the unit of a service starts, where this project and this environment lie."""
    unit = PROJECT / "deploy" / "systemd" / f"preference-factory-{service}.service"
    (line,) = (line for line in unit.read_text().splitlines() if line.startswith("ExecStart="))
    line = line.removeprefix("ExecStart=")
    line = line.replace("/opt/preference-factory/.venv/bin", str(Path(sys.executable).parent))
    line = line.replace("/opt/preference-factory", str(PROJECT))
    return [Template(word).substitute(environment) for word in shlex.split(line)]


@contextmanager
def factory_floor(root: Path, patch: pytest.MonkeyPatch) -> Iterator[Project]:
    """Services on a PostgreSQL server of their own, which look for dead runs every second."""
    with serving() as url:
        patch.setenv("DAGSTER_PG_URL", url)
        subprocess.run(
            [sys.executable, "-m", "assets.execution.instance"],
            env=environment(root),
            cwd=PROJECT,
            check=True,
        )
        file = root / "dagster" / "dagster.yaml"
        config = yaml.safe_load(file.read_text())
        config["run_monitoring"]["poll_interval_seconds"] = 1
        file.write_text(yaml.safe_dump(config))
        patch.setenv("DAGSTER_HOME", str(root / "dagster"))
        with dg.DagsterInstance.get() as instance:
            project = Project(root, url, instance)
            try:
                yield project
            finally:
                project.kill(with_runs=True)


def test_a_refresh_outlives_the_daemon_and_the_code_location(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = tmp_path / "whole"
    uninterrupted = run(whole)
    asked = calls(uninterrupted)
    written = uninterrupted["stages"]["responses"]["model_calls"]
    seed = random.randrange(2**32)
    print(f"moments of {seed}")
    moments = random.Random(seed)
    early = moments.randrange(1, written)
    late = moments.randrange(written + 1, asked)

    root = tmp_path / "killed"
    with factory_floor(root, monkeypatch) as project:
        project.start()
        project.until("the code location serves", project.serves)
        project.launch()
        project.until("answers", lambda: answers(root) >= early)
        project.kill(with_runs=True)
        kept = answers(root)

        # The run is marked, and started again from the stage it was at.
        project.start()
        project.until("a retry", lambda: len(project.runs()) == 2)
        again, first = project.runs()
        assert first.status == dg.DagsterRunStatus.FAILURE
        assert again.parent_run_id == first.run_id

        # The code location dies, and what it had begun does not: nothing is started twice.
        project.until("more answers", lambda: answers(root) >= late)
        project.kill(with_runs=False)
        project.start()
        project.until("the end", lambda: project.runs()[0].is_finished)
        again, first = project.runs()
        assert again.status == dg.DagsterRunStatus.SUCCESS
        assert answers(root) == asked
        metadata = {
            made.asset_key.path[-1]: made.metadata
            for entry in project.instance.all_logs(again.run_id)
            if (made := entry.asset_materialization)
        }
        paid = sum(one["account"].value.get("model_calls", 0) for one in metadata.values())
        assert paid == asked - kept

        password = project.url.partition("@")[0].rpartition(":")[2]
        for file in root.rglob("*"):
            assert not file.is_file() or password.encode() not in file.read_bytes(), file
        assert password not in project.instance.info_str()

    for table in sorted((whole / "data" / "tables").rglob("*.parquet")):
        expected, resumed = (
            pl.read_parquet(file) for file in (table, root / table.relative_to(whole))
        )
        assert_frame_equal(resumed, expected)
