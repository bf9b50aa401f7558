"""The journal keeps what was answered, and says in the user's terms why it cannot."""

import asyncio
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engines.journal import identity
from engines.journal.errors import BusyJournalError, JournalError
from engines.journal.statistics import statistics
from engines.journal.store import Journal
from engines.protocol import UnavailableError

HOLD = """
import sys
from pathlib import Path
from engines.journal.lock import FileLock
lock = FileLock(Path(sys.argv[1] + ".lock"))
lock.acquire()
print("held", flush=True)
sys.stdin.read()
"""

FILL = """
import asyncio, os, resource, sys
from pathlib import Path
from engines.journal.errors import JournalError
from engines.journal.store import Journal

async def fill(path, limit):
    journal = Journal(path)
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    model = journal.model("engine", "revision", "name")
    try:
        for number in range(10_000):
            key = number.to_bytes(16, "big")
            await journal.keep(model, "generate", [(key, os.urandom(2000))])
            print(key.hex(), flush=True)
    except JournalError as error:
        print(error, file=sys.stderr)
        sys.exit(7)
    finally:
        journal.close()

asyncio.run(fill(Path(sys.argv[1]), int(sys.argv[2])))
"""


def keep(journal: Journal, model: int, **answers: bytes) -> None:
    async def write() -> None:
        kept = [(key.encode(), answer) for key, answer in answers.items()]
        await journal.keep(model, "generate", kept)

    asyncio.run(write())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "root" / "journal.sqlite"


