"""The table of all results, for people: ``docs/benchmarks.md``.

python -m benchmarks.table
"""

import json
from itertools import groupby
from pathlib import Path

from benchmarks.results import RESULTS, ROOT, table

PAGE = ROOT / "docs" / "benchmarks.md"
HEAD = """# Benchmarks

What is measured, beside whom, by which command and where. `make bench` runs all of it at smaller
sizes, `make bench-full` at the sizes below; both write `benchmarks/results/`, and this page is made
of it by `python -m benchmarks.table`. The peer runs in the same run, turn about with ours, on the
same input. In the last column more than 1 means that ours is better. The load is that of the
fifteen minutes before: on a machine that other work shares, processor seconds tell more than
seconds.
"""


def write() -> Path:
    """Makes the page of what lies in ``benchmarks/results``; returns its path."""
    parts = [HEAD]
    for path in sorted(RESULTS.glob("*.json")):
        found = json.loads(path.read_text(encoding="utf-8"))
        entries = found if isinstance(found, list) else [found]
        parts.append(f"## {path.stem.replace('_', ' ').capitalize()}\n")
        # What was measured elsewhere, as on a GPU, is a table of its own.
        for (about, machine, command), some in groupby(
            entries, lambda one: (one.get("about", ""), where(one["machine"]), one["command"])
        ):
            parts.append(f"{about} `{command}`, on {machine}.\n\n{table(list(some))}")
    PAGE.write_text("\n".join(parts), encoding="utf-8")
    return PAGE.relative_to(ROOT)


def where(machine: str) -> str:
    """The machine without the load, which is another one from entry to entry."""
    return ", ".join(part for part in machine.split(", ") if not part.startswith("load "))


if __name__ == "__main__":
    print(write())
