"""What a user gets wrong is said in one message, and what was paid for before stays."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from polars.testing import assert_frame_equal
from typer.testing import CliRunner, Result

from assets.cli import app
from assets.prompts.incremental_read import UNREADABLE
from assets.storage.tables import Tables
from engines.journal import identity
from engines.journal.statistics import statistics
from engines.journal.store import Journal

DAY = "2026-11-01"
STAGES = {
    "responses": {"use": "generators.Sample", "n": 2, "max_tokens": 4},
    "right": {"use": "annotators.Verifier", "of": "responses"},
}
GOOD = {"question": "What is 1 and 1?", "answer": "2"}


def run(workshop: Any, name: str, *prompts: Any) -> Result:
    """``factory run`` of a recipe ``name`` that asks ``prompts``, the lines of a file."""
    file = workshop.folder / f"{name}.jsonl"
    file.write_text("".join(json.dumps(prompt) + "\n" for prompt in prompts))
    read = {"use": "generators.Files", "path": str(file), "prompt": "question"}
    read |= {"reference": "answer", "licence": "CC0-1.0"}
    workshop.source(f"{name}_file", read=read, check="engines.checks.gsm8k")
    workshop.recipe(name, STAGES, sources={f"{name}_file": 1.0})
    return CliRunner().invoke(app, ["run", name, "--refresh", DAY, "--json"])


@contextmanager
def no_model() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACTORY_ROLES__POLICY__MODEL", "/gone/model")
        yield


@contextmanager
def another_version() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(identity, "VERSION", identity.VERSION + 1)
        yield


@pytest.mark.parametrize(
    ("name", "prompts", "broken", "told"),
    [
        ("gone", [GOOD], no_model, "there is no model at /gone/model"),
        ("empty", [], nullcontext, "empty.jsonl is empty: it holds no prompt"),
        ("columns", [{"problem": "1 + 1"}], nullcontext, "no column 'question'; it has 'problem'"),
        ("version", [GOOD], another_version, "move the file away to begin a new journal"),
    ],
)
def test_what_stops_a_run_is_told_and_costs_nothing(
    ran: Any,
    name: str,
    prompts: list[Any],
    broken: Callable[[], AbstractContextManager[None]],
    told: str,
) -> None:
    workshop, _ = ran
    with kept(workshop), broken():
        stopped = run(workshop, name, *prompts)
    refused(stopped, told)


def test_a_tokenizer_without_chat_template_is_told(
    ran: Any, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workshop, _ = ran
    bare = shutil.copytree(tiny_model, tmp_path / "bare")
    for template in bare.glob("chat_template*"):
        template.unlink()
    monkeypatch.setenv("FACTORY_ROLES__POLICY__MODEL", str(bare))
    with kept(workshop):
        stopped = run(workshop, "bare", GOOD)
    refused(stopped, f"{bare}: its tokenizer has no chat template")


def test_a_run_goes_on_beside_another_one(ran: Any) -> None:
    workshop, _ = ran
    other = Journal(workshop.folder / "data" / "journal.sqlite")
    try:
        done = json.loads(run(workshop, "twice_at_once", GOOD).stdout)
    finally:
        other.close()
    assert done["stages"]["responses"]["kept"] == 1


def test_what_spoils_a_row_costs_that_row(ran: Any) -> None:
    workshop, _ = ran
    done = run(
        workshop,
        "spoilt",
        GOOD | {"question": "What is 2 and 1?", "answer": "3"},
        GOOD | {"question": None},
        GOOD | {"question": 5},
        GOOD | {"question": "What is 1 and 1? " * 60},
        GOOD | {"question": "What is in the book?", "answer": "see the book"},
    )
    tables = Tables(workshop.folder / "data")
    unread = tables.read_dropped(("prompts", "spoilt_file"), DAY)
    assert unread.select("row_id", "reason").rows() == [
        ("spoilt.jsonl, line 2", "column 'question' is null"),
        ("spoilt.jsonl, line 3", "column 'question' must be text, not int '5'"),
        ("spoilt.jsonl, line 5", UNREADABLE),
    ]
    stages = json.loads(done.stdout)["stages"]
    assert [stages["responses"][count] for count in ("in", "kept")] == [2, 1]
    assert stages["responses"]["dropped"] == {"not answered": 1}
    unanswered = tables.read_dropped(("spoilt", "responses"), DAY)
    assert "tokens and the model takes 512" in unanswered["numbers"].item()
    assert "no number is found in the reference 'see the book'" in unread["numbers"][-1]


@contextmanager
def kept(workshop: Any) -> Iterator[None]:
    """Asserts that the journal and the tables of the recipe that ran are as they were."""
    journal, tables = workshop.folder / "data" / "journal.sqlite", Tables(workshop.folder / "data")
    before = statistics(journal).answers, tables.read(("first", "responses"), DAY)
    assert before[0] > 0
    yield
    assert statistics(journal).answers == before[0]
    assert_frame_equal(tables.read(("first", "responses"), DAY), before[1])


def refused(stopped: Result, told: str) -> None:
    """Asserts that it failed with a message that says ``told``, and nothing on standard output."""
    assert stopped.exit_code == 1
    assert told in stopped.stderr
    assert "Traceback" not in stopped.stderr
    assert stopped.stdout == ""
