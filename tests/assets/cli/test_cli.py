"""The command line: what it prints, where, and how it fails."""

import contextlib
import json
import os
import re
import subprocess
import sys
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from assets.cli import app


def factory(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_help_is_broken_where_the_terminal_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    lines = CliRunner().invoke(app, ["report", "--help"]).output.splitlines()
    assert any("scores and lengths, agreement of annotators, dropped" in line for line in lines)


def test_help_waits_for_nothing_heavy() -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from assets.cli import app\n"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0\n"
        "print(*({'dagster', 'polars', 'torch', 'datasets'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_recipes_as_json(workshop: Any) -> None:
    workshop.recipe("mine")
    found = {recipe["id"]: recipe for recipe in json.loads(factory("recipes", "--json").stdout)}
    assert {"raft", "online_dpo", "random_pairs", "mine"} <= set(found)
    assert found["online_dpo"]["family"] == "loops"
    assert found["mine"] == {
        "id": "mine",
        "family": "tests",
        "paper": {"title": "A paper", "arxiv": None, "code": None},
        "year": None,
        "claim": "It helps",
        "stages": ["responses", "pairs", "policy", "validated"],
        "needs": ["policy"],
        "refreshed": None,
        "refused": None,
    }


def test_run_prints_one_json_object_and_nothing_else(ran: Any) -> None:
    # A real process: whatever libraries and children write must not reach its standard output.
    command = [sys.executable, "-m", "assets.cli", "run", "first", "--refresh", "2026-11-01"]
    done = subprocess.run(
        [*command, "--json"], capture_output=True, text=True, env=os.environ, check=False
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["recipe"] == "first"
    assert told["stages"]["responses"]["journal_hits"] == 12
    assert told["stages"]["responses"]["model_calls"] == 0


def test_rounds_are_told_one_by_one(ran: Any) -> None:
    workshop, _ = ran
    workshop.recipe("asks", {"responses": {"use": "generators.Sample", "max_tokens": 4}}, rows=2)
    done = factory("run", "asks", "--refresh", "2026-11-11", "--rounds", "2", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["refresh"] == "2026-11-11"
    assert [each["refresh"] for each in told["rounds"]] == ["2026-11-10", "2026-11-11"]


def test_run_for_people_shows_stages_and_accuracy(ran: Any) -> None:
    done = factory("run", "first", "--refresh", "2026-11-01")
    assert done.exit_code == 0, done.output
    for told in ("responses", "tokens/s", "held-out accuracy", "95 % interval", "tables", "policy"):
        assert told in done.stdout


@pytest.mark.usefixtures("ran")
def test_a_terminal_shows_how_far_a_stage_is() -> None:
    reading, writing = os.openpty()
    command = [sys.executable, "-m", "assets.cli", "run", "first", "--refresh", "2026-11-01"]
    with subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=writing,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "160"},
    ) as process:
        os.close(writing)
        told = bytearray()
        # Linux ends the reading of a terminal that nobody has open any more with an error.
        with contextlib.suppress(OSError):
            while part := os.read(reading, 4096):
                told += part
    os.close(reading)
    assert process.returncode == 0
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", told.decode())
    assert re.search(r"first/responses .* 6/6 .* rows/s, .* tokens/s", plain)


def test_show_prints_pairs_as_text(ran: Any) -> None:
    done = factory("show", "first", "--rows", "1")
    assert done.exit_code == 0, done.output
    assert "chosen" in done.stdout
    assert "rejected" in done.stdout
    assert factory("show", "first/responses").exit_code == 0
    assert factory("show", "prompts/few_held_out").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("run", "online_dp"), "there is no recipe 'online_dp'; did you mean 'online_dpo'"),
        (("run", "online_dpo", "--refresh", "today"), "is not a date"),
        (("show", "random_pairs/pears"), "no stage 'pears'; did you mean 'pairs'"),
        (("show", "random_pairs"), "has no rows yet; make them: factory run random_pairs"),
        (("export", "random_pairs", "nowhere"), "make its pairs with: factory run random_pairs"),
        (("journal",), "there is no journal at"),
        (("run", "online_dpo", "--rows", "1"), "no model"),
    ],
)
def test_errors_are_one_message_without_a_traceback(
    workshop: Any, arguments: tuple[str, ...], told: str
) -> None:
    done = factory(*arguments)
    assert done.exit_code == 1
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_wrong_configuration_is_explained(workshop: Any) -> None:
    workshop.configure(widow=3)
    done = factory("recipes")
    assert done.exit_code == 1
    assert "field 'widow': unknown field; did you mean 'window'" in done.stderr


def test_journal_shows_what_it_holds_and_keeps_what_is_current(ran: Any) -> None:
    shown = factory("journal")
    assert "hit rate" in shown.stdout
    kept = factory("journal", "prune")
    assert kept.stdout.startswith("0 answers removed")
