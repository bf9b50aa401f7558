"""A kill between any two changes of the disk: what is stored before it, or after a run again."""

import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from upath import UPath

from assets.datasets.update import updated
from assets.storage.dataset_versions import Versions
from assets.storage.stage_parts import StageParts
from assets.storage.tables import Tables, table_exists
from schemas import Split, dropped
from tests.assets.datasets.test_stored_decisions import DAYS, Store

KEY, DAY = ("r", "made"), "2026-01-01"


class Killed(BaseException):
    """Stands for a kill."""


class Disk:
    """Counts the changes under a folder, and kills at one of them: it does not happen, and neither
    does any after it."""

    def __init__(self) -> None:
        self.folder = ""
        self.left = 0
        sys.addaudithook(self._heard)

    def killed_at(self, number: int, folder: Path, work: Callable[[], Any]) -> bool:
        """Whether ``work`` came to the change of this number, from 0, and was killed there."""
        self.folder, self.left = str(folder), number
        try:
            work()
        except Killed:
            return True
        finally:
            self.folder = ""
        return False

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        changes = event in ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "shutil.rmtree")
        if event == "open":
            mode = arguments[1]
            changes = isinstance(mode, str) and mode[0] in "wax"
        if not (self.folder and changes and str(arguments[0]).startswith(self.folder)):
            return
        self.left -= 1
        if self.left < 0:
            raise Killed


@pytest.fixture(scope="session")
def disk() -> Disk:
    return Disk()


def rows(*numbers: int) -> pl.DataFrame:
    return pl.DataFrame({"prompt_id": [f"p{number}" for number in numbers]})


OLD = Split(rows(*range(4)), dropped("made", "old", ["a"]))
NEW = [Split(rows(number), dropped("made", "new", [f"b{number}"])) for number in range(5, 8)]


def in_parts(folder: Path, made_by: str, splits: list[Split]) -> None:
    """Write a table as a stage in parts does."""
    parts = StageParts(Tables(folder).path(KEY, DAY))
    for number, split in enumerate(splits):
        if parts.kept(number, made_by) is None:
            parts.write(number, split, made_by=made_by, figures={})
    parts.publish({"by": made_by})


def as_file(folder: Path) -> None:
    Tables(folder).write(KEY, DAY, OLD, about={"by": "old"})


BEFORE: Mapping[str, Callable[[Path], None]] = {
    "nothing": lambda folder: None,
    "a file": as_file,
    "parts": lambda folder: in_parts(folder, "old", [OLD, OLD]),
    "the same parts": lambda folder: in_parts(folder, "new", NEW),
}


@pytest.mark.parametrize("write", ["parts", "file"])
@pytest.mark.parametrize("before", BEFORE)
def test_a_table_is_the_old_one_or_the_new_one(
    tmp_path: Path, disk: Disk, before: str, write: str
) -> None:
    def work(folder: Path) -> None:
        if write == "parts":
            in_parts(folder, "new", NEW)
        else:
            as_file(folder)

    def kept(folder: Path) -> Any:
        if not table_exists(Tables(folder).path(KEY, DAY)):
            return None
        table = Tables(folder).read(KEY, DAY)["prompt_id"].to_list()
        return table, Tables(folder).about(KEY, DAY)

    whole = tmp_path / "whole"
    BEFORE[before](whole)
    old = kept(whole)
    work(whole)
    new = kept(whole)
    number, killed = 0, True
    while killed:
        folder = tmp_path / str(number)
        BEFORE[before](folder)
        killed = disk.killed_at(number, folder, lambda folder=folder: work(folder))
        assert kept(folder) in (old, new), number
        work(folder)
        assert kept(folder) == new, number
        for one in (Tables(folder), Tables(whole)):
            assert one.refreshes(KEY) == [DAY]
        assert Tables(folder).read_dropped(KEY, DAY).equals(Tables(whole).read_dropped(KEY, DAY)), (
            number
        )
        number += 1
    assert number > 5


def test_a_dataset_is_the_old_version_or_the_new_one(tmp_path: Path, disk: Disk) -> None:
    start = Store(tmp_path / "start")
    start.evaluate(900)
    start.write("one", DAYS[0], range(0, 60))
    start.update()
    start.write("one", DAYS[0], range(0, 55))
    start.write("two", DAYS[1], [*range(50, 80), 900])

    def run(folder: Path) -> Any:
        update = updated(start.plan, Tables(folder), Versions(UPath(folder), "mine"))
        versions = Versions(UPath(folder), "mine")
        about = replace(update.version, made=""), update.curation.dropped, versions.numbers()
        return about, versions.read(update.version), versions.remembered().sort("key")

    def equal(one: Any, other: Any) -> bool:
        (version, refused, numbers), *frames = one
        (version2, refused2, numbers2), *frames2 = other
        return (
            (version, numbers) == (version2, numbers2)
            and refused.equals(refused2)
            and all(a.equals(b) for a, b in zip(frames, frames2, strict=True))
        )

    whole = tmp_path / "whole"
    shutil.copytree(start.folder, whole)
    expected = run(whole)
    number, killed = 0, True
    while killed:
        folder = tmp_path / str(number)
        shutil.copytree(start.folder, folder)
        killed = disk.killed_at(number, folder, lambda folder=folder: run(folder))
        versions = Versions(UPath(folder), "mine")
        assert versions.read(versions.version()).height > 0
        assert equal(run(folder), expected), number
        number += 1
    assert number > 10
