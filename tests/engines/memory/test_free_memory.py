"""Free memory: what the machine has, and what a container's limit leaves."""

from pathlib import Path

import psutil
import pytest

from engines.memory import free_memory as module
from engines.memory.free_memory import free_memory


@pytest.fixture
def group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(module, "_GROUPS", tmp_path)
    monkeypatch.setattr(module, "_group", lambda mark: "service")
    return tmp_path


def files(folder: Path, **contents: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / name.replace("__", ".")).write_text(content)


def test_without_a_limit_it_is_what_the_machine_has(group: Path) -> None:
    assert free_memory("cpu") == pytest.approx(psutil.virtual_memory().available, rel=0.2)
    files(group / "service", memory__max="max\n", memory__current="5", memory__stat="")
    assert free_memory("cpu") > 1e6


def test_a_limit_leaves_what_is_not_used_and_pages_of_files(group: Path) -> None:
    stat = "anon 50\ninactive_file 30\n"
    files(group / "service", memory__max="1000\n", memory__current="400", memory__stat=stat)
    assert free_memory("cpu") == 630


def test_the_first_version_of_control_groups(group: Path) -> None:
    files(
        group / "memory" / "service",
        memory__limit_in_bytes="1000",
        memory__usage_in_bytes="900",
        memory__stat="inactive_file 0",
    )
    assert free_memory("cpu") == 100
