"""An export takes another's place whole, and nothing of the user's own."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from assets.config.errors import FactoryError
from assets.export import replace_folder as module
from assets.export.card import MARK
from assets.export.replace_folder import files, replacing

FILES = ("README.md", "data/train-2026-11-01-00000-of-00001.parquet")


def export(folder: Path, text: str) -> None:
    with replacing(folder) as new:
        for name in FILES:
            (new / name).parent.mkdir(exist_ok=True)
            (new / name).write_text(f"{MARK} {text}")


def read(folder: Path) -> set[str]:
    assert {str(file.relative_to(folder)) for file in files(folder)} == set(FILES)
    return {file.read_text().removeprefix(f"{MARK} ") for file in files(folder)}


def killed(work: Callable[[], None]) -> None:
    """Do ``work`` in a process that kills itself in it."""
    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL


def die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def when(condition: bool, act: Callable[..., object]) -> Callable[..., object]:
    """``act`` that ends in death, before it or after it."""

    def last(*given: object) -> None:
        if not condition:
            act(*given)
        die()

    return last


@pytest.mark.parametrize("name", ["_exchanged", "sync", "_clear"])
@pytest.mark.parametrize("before", [True, False])
def test_one_that_is_killed_leaves_the_old_one_or_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, before: bool
) -> None:
    folder = tmp_path / "out"
    export(folder, "old")
    with monkeypatch.context() as patch:
        patch.setattr(module, name, when(before, getattr(module, name)))
        killed(lambda: export(folder, "new"))
    assert read(folder) in ({"old"}, {"new"})
    export(folder, "newest")
    assert read(folder) == {"newest"}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("moves", [1, 2])
def test_where_names_cannot_be_exchanged_the_next_one_repairs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moves: int
) -> None:
    folder = tmp_path / "out"
    export(folder, "old")
    left = [moves]

    def replace(one: Path, other: Path) -> None:
        os.rename(one, other)
        left[0] -= 1
        if not left[0]:
            die()

    monkeypatch.setattr(module, "_exchanged", lambda *_: False)
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", replace)
        killed(lambda: export(folder, "new"))

    def stop() -> None:
        with replacing(folder):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop()
    assert read(folder) == ({"old"} if moves == 1 else {"new"})
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_one_that_is_being_written_is_let_alone(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    with replacing(folder) as first:
        export(folder, "second")
        assert read(folder) == {"second"}
        for name in FILES:
            (first / name).parent.mkdir(exist_ok=True)
            (first / name).write_text(f"{MARK} first")
    assert read(folder) == {"first"}


@pytest.mark.parametrize(
    "name", ["notes.txt", ".env", "data/mine.parquet", "data/deep/train-2026-11-01.parquet"]
)
def test_a_file_of_ones_own_is_refused_and_kept(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "out"
    export(folder, "old")
    own = folder / name
    own.parent.mkdir(exist_ok=True)
    own.write_text("mine")
    with pytest.raises(FactoryError, match=rf"no export wrote .*{own.name}"):
        export(folder, "new")
    assert own.read_text() == "mine"
    assert (folder / "README.md").read_text().endswith("old")


def test_one_that_comes_while_the_export_is_written_is_kept_too(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    export(folder, "old")

    def meanwhile() -> None:
        with replacing(folder) as new:
            (new / "README.md").write_text(MARK)
            (folder / "notes.txt").write_text("mine")

    with pytest.raises(FactoryError, match=r"notes\.txt"):
        meanwhile()
    assert (folder / "notes.txt").read_text() == "mine"
