"""Whatever a library wraps it in, the user reads the cause, the file and what to do."""

import errno
import json
import os
import resource
import sqlite3
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import polars as pl
import pytest
from typer.testing import CliRunner, Result

from assets.cli import app
from assets.config.causes import cause, message, with_file_name
from assets.config.errors import FactoryError
from assets.execution.retry import as_dagster_failure
from assets.storage.tables import write_whole

DAY = "2026-11-01"


def wrapped(error: Exception) -> BaseException:
    """``error`` as what Dagster raises of an op that it stopped."""

    @dg.op
    def stops() -> None:
        raise error

    @dg.job
    def job() -> None:
        stops()

    with pytest.raises(type(error)) as raised:
        job.execute_in_process()
    return raised.value


def disk(code: int, file: str | None = None) -> OSError:
    return OSError(code, os.strerror(code), file)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (disk(errno.ENOSPC, "/big/rows.parquet"), ["/big/rows.parquet", "No space", "make room"]),
        (disk(errno.EDQUOT, "/big/rows.parquet"), ["/big/rows.parquet", "make room"]),
        (disk(errno.EFBIG, "/big/rows.parquet"), ["/big/rows.parquet", "make room"]),
        (disk(errno.EROFS, "/cd/tables"), ["/cd/tables", "Read-only", "FACTORY_ROOT"]),
        (disk(errno.EACCES, "/root/x"), ["/root/x", "Permission denied", "FACTORY_ROOT"]),
        (disk(errno.ENOENT, "/gone/x"), ["/gone/x", "No such file", "restore what was there"]),
        (disk(errno.ENOTDIR, "/file/x"), ["/file/x", "Not a directory", "another path"]),
        (disk(errno.EIO, "/nfs/x"), ["/nfs/x", "Input/output error", "disk"]),
        (pl.exceptions.ComputeError("IO error: full (os error 28)"), ["No space", "make room"]),
        (sqlite3.OperationalError("database or disk is full"), ["DAGSTER_HOME", "make room"]),
        (sqlite3.OperationalError("attempt to write a readonly database"), ["give this user"]),
        (sqlite3.DatabaseError("database disk image is malformed"), ["move it away"]),
        (FactoryError("bind it in factory.yaml"), ["bind it in factory.yaml"]),
    ],
)
def test_the_cause_is_told_however_it_is_wrapped(
    error: Exception, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "DAGSTER_HOME")
    # Others write to the disk between two messages.
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=0))
    outer = RuntimeError("Error occurred while executing op")
    outer.__cause__ = error
    for each in (error, outer):
        said = message(each) or ""
        assert [part for part in told if part not in said] == []
    with pytest.raises(dg.Failure) as failed, as_dagster_failure():
        raise outer
    assert failed.value.description == message(error)


def test_what_nobody_knows_is_told_by_its_own_name() -> None:
    error = wrapped(ZeroDivisionError("by zero"))
    assert message(error) is None
    assert isinstance(cause(error), ZeroDivisionError)


def test_a_file_that_an_error_does_not_name_is_named() -> None:
    for unnamed in (disk(errno.ENOSPC), pl.exceptions.ComputeError("(os error 28)")):
        with pytest.raises(OSError, match="rows") as raised, with_file_name("/big/rows.parquet"):
            raise unnamed
        assert "/big/rows.parquet cannot be written" in str(message(raised.value))
    with pytest.raises(FileNotFoundError, match="/other"), with_file_name("/big/rows.parquet"):
        raise disk(errno.ENOENT, "/other")
    with pytest.raises(ConnectionError), with_file_name("/big/rows.parquet"):
        raise ConnectionError


def test_a_full_disk_names_the_file_and_leaves_what_was_there(tmp_path: Path) -> None:
    """A real one: a process that may write no file longer than a kilobyte."""
    place = tmp_path / "rows.parquet"
    write_whole(place, b"old")
    code = (
        "import sys; from pathlib import Path; from assets.storage.tables import write_whole\n"
        "from assets.config.causes import message\n"
        "try: write_whole(Path(sys.argv[1]), bytes(5000))\n"
        "except OSError as error: print(message(error))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(place)],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024)),
    )
    assert f"{place} cannot be written (File too large" in done.stdout
    assert place.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["rows.parquet"]


def factory(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def damaged(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-20])


@pytest.mark.parametrize(
    "command",
    [
        ("show", "first"),
        ("report", "first"),
        ("export", "first", "{out}"),
        ("run", "first", "--refresh", DAY, "--json"),
    ],
)
def test_a_damaged_table_is_named_with_the_command_that_makes_it(
    ran: Any, tmp_path: Path, command: tuple[str, ...]
) -> None:
    workshop, _ = ran
    stage = "prompts" if command[0] == "run" else "pairs"
    table = workshop.folder / "data" / "tables" / "first" / stage / f"{DAY}.parquet"
    sound = table.read_bytes()
    damaged(table)
    day = "2026-11-02" if command[0] == "run" else DAY
    try:
        done = factory(*(part.format(out=tmp_path / "out").replace(DAY, day) for part in command))
    finally:
        table.write_bytes(sound)
    assert done.exit_code == 1
    assert f"{table} is damaged" in done.stderr
    assert f"factory run first --refresh {DAY}" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("FACTORY_ROOT", "{file}", "{file}"),
        ("FACTORY_MODELS", "{file}", "{file}"),
        ("FACTORY_JOURNAL", "{folder}", "the journal {folder}"),
        ("DAGSTER_HOME", "{file}", "{file}"),
        ("FACTORY_ROOT", "nothing://there", "nothing://there"),
    ],
)
def test_a_wrong_place_is_named(
    ran: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
    told: str,
) -> None:
    file, folder = tmp_path / "file", tmp_path / "folder"
    file.touch()
    folder.mkdir()
    monkeypatch.setenv(variable, value.format(file=file, folder=folder))
    done = factory("run", "first", "--refresh", DAY, "--json")
    assert done.exit_code == 1
    *_, error = done.stderr.strip().splitlines()
    assert told.format(file=file, folder=folder) in error
    assert "cannot be" in error or "is not a folder" in error
    assert "Traceback" not in done.stderr
    assert "executing op" not in done.stderr


def test_a_journal_that_is_gone_is_not_begun_anew_without_a_word(ran: Any) -> None:
    workshop, _ = ran
    journal = workshop.folder / "data" / "journal.sqlite"
    aside = journal.rename(journal.with_name("aside"))
    try:
        done = factory("run", "first", "--refresh", DAY, "--json")
        again = factory("run", "first", "--refresh", DAY, "--json")
    finally:
        aside.replace(journal)
    assert f"there is no journal {journal}" in done.stderr
    assert "paid for again" in done.stderr
    assert json.loads(done.stdout)["stages"]["responses"]["model_calls"] == 12
    assert "there is no journal" not in again.stderr
