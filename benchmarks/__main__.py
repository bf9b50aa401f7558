"""Every benchmark, one after the other, and the table of their results.

    python -m benchmarks            # a quick set, at smaller sizes: minutes
    python -m benchmarks --full     # the sizes that claims are made of: hours
    python -m benchmarks runtime scoring

One that fails is reported, and the others go on. ``benchmarks/results/NAME.json`` holds what was
measured at full size, and by which command; ``docs/benchmarks.md`` is the table of all. The quick
set is printed only.
"""

import argparse
import os
import subprocess
import sys
import time

from benchmarks import results, table

QUICK: dict[str, list[str]] = {
    "runtime": ["--prompts", "1000", "--large", "20000"],
    "scoring": ["--size", "32000x512", "--size", "128000x512", "--prompts", "1", "--rounds", "1"],
    "tree_search": ["--questions", "8", "--simulations", "4"],
    "first_error": ["--prompts", "8", "--samples", "2"],
    "curated": ["--rows", "5000", "--more", "100"],
    "report": ["--rows", "20000"],
    "million_responses": ["--rows", "8000"],
    "million": ["--rows", "100000", "--rounds", "1"],
    "training": ["--count", "64", "--rounds", "1"],
    "generation": ["--prompts", "32"],
    "concurrency": ["--requests", "500", "--capacity", "8"],
    "replicas": ["--rows", "2000", "--calls", "400", "--rounds", "1"],
    "plan": ["online_dpo", "--rows", "32"],
    "loading": ["--rounds", "1"],
    "resume": ["--rows", "64", "--kills", "2"],
}
"""The benchmarks, and what makes each quick; without it each measures its real sizes."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*QUICK, []])
    parser.add_argument("--full", action="store_true")
    given = parser.parse_args()
    environment = {**os.environ, **({} if given.full else {results.QUICK: "1"})}
    failed = []
    for name in given.names or QUICK:
        started = time.perf_counter()
        command = [sys.executable, "-m", f"benchmarks.{name}", *([] if given.full else QUICK[name])]
        if subprocess.run(command, cwd=results.ROOT, env=environment).returncode:
            failed.append(name)
        print(f"{name}: {time.perf_counter() - started:.0f} s\n", flush=True)
    if given.full:
        print(f"{table.write()}: the table of all results")
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
