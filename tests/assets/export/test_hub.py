"""What publishing to the Hub does to a repository, seen from a Hub on this machine."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assets.config.errors import FactoryError
from assets.config.hub_address import repository
from assets.export import hub as publishing
from assets.export.hub import publish
from tests.assets.hub_server import TOKEN, Hub

NAME = "me/prefs"
CARD = "---\ntags:\n- preference-factory\n---\n\n# prefs\n"
COMMITS = r"/commit/main$"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An export of one refresh."""
    made = tmp_path / "export"
    for name in ("data", "candidates"):
        (made / name).mkdir(parents=True)
        add(made, f"{name}/train-2026-11-01.parquet", range(len(name), 5000))
    (made / "README.md").write_text(CARD)
    return made


def add(folder: Path, name: str, numbers: Any) -> None:
    pl.DataFrame({"row": list(numbers)}).write_parquet(folder / name)


def told(folder: Path, **options: Any) -> publishing.Published:
    return publish(folder, NAME, **({"public": False, "message": "5,000 pairs"} | options))


def test_one_commit_holds_everything_and_only_its_owner_sees_it(hub: Hub, folder: Path) -> None:
    done = told(folder)
    repo = hub.repos[NAME]
    assert repo.private
    assert not done.public
    assert (done.url, done.commit) == (f"{hub.url}/datasets/{NAME}", repo.head)
    assert repo.messages == ["initial", "5,000 pairs"]
    assert set(repo.files) == {
        ".gitattributes",
        "README.md",
        "data/train-2026-11-01.parquet",
        "candidates/train-2026-11-01.parquet",
    }
    for name in set(repo.files) - {".gitattributes"}:
        assert repo.files[name] == (folder / name).read_bytes()


def test_public_only_when_asked(hub: Hub, folder: Path) -> None:
    assert told(folder, public=True).public
    assert not hub.repos[NAME].private


def test_nothing_new_is_no_commit(hub: Hub, folder: Path) -> None:
    first = told(folder)
    again = told(folder)
    assert (first.changed, again.changed) == (True, False)
    assert again.commit == first.commit
    assert len(hub.asked("POST", COMMITS)) == 1


def test_a_later_export_sends_what_is_new_and_removes_what_is_gone(hub: Hub, folder: Path) -> None:
    told(folder)
    hub.repos[NAME].commit(hub.repos[NAME].files | {"LICENSE": b"mine"}, "by hand")
    add(folder, "data/train-2026-11-02.parquet", range(7))
    (folder / "candidates" / "train-2026-11-01.parquet").unlink()
    uploads = len(hub.asked("PUT", "/lfs/"))
    told(folder)
    assert len(hub.asked("PUT", "/lfs/")) == uploads + 1
    operations = [json.loads(line) for line in hub.asked("POST", COMMITS)[-1].body.splitlines()]
    assert [(one["key"], one["value"].get("path")) for one in operations[1:]] == [
        ("lfsFile", "data/train-2026-11-02.parquet"),
        ("deletedFile", "candidates/train-2026-11-01.parquet"),
    ]
    assert hub.repos[NAME].files["LICENSE"] == b"mine"


def test_a_head_that_moved_is_read_again(hub: Hub, folder: Path) -> None:
    def another(repo: Any) -> None:
        repo.commit(repo.files | {"notes.md": b"theirs"}, "another writer")

    waits: list[float] = []
    told(folder)
    add(folder, "data/train-2026-11-02.parquet", range(7))
    hub.meanwhile = another
    done = told(folder, wait=waits.append)
    repo = hub.repos[NAME]
    assert len(waits) == 1
    assert repo.messages[-2:] == ["another writer", "5,000 pairs"]
    assert repo.head == done.commit
    assert {"notes.md", "data/train-2026-11-02.parquet"} <= set(repo.files)


