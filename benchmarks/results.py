"""What every benchmark writes: entries with the machine beside them, for programs and people."""

import json
import math
import os
import platform
import re
import resource
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"

QUICK = "FACTORY_BENCHMARKS_QUICK"
"""Set where sizes are smaller than those that claims are made of: `python -m benchmarks`."""

COST = frozenset(
    {"s", "ms", "µs", "MB", "GB", "rollouts", "rows", "tokens", "answers again", "nats"}
)
"""Units of which less is better; of all others more is."""


def machine() -> str:
    """The processor, how many of it, and how busy it was with other work; first a GPU in use."""
    name = platform.processor()
    if Path("/proc/cpuinfo").exists():
        found = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
        name = found.group(1) if found else name
    load = os.getloadavg()[2]
    found = f"{os.cpu_count()} x {name}, load {load:.1f}, Python {platform.python_version()}"
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        return f"{torch.cuda.get_device_name()}, torch {torch.__version__}, {found}"
    return found


def peak() -> float:
    """The most memory that this process has held, in GB."""
    # Linux counts units of 1,024 bytes here, macOS bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def measured(
    command: Sequence[str | Path], environment: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The JSON object on the last line that ``command`` prints, run with ``environment`` too."""
    said = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, **(environment or {})}
    )
    if said.returncode:
        raise RuntimeError(f"{command}: {said.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(said.stdout.strip().splitlines()[-1])
    return found


def entry(
    what: str,
    ours: float | None,
    unit: str,
    theirs: float | None = None,
    *,
    peer: str | None,
    command: str,
) -> dict[str, Any]:
    """One line of the results. ``peer`` names whose ``theirs`` is, or the limit that it is.

    ``ratio`` is above 1 where ours is better: ours / theirs, or theirs / ours of a `COST`. What is
    None was not measured here.
    """
    ratio = None
    if ours is not None and theirs is not None:
        better, worse = (theirs, ours) if unit in COST else (ours, theirs)
        ratio = figure(better / worse) if worse else None
    return {
        "entry": what,
        "peer": peer,
        "ours": figure(ours),
        "theirs": figure(theirs),
        "unit": unit,
        "ratio": ratio,
        "machine": machine(),
        "command": command,
    }


def figure(number: float | None) -> float | None:
    """Three digits, or all of a large number's before the point."""
    if number is None or number == 0:
        return number
    return round(number, max(0, 2 - math.floor(math.log10(abs(number)))))


def write(name: str, about: str, entries: Sequence[dict[str, Any]]) -> str:
    """Writes ``results/<name>.json``, but not at the sizes of `QUICK`; returns the same as a table
    for people. Entries about something else stay in the file."""
    if not os.environ.get(QUICK):
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"{name}.json"
        others = [one for one in read(path) if one.get("about") != about] if path.exists() else []
        text = json.dumps(
            [*others, *({**one, "about": about} for one in entries)], indent=2, ensure_ascii=False
        )
        path.write_text(text + "\n", encoding="utf-8")
    return table(entries)


def read(path: Path) -> list[dict[str, Any]]:
    """The entries of a file of results."""
    entries: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return entries


def table(entries: Sequence[Mapping[str, Any]]) -> str:
    """Lines of Markdown, one an entry."""

    def said(number: float | None, unit: str) -> str:
        return "not measured" if number is None else f"{number:,} {unit}"

    lines = ["| | ours | peer or limit | theirs | ours is better by |", "|---|---|---|---|---|"]
    for one in entries:
        theirs = said(one["theirs"], one["unit"]) if one["peer"] else ""
        ratio = "" if one["ratio"] is None else f"{one['ratio']:,}x"
        ours = said(one["ours"], one["unit"])
        lines.append(f"| {one['entry']} | {ours} | {one['peer'] or ''} | {theirs} | {ratio} |")
    return "\n".join(lines) + "\n"
