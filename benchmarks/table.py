"""The table of all results, for people: ``docs/benchmarks.md``.

python -m benchmarks.table
"""

from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from benchmarks.results import RESULTS, ROOT, read, table

PAGE = ROOT / "docs" / "benchmarks.md"
HEAD = """# Benchmarks

What is measured, against which peer, by which command and on which machine. `make bench-full`
writes `benchmarks/results/`, and `python -m benchmarks.table` makes this page of it; `make bench`
prints the same at smaller sizes. The peer runs in the same run, in turns with ours, on the same
input. In the last column more than 1 means that ours is better. On a machine that other work
shares, processor seconds tell more than seconds.
"""


def write() -> Path:
    """Makes the page of what lies in ``benchmarks/results``; returns its path."""
    found = {path.stem: read(path) for path in sorted(RESULTS.glob("*.json"))}
    PAGE.write_text("\n".join([HEAD, *sections(found)]), encoding="utf-8")
    return PAGE.relative_to(ROOT)


def sections(results: Mapping[str, list[dict[str, Any]]]) -> Iterator[str]:
    """What each benchmark found; a table for each machine and command."""
    for name, entries in results.items():
        if entries:
            yield f"## {name.replace('_', ' ').capitalize()}\n"
        # What was measured elsewhere, as on a GPU, is a table of its own.
        for (about, machine, command), some in groupby(
            entries, lambda one: (one.get("about", ""), where(one["machine"]), one["command"])
        ):
            yield f"{about} `{command}`, on {machine}.\n\n{table(list(some))}"


def where(machine: str) -> str:
    """The machine without the load, which is another one from entry to entry."""
    return ", ".join(part for part in machine.split(", ") if not part.startswith("load "))


if __name__ == "__main__":
    print(write())