@pytest.mark.parametrize(
    ("status", "headers", "least", "most"),
    [
        (429, {"Retry-After": "30"}, 30, 33.1),
        (429, {"RateLimit": '"api";r=0;t=55'}, 55, 60.6),
        (503, {}, 0.2, 10),
        (500, {"Retry-After": "7"}, 7, 8.1),
    ],
)
@pytest.mark.parametrize("path", [r"/commit/main$", r"/api/repos/create$", r"/preupload/main$"])
def test_a_busy_hub_is_asked_again_when_it_says(
    hub: Hub,
    folder: Path,
    path: str,
    status: int,
    headers: dict[str, str],
    least: float,
    most: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits: list[float] = []
    # Where huggingface_hub itself tries again, it waits on this clock.
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", waits.append)
    hub.fail("POST", path, status, times=2, headers=headers)
    done = told(folder, wait=waits.append)
    assert done.changed
    assert len(hub.repos[NAME].commits) == 2
    assert len(waits) == 2
    assert all(least <= seconds <= most for seconds in waits)


def test_a_hub_that_asks_for_too_much_patience_is_an_error(hub: Hub, folder: Path) -> None:
    hub.fail("POST", COMMITS, 429, headers={"Retry-After": "86400"})
    with pytest.raises(FactoryError, match="could not publish to dataset me/prefs: 429"):
        told(folder)
    assert hub.repos[NAME].messages == ["initial"]


def test_a_commit_whose_answer_was_lost_is_not_made_twice(hub: Hub, folder: Path) -> None:
    hub.lost = 1
    done = told(folder, wait=lambda seconds: None)
    assert done.changed
    assert done.commit == hub.repos[NAME].head
    assert hub.repos[NAME].messages == ["initial", "5,000 pairs"]


def test_an_upload_that_is_cut_off_leaves_everything_as_it_was(
    hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(folder)
    before = hub.repos[NAME].head
    add(folder, "data/train-2026-11-02.parquet", range(5000, 9000))
    heads: list[str] = []

    def mend(seconds: float) -> None:
        heads.append(hub.repos[NAME].head)
        hub.cut(False)

    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)
    hub.cut()
    done = told(folder, wait=mend)
    assert heads == [before]
    assert hub.repos[NAME].head == done.commit
    there = hub.repos[NAME].files["data/train-2026-11-02.parquet"]
    assert there == (folder / "data" / "train-2026-11-02.parquet").read_bytes()


def test_a_killed_upload_is_done_by_the_next(hub: Hub, folder: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from assets.export.hub import publish\n"
        "publish(Path(sys.argv[1]), sys.argv[2], public=False, message='killed')"
    )
    environment = {"HF_ENDPOINT": hub.url, "HF_HUB_DISABLE_XET": "1", "HF_TOKEN": TOKEN}
    hub.cut()
    upload = subprocess.Popen(
        [sys.executable, "-c", code, str(folder), NAME], env=os.environ | environment
    )
    try:
        assert hub.halfway.wait(timeout=120)
    finally:
        upload.kill()
        upload.wait()
    assert hub.repos[NAME].messages == ["initial"]
    assert set(hub.repos[NAME].files) == {".gitattributes"}
    hub.cut(False)
    told(folder)
    assert hub.repos[NAME].messages == ["initial", "5,000 pairs"]


def test_the_token_is_sent_as_a_header_and_is_nowhere_else(
    hub: Hub, folder: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    echo = {"error": f"bad request of {TOKEN}"}
    hub.fail("POST", COMMITS, 503, body=echo)
    hub.fail("POST", COMMITS, 403, body=echo)
    with caplog.at_level(logging.DEBUG), pytest.raises(FactoryError) as refused:
        told(folder, wait=lambda seconds: None)
    assert "403" in str(refused.value)
    assert "trying again" in caplog.text
    shown = capfd.readouterr()
    for text in (str(refused.value), caplog.text, shown.out, shown.err):
        assert TOKEN not in text
    told(folder)
    for request in hub.requests:
        assert TOKEN.encode() not in request.body
        assert TOKEN not in request.path
        if request.path.startswith("/api/datasets"):
            assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert all(TOKEN.encode() not in content for content in hub.repos[NAME].files.values())


def test_what_is_not_ours_is_left_alone(hub: Hub, folder: Path) -> None:
    told(folder, public=True)
    with pytest.raises(FactoryError, match="is public: add --public"):
        told(folder)
    mine = {"README.md": b"# My thesis\n", "data/thesis.parquet": b"PAR1"}
    hub.repos[NAME].commit(mine, "by hand")
    with pytest.raises(FactoryError, match="holds files that no export wrote"):
        told(folder, public=True)
    assert hub.repos[NAME].files == mine


def test_without_a_token_nothing_is_asked(
    hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "no token"))
    with pytest.raises(FactoryError, match="set HF_TOKEN, or log in with: hf auth login"):
        told(folder)
    assert hub.requests == []


def test_a_token_that_the_hub_refuses_is_not_tried_again(
    hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_of_somebody_else")
    with pytest.raises(FactoryError, match="could not publish to dataset me/prefs: 401"):
        told(folder)
    assert len(hub.asked("POST", "/api/repos/create")) == 1


@pytest.mark.parametrize("place", ["hf://datasets/me", "hf://me/prefs", "hf://models/me/prefs"])
def test_addresses_of_the_hub(place: str) -> None:
    assert repository("hf://datasets/me/prefs") == "me/prefs"
    assert repository("exports/me/prefs") is None
    with pytest.raises(FactoryError, match="write hf://datasets/NAME/REPO"):
        repository(place)
