"""A journal is shared on local file systems only."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from engines.journal.file_system import network_type


@pytest.mark.parametrize(
    ("mounts", "kind"),
    [
        ([("/", "ext4")], None),
        ([("/", "nfs4")], "nfs4"),
        ([("/", "ext4"), ("{here}", "nfs")], "nfs"),
        ([("{here}", "fuse.sshfs"), ("/", "ext4")], "fuse.sshfs"),
        ([("/", "nfs4"), ("{here}", "xfs")], None),
        ([("{here}", "nfs4"), ("{here}", "tmpfs")], None),
        ([("/", "overlay"), ("{here}/other", "nfs4")], None),
        ([], None),
    ],
)
def test_the_nearest_mount_tells(
    mounts: list[tuple[str, str]],
    kind: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    partitions = [
        SimpleNamespace(mountpoint=place.format(here=tmp_path.resolve()), fstype=fstype)
        for place, fstype in mounts
    ]
    monkeypatch.setattr("psutil.disk_partitions", lambda all: partitions)
    assert network_type(tmp_path / "data") == kind
