"""How long a person waits before anything runs: for the code location with all recipes, for
``factory --help``, and for a stage's own process.

    python -m benchmarks.loading

The median of a few new processes each; one before them warms the disk's cache and is not counted.
The first two are processor seconds, which other work on the machine changes less than seconds, and
are held against limits. The peer of the third is Dagster's default, a new Python for
each stage: ours is forked from a process that has imported everything once (`assets.executing`).
"""

import argparse
import multiprocessing
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from assets.executing import PRELOADED
from benchmarks.results import ROOT, entry, write

COMMAND = "python -m benchmarks.loading"
LIMIT = "the limit"
MOST = {"code location": 8.0, "factory --help": 1.0}


def code_location() -> None:
    """What a stage's process does before the stage."""
    from assets.definitions import floor

    floor().definitions().get_repository_def()


def processor(*arguments: str, times: int) -> float:
    """The median processor time of a new Python, after one that is not counted; seconds."""
    took = []
    for _ in range(times + 1):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        took.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    return statistics.median(took[1:])


def in_process_of(method: str) -> None:
    process = multiprocessing.get_context(method).Process(target=code_location)
    process.start()
    process.join()
    if process.exitcode:
        raise RuntimeError(f"{method}: exit status {process.exitcode}")


def seconds(act: Callable[[], None], times: int) -> float:
    """The median duration of ``act``, after one that is not counted."""
    took = []
    for _ in range(times + 1):
        began = time.perf_counter()
        act()
        took.append(time.perf_counter() - began)
    return statistics.median(took[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=5)
    times = parser.parse_args().times
    load = "from benchmarks.loading import code_location; code_location()"
    ways = {"code location": ["-c", load], "factory --help": ["-m", "assets.cli", "--help"]}
    entries = [
        entry(what, processor(*way, times=times), "s", MOST[what], peer=LIMIT, command=COMMAND)
        for what, way in ways.items()
    ]
    multiprocessing.get_context("forkserver").set_forkserver_preload(list(PRELOADED))
    forked, spawned = (
        seconds(lambda method=method: in_process_of(method), times)  # type: ignore[misc]
        for method in ("forkserver", "spawn")
    )
    entries.append(
        entry(
            "a stage's process, ready to run it",
            forked,
            "s",
            spawned,
            peer="a new Python (spawn)",
            command=COMMAND,
        )
    )
    print(write("loading", "How long a person waits before anything runs.", entries))


if __name__ == "__main__":
    main()