@contextmanager
def held_by_another_process(path: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_answers_are_found_again(path: Path) -> None:
    journal = Journal(path)
    model = journal.model("engine", "revision", "name")
    keep(journal, model, a=b"one", b=b"two")
    journal.close()
    journal = Journal(path)
    assert journal.find([b"a", b"x", b"b"], model, "generate") == {b"a": b"one", b"b": b"two"}
    many = [number.to_bytes(16, "big") for number in range(1200)]
    assert journal.find([*many, b"a"], model, "generate") == {b"a": b"one"}
    journal.close()


def test_an_answer_is_on_disk_when_keep_returns(path: Path) -> None:
    async def write() -> None:
        await asyncio.gather(
            *(journal.keep(model, "generate", [(bytes([n]), b"answer")]) for n in range(200))
        )
        with sqlite3.connect(path) as other:
            assert other.execute("SELECT count(*) FROM answers").fetchone() == (200,)

    journal = Journal(path)
    model = journal.model("engine", "revision", "name")
    asyncio.run(write())
    journal.close()


def test_statistics_are_read_beside_a_running_writer(path: Path) -> None:
    journal = Journal(path)
    weak = journal.model("engine", "revision-1", "weak")
    strong = journal.model("engine", "revision-2", "strong")
    journal.find([b"a", b"b"], weak, "generate")
    keep(journal, weak, a=b"one", b=b"three")
    journal.find([b"a"], weak, "generate")
    keep(journal, strong, c=b"two")
    found = statistics(path)
    assert found.identity == identity.VERSION
    assert (found.answers, found.hits, found.misses) == (2, 1, 2)
    assert found.bytes > 0
    (usage,) = found.usage
    assert (usage.name, usage.verb, usage.answers, usage.bytes) == ("weak", "generate", 2, 8)
    journal.close()


def test_hits_and_misses_add_up_over_runs(path: Path) -> None:
    for _ in range(2):
        journal = Journal(path)
        model = journal.model("engine", "revision", "name")
        journal.find([b"a"], model, "score")
        keep(journal, model, a=b"one")
        journal.find([b"a"], model, "score")
        journal.close()
    assert (statistics(path).hits, statistics(path).misses) == (3, 1)


def test_who_holds_the_journal_for_long_is_told(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(path)
    monkeypatch.setattr("engines.journal.store.PATIENCE", 0)
    with held_by_another_process(path) as holder:
        with pytest.raises(BusyJournalError, match=rf"pid {holder.pid} on .*another root"):
            keep(journal, 1, a=b"one")
        with pytest.raises(BusyJournalError):
            Journal(path)
        assert statistics(path).answers == 0
    keep(journal, 1, a=b"one")
    journal.close()


def test_on_a_network_file_system_one_process_has_the_journal(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engines.journal.store.network_type", lambda folder: "nfs4")
    journal = Journal(path)
    with pytest.raises(BusyJournalError, match=r"network file system \(nfs4\).*local disk"):
        Journal(path)
    keep(journal, 1, a=b"one")
    journal.close()
    Journal(path).close()


def test_another_program_that_holds_the_file_is_waited_for_by_whoever_can(path: Path) -> None:
    Journal(path).close()
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("PRAGMA locking_mode=EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(UnavailableError, match="another program has locked the journal"):
            Journal(path)
        other.execute("ROLLBACK")


def test_a_worker_of_a_dead_run_does_not_hold_the_journal(path: Path) -> None:
    path.parent.mkdir()
    reading, writing = os.pipe()
    script = f"""
import os, sys
from pathlib import Path
from engines.journal.lock import FileLock
lock = FileLock(Path("{path}.lock"))
lock.acquire()
if os.fork() == 0:
    print("forked", flush=True)
    os.read({reading}, 1)  # outlives the run
    os._exit(0)
sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=[reading],
    ) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == b"forked\n"
        run.send_signal(signal.SIGKILL)
        run.wait()
        try:
            Journal(path).close()
        finally:
            os.close(writing)
            os.close(reading)


def test_another_identity_version_is_refused_untouched(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(path)
    keep(journal, journal.model("engine", "revision", "name"), a=b"one")
    journal.close()
    with monkeypatch.context() as later:
        later.setattr(identity, "VERSION", 2)
        for use in (Journal, statistics):
            with pytest.raises(JournalError, match="version 1, this factory reads version 2: move"):
                use(path)
    journal = Journal(path)
    assert journal.find([b"a"], 1, "generate") == {b"a": b"one"}
    journal.close()


def test_what_is_no_journal_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("name: factory\n" * 100)
    for use in (Journal, statistics):
        with pytest.raises(JournalError, match="is not a journal"):
            use(path)
    assert path.read_text() == "name: factory\n" * 100
    path.unlink()
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE mine (id)")
    with pytest.raises(JournalError, match="another SQLite file"):
        Journal(path)
    other.close()


def test_a_damaged_journal_says_what_to_do(path: Path) -> None:
    journal = Journal(path)
    model = journal.model("engine", "revision", "name")
    keep(journal, model, **{f"key {n}": os.urandom(500) for n in range(200)})
    journal.close()
    content = path.read_bytes()
    path.write_bytes(content[:8192] + os.urandom(4096) * ((len(content) - 8192) // 4096))
    with pytest.raises(JournalError, match=r"is damaged.*move it away"):  # noqa: PT012
        journal = Journal(path)
        try:
            journal.find([f"key {n}".encode() for n in range(200)], model, "generate")
        finally:
            journal.close()


def test_there_is_no_journal_yet(path: Path) -> None:
    with pytest.raises(JournalError, match="there is no journal at"):
        statistics(path)


def test_a_journal_in_the_making_holds_nothing(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    assert statistics(path).answers == 0


@pytest.mark.parametrize("how", ["file size limit", "full file system"])
def test_a_full_disk_loses_nothing(how: str, path: Path) -> None:
    path.parent.mkdir()
    limit = 200_000 if how == "file size limit" else 0
    mounted = False
    if not limit:
        small = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(path.parent)]
        if shutil.which("mount") is None or subprocess.run(small, capture_output=True).returncode:
            pytest.skip("cannot mount a small file system here")
        mounted = True
    try:
        filled = subprocess.run(
            [sys.executable, "-c", FILL, path, str(limit)], capture_output=True, text=True
        )
        assert filled.returncode == 7, filled.stderr
        returned = [bytes.fromhex(line) for line in filled.stdout.split()]
        assert re.search(rf"MB free.*{len(returned)} answers.*same command", filled.stderr)
        copy = shutil.copytree(path.parent, path.parent.parent / "roomy")
        journal = Journal(copy / path.name)
        assert set(journal.find(returned, 1, "generate")) == set(returned)
        assert returned
        keep(journal, 1, more=b"answer")
        journal.close()
    finally:
        if mounted:
            subprocess.run(["umount", path.parent], check=True)
