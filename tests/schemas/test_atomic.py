"""What a reader sees of a file or a folder while it is replaced, and after a crash."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from schemas.atomic import replace_folder, temporary_folder, write_file


def test_a_file_takes_the_place_of_an_older_one(tmp_path: Path) -> None:
    for content in (b"old", b"new"):
        write_file(tmp_path / "file", content)
    assert (tmp_path / "file").read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_write_that_fails_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError("the disk is full")

    write_file(tmp_path / "file", b"old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="full"):
        write_file(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_what_a_killed_process_left_is_removed_and_no_more(tmp_path: Path) -> None:
    for name in (".file.1", ".file.2", ".files.1", "file.1"):
        (tmp_path / name).touch()
    with (tmp_path / ".file.2").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        write_file(tmp_path / "file", b"new")
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"file", ".file.2", ".files.1", "file.1"}


@pytest.mark.parametrize("there", [True, False])
def test_a_folder_gets_its_name_whatever_has_it(tmp_path: Path, there: bool) -> None:
    place, new = tmp_path / "place", tmp_path / "new"
    for folder in [new, *([place] if there else [])]:
        folder.mkdir()
        (folder / folder.name).touch()
    replace_folder(new, place, old=tmp_path / "old")
    assert [path.name for path in place.iterdir()] == ["new"]
    assert not new.exists()
    assert (tmp_path / "old").exists() == there


KILLED = """
import os, pathlib, signal, sys
from schemas.atomic import temporary_folder
with temporary_folder("work-", place=pathlib.Path(sys.argv[1])) as folder:
    (folder / "begun").touch()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_temporary_folder_of_a_killed_process_is_removed_by_the_next(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert len(list(tmp_path.glob("work-*/begun"))) == 1
    with temporary_folder("work-", place=tmp_path) as one:
        assert set(tmp_path.iterdir()) == {one, tmp_path / "other"}
        with temporary_folder("work-", place=tmp_path) as two:
            assert set(tmp_path.iterdir()) == {one, two, tmp_path / "other"}
    assert [path.name for path in tmp_path.iterdir()] == ["other"]
