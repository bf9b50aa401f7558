"""Answers are removed from a journal while runs use it."""

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from engines.journal.pruning import prune
from engines.journal.statistics import statistics
from engines.journal.store import Journal
from tests.engines.journal.test_store import keep

HOLD = """
import sys
from pathlib import Path
from engines.journal.store import Journal
journal = Journal(Path(sys.argv[1]))
journal.model("engine", sys.argv[2], "policy")
print("open", flush=True)
sys.stdin.read()
"""

KILLED = """
import os, signal, sys, time
from pathlib import Path
from engines.journal import pruning
pauses = iter(range(int(sys.argv[2])))
time.sleep = lambda seconds: next(pauses, None) is None and os.kill(os.getpid(), signal.SIGKILL)
pruning._ANSWERS = pruning._PAGES = 50
pruning.prune(Path(sys.argv[1]), {"old"})
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal with 300 answers of a model ``old`` and one of a model ``now``."""
    path = tmp_path / "journal.sqlite"
    journal = Journal(path)
    for revision, count in (("old", 300), ("now", 1)):
        model = journal.model("engine", revision, "policy")
        journal.find([b"never asked"], model, "generate")
        keep(journal, model, **{f"{revision} {n}": bytes(2000) for n in range(count)})
    journal.close()
    return path


@contextmanager
def a_run_that_asks(path: Path, revision: str) -> Iterator[None]:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, path, revision],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        yield
        process.kill()


def answers_by_model(path: Path) -> dict[str, int]:
    """How many answers of each model there are. Raises if the file is not sound."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    return {one.revision: one.answers for one in statistics(path).usage}


def test_answers_of_a_model_are_removed_and_the_file_shrinks(path: Path) -> None:
    before = path.stat().st_size
    assert prune(path, {"old", "unknown"}) == 300
    assert answers_by_model(path) == {"now": 1}
    assert path.stat().st_size < before / 4
    assert prune(path, {"old"}) == 0


def test_a_run_goes_on_meanwhile_and_keeps_what_it_asks(path: Path) -> None:
    with a_run_that_asks(path, "now"):
        assert prune(path, {"old", "now"}) == 300
        assert answers_by_model(path) == {"now": 1}
    assert prune(path, {"old", "now"}) == 1
    assert answers_by_model(path) == {}


def test_a_removed_model_can_be_asked_again(path: Path) -> None:
    prune(path, {"old"})
    journal = Journal(path)
    model = journal.model("engine", "old", "policy")
    journal.find([b"a"], model, "generate")
    keep(journal, model, a=b"one")
    journal.close()
    assert answers_by_model(path) == {"now": 1, "old": 1}


@pytest.mark.parametrize("pauses", [0, 3, 7])
def test_a_killed_prune_leaves_a_sound_journal(path: Path, pauses: int) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, path, str(pauses)])
    assert killed.returncode == -signal.SIGKILL
    left = answers_by_model(path)
    assert left["now"] == 1
    assert prune(path, {"old"}) == left.get("old", 0)
    assert answers_by_model(path) == {"now": 1}


def test_a_journal_of_an_early_version_shrinks_when_no_run_has_it_open(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        # As early versions made it.
        connection.executescript("PRAGMA auto_vacuum=NONE; VACUUM")
    before = path.stat().st_size
    with a_run_that_asks(path, "now"):
        assert prune(path, {"old"}) == 300
        assert answers_by_model(path) == {"now": 1}
        assert path.stat().st_size >= before
    assert prune(path, {"old"}) == 0
    assert path.stat().st_size < before / 4
    assert answers_by_model(path) == {"now": 1}
