"""``factory compare``: nothing that differs is cut, and a page can be written."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.assets.cli.test_cli import factory
from tests.assets.reported import REFRESH, write_pairs

LATER = "2026-11-02"


@pytest.fixture
def compared(workshop: Any) -> Any:
    write_pairs(workshop, "ours", 5)
    write_pairs(workshop, "ours", 4, refresh=LATER)
    return workshop


def test_nothing_is_cut(compared: Any, tmp_path: Path) -> None:
    page = tmp_path / "pages/compared.html"
    done = factory("compare", f"ours@{REFRESH}", "ours", "--page", str(page))
    assert done.exit_code == 0, done.output
    assert "…" not in done.stdout
    for told in (f"first: ours@{REFRESH}", f"second: ours@{LATER}", "3 dropped: all equal"):
        assert told in done.stdout
    assert max(map(len, done.stdout.splitlines()[:-1])) == 100
    assert f"ours@{LATER}" in page.read_text()


def test_as_json(compared: Any) -> None:
    done = factory("compare", f"ours@{REFRESH}", "ours", "--json")
    told = json.loads(done.stdout)
    assert told["names"] == [f"ours@{REFRESH}", f"ours@{LATER}"]
    assert {each["stage"]: each["rows"] for each in told["shared"]}["pairs"] == [5, 4]


def test_an_unknown_name(compared: Any) -> None:
    done = factory("compare", "ours", "theirs")
    assert done.exit_code == 1
    assert "there is no recipe 'theirs'" in done.stderr
