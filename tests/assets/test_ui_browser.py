"""The Dagster UI in a real browser: its graph, the first stages of a refresh, what is told of them.

Screenshots are left in ``artefacts/ui`` of the project.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import quote

import dagster as dg
import pytest

from tests.checkout import PROJECT
from tests.test_killed import environment

pytestmark = pytest.mark.browser

ARTEFACTS = PROJECT / "artefacts" / "ui"
DAY = "2026-11-01"
ROWS = 16
STAGES = ("prompts", "responses", "scores", "pairs")
FIRST = '+key:"online_dpo/pairs"'
"""The recipe's pairs and all that they are made from, in Dagster's words."""
GROUP = quote('group:"loops/online_dpo"', safe="")

PATIENCE = 360.0
"""Seconds that a busy machine may take to start the services, or to run six stages."""


@dataclass(frozen=True)
class Services:
    """A webserver, a daemon and a code location, as ``make serve`` starts them."""

    url: str
    process: "subprocess.Popen[bytes]"
    log: Path
    instance: dg.DagsterInstance

    def until(self, reached: Callable[[], Any]) -> Any:
        """What ``reached`` gives once that is something."""
        deadline = monotonic() + PATIENCE
        while not (found := reached()):
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(0.2)
                raise AssertionError(f"the services ended:\n{self.log.read_text()[-3000:]}")
            assert monotonic() < deadline, self.log.read_text()[-3000:]
        return found

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/server_info", timeout=10) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, TimeoutError):
            return False


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    root = tmp_path_factory.mktemp("ui")
    told = environment(root) | {"FACTORY_OWNERS": '["team:alignment"]'}
    subprocess.run(
        [sys.executable, "-m", "assets.execution.instance"], cwd=PROJECT, env=told, check=True
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command = [sys.executable, "-m", "dagster", "dev", "--host", "127.0.0.1", "--port", port]
    log = root / "log"
    with (
        log.open("wb") as said,
        dg.DagsterInstance.from_config(told["DAGSTER_HOME"]) as instance,
        subprocess.Popen(
            [*command, "--workspace", str(PROJECT / "workspace.yaml")],
            cwd=PROJECT,
            env=told,
            stdout=said,
            stderr=said,
            start_new_session=True,
        ) as process,
    ):
        started = Services(f"http://127.0.0.1:{port}", process, log, instance)
        try:
            started.until(started.answers)
            yield started
        finally:
            os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture
def page(browser: Any, services: Services) -> Iterator[Any]:
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    context = browser.new_context(viewport={"width": 1500, "height": 1000})
    context.set_default_timeout(500 * PATIENCE)
    opened = context.new_page()
    yield opened
    opened.screenshot(path=ARTEFACTS / "last.png")
    context.close()


def test_the_first_stages_of_a_refresh_are_made_and_shown(services: Services, page: Any) -> None:
    location = f"{services.url}/locations/preference-factory"
    # What the UI's own links to a group lead to, with both boxes open.
    opened = "global@global:loops,global@global:loops/online_dpo"
    page.goto(f"{services.url}/asset-groups~{GROUP}/?expanded={quote(opened, safe='')}")
    for stage in (*STAGES, "policy", "validated"):
        page.get_by_text(stage, exact=True).first.wait_for()
    page.screenshot(path=ARTEFACTS / "graph.png")

    page.goto(f"{location}/jobs/online_dpo~{quote(FIRST, safe='')}/")
    launch(page)
    (run,) = services.until(lambda: services.instance.get_runs(limit=1))
    services.until(lambda: ended(services, run.run_id))
    page.goto(f"{services.url}/runs/{run.run_id}")
    page.get_by_text("Success", exact=True).first.wait_for()
    page.screenshot(path=ARTEFACTS / "run.png")

    page.goto(f"{services.url}/assets/online_dpo/responses?view=overview")
    for said in ("RLHF Workflow: From Reward Modeling to Online RLHF", "family: loops"):
        page.get_by_text(said).first.wait_for()
    page.get_by_text("alignment", exact=True).first.wait_for()
    page.screenshot(path=ARTEFACTS / "asset.png")

    page.goto(f"{services.url}/assets/online_dpo/pairs?view=events&partition={DAY}")
    for name in ("share kept", "rows/s", "drop reasons", "histogram: margin of a pair"):
        page.get_by_text(name, exact=True).first.wait_for()
    page.screenshot(path=ARTEFACTS / "metadata.png")
    row = page.locator("tr", has=page.get_by_text("funnel", exact=True)).first
    row.get_by_text(re.compile("Show Markdown")).click()
    picture = page.get_by_role("img", name=re.compile(f"^{ROWS} prompts in"))
    picture.wait_for()
    assert picture.evaluate("one => one.decode().then(() => one.naturalWidth)") > 0
    page.screenshot(path=ARTEFACTS / "funnel.png")


def launch(page: Any) -> None:
    """Start the shown assets at ``DAY`` from the launchpad, with few rows."""
    page.get_by_role("button", name="Materialize all").locator("xpath=following::button[1]").click()
    page.get_by_text("Open launchpad").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_placeholder("Partition").click()
    page.keyboard.type(DAY)
    page.get_by_text(DAY, exact=True).last.click()
    dialog.locator(".CodeMirror").last.click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(f"ops: {{online_dpo__prompts: {{config: {{rows: {ROWS}}}}}}}")
    dialog.get_by_text("The run configuration of the stage").wait_for()
    page.screenshot(path=ARTEFACTS / "launchpad.png")
    dialog.get_by_role("button", name="Materialize").click()


def ended(services: Services, run_id: str) -> bool:
    """Whether the run has succeeded; a failed one fails the test with its words."""
    run = services.instance.get_run_by_id(run_id)
    assert run is not None
    if run.is_failure:
        failures = services.instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
        pytest.fail("; ".join(str(each.dagster_event) for each in failures))
    return bool(run.is_success)
