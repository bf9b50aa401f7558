"""Whether a folder is on a network file system."""

from pathlib import Path

import psutil

_NETWORK = frozenset(
    {"9p", "acfs", "afpfs", "afs", "beegfs", "ceph", "cifs", "davfs", "fhgfs", "fuse", "gfs"}
    | {"gfs2", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs"}
    | {"panfs", "pvfs2", "smb3", "smbfs", "vboxsf", "virtiofs", "webdav"}
)
"""Types of file systems that several machines may have mounted. A type of FUSE counts as one,
because its name tells only the program behind it."""


def network_type(folder: Path) -> str | None:
    """The type of the network file system that ``folder`` is on, such as ``nfs4``; None if it is
    on a local one."""
    resolved = folder.resolve()
    mounted = [
        one for one in psutil.disk_partitions(all=True) if resolved.is_relative_to(one.mountpoint)
    ]
    # A later mount hides an earlier one at the same place.
    kind = max(reversed(mounted), key=lambda one: len(one.mountpoint)).fstype if mounted else ""
    return kind if kind.partition(".")[0].lower() in _NETWORK else None
