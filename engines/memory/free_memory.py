"""The memory that is free, on a CPU and on a GPU, and whether a CPU computes in bfloat16."""

from pathlib import Path

import psutil

_GROUPS = Path("/sys/fs/cgroup")


def free_memory(device: str) -> int:
    """The free memory of ``device`` in bytes. For a CPU, at most what the process's control group
    (a container, a systemd slice) leaves of its limit."""
    if not device.startswith("cpu"):
        import torch

        return int(torch.cuda.mem_get_info(torch.device(device))[0])
    limits = [left for left in (_version_2(), _version_1()) if left is not None]
    return min([int(psutil.virtual_memory().available), *limits])


def computes_bfloat16() -> bool:
    """Whether the CPU has units for bfloat16. Without them its products are emulated."""
    import torch

    able = torch.cpu.get_capabilities()
    return any(able.get(unit, False) for unit in ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16"))


def _version_2() -> int | None:
    group = _group("0::")
    if group is None:
        return None
    folder = _GROUPS / group
    return _left(folder / "memory.max", folder / "memory.current", folder / "memory.stat")


def _version_1() -> int | None:
    group = _group("memory:")
    if group is None:
        return None
    for folder in (_GROUPS / "memory" / group, _GROUPS / "memory"):
        left = _left(
            folder / "memory.limit_in_bytes",
            folder / "memory.usage_in_bytes",
            folder / "memory.stat",
        )
        if left is not None:
            return left
    return None


def _group(mark: str) -> str | None:
    """The path of this process's control group, from the line of its hierarchy."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        if mark in line:
            return line.rpartition(":")[2].lstrip("/")
    return None


def _left(limit: Path, used: Path, stat: Path) -> int | None:
    """The bytes left of a group's limit; pages of files that can be given up count as free."""
    try:
        most, now = limit.read_text().strip(), int(used.read_text())
        counts = dict(line.split() for line in stat.read_text().splitlines())
    except (OSError, ValueError):
        return None
    if not most.isdigit():
        return None
    return max(0, int(most) - now + int(counts.get("inactive_file", 0)))
