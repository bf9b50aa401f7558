"""Near duplicates among a million responses, against rensa and against datasketch.

    python -m benchmarks.deduplication

Responses of 40 random words; a tenth of them say again, with up to two words changed, what one
before them says: alike to a Jaccard similarity of 0.76 to 1 in runs of three words. Which copies
are alike by 0.85 or more to what they were made from is computed exactly, and recall is the share
of those that is dropped. Both peers decide by MinHashes alone, so each is given the highest
threshold (in steps of 0.05) at which it finds 99 %, at a smaller size; ours confirms what it drops,
and is given 0.85. All start from texts and end with the rows to drop, turn about, each in a process
of its own. datasketch is timed on fewer rows. Writes ``benchmarks/results/deduplication.json``.
"""

import argparse
import json
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks import peers, tables
from benchmarks.rensa_duplicates import shingles
from benchmarks.results import entry, measured, write
from filters import Deduplicate

COMMAND = "python -m benchmarks.deduplication"
ABOUT = "Near duplicates among responses of 40 words, dropped at a Jaccard similarity of 0.85."
THRESHOLD, RECALL = 0.85, 0.99
WORDS, CHANGED = 40, 2
TRIAL = 20_000
THRESHOLDS = (0.85, 0.8, 0.75, 0.7, 0.65, 0.6)


def corpus(count: int) -> tuple[pl.Series, set[int]]:
    """Texts, and the numbers of those that are alike to an earlier one by `THRESHOLD`."""
    rng = np.random.default_rng(0)
    words = rng.integers(tables.VOCABULARY, size=(count, WORDS))
    copies = rng.choice(np.arange(count // 2, count), size=count // 10, replace=False)
    originals = rng.choice(count // 2, size=len(copies), replace=False)
    words[copies] = words[originals]
    for copy, changed in zip(copies, rng.integers(CHANGED + 1, size=len(copies)), strict=True):
        at = rng.choice(WORDS, size=changed, replace=False)
        words[copy, at] = rng.integers(tables.VOCABULARY, size=changed)
    texts = tables.spelled(words)
    pairs = zip(copies.tolist(), texts.gather(copies), texts.gather(originals), strict=True)
    return texts, {copy for copy, one, other in pairs if jaccard(one, other) >= THRESHOLD}


def jaccard(one: str, other: str) -> float:
    """The exact similarity."""
    a, b = set(shingles(one)), set(shingles(other))
    return len(a & b) / len(a | b)


def ours(path: str) -> dict[str, Any]:
    """Seconds, the rows dropped, and the most memory held."""
    texts = pl.Series(json.loads(Path(path).read_text()))
    of = {"responses": tables.responses(texts)}
    names = of["responses"]["response_id"]
    started, worked = time.perf_counter(), time.process_time()
    split = Deduplicate(of="responses", threshold=THRESHOLD).run(of)
    seconds, processor = time.perf_counter() - started, time.process_time() - worked
    dropped = names.is_in(split.dropped["row_id"].implode()).arg_true().to_list()
    # Linux counts kilobytes here, macOS bytes.
    unit = 1e9 if sys.platform == "darwin" else 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    return {"seconds": seconds, "processor": processor, "dropped": dropped, "gigabytes": peak}


def peer(name: str, path: str, threshold: float) -> dict[str, Any]:
    """What ``rensa`` or ``datasketch`` takes, and drops."""
    python = sys.executable if name == "rensa" else peers.python()
    return measured([python, "-m", f"benchmarks.{name}_duplicates", path, str(threshold)])


def recall(found: dict[str, Any], true: set[int]) -> float:
    """The share of the duplicates that was dropped."""
    return len(true.intersection(found["dropped"])) / len(true)


def fitting(name: str) -> float:
    """The highest of `THRESHOLDS` at which a peer finds `RECALL` of a small corpus."""
    texts, true = corpus(TRIAL)
    with saved(texts) as path:
        for threshold in THRESHOLDS:
            if recall(peer(name, path, threshold), true) >= RECALL:
                return threshold
    raise RuntimeError(f"{name} finds {RECALL:.0%} at none of {THRESHOLDS}")


@contextmanager
def saved(texts: pl.Series) -> Iterator[str]:
    """The path of a file of them."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(texts.to_list(), file)
        file.flush()
        yield file.name


def against(name: str, count: int, rounds: int) -> list[dict[str, Any]]:
    """Ours and one peer, turn about; the medians."""
    threshold = fitting(name)
    texts, true = corpus(count)
    mine, other = [], []
    with saved(texts) as path:
        me = [sys.executable, "-m", "benchmarks.deduplication", "--only", path]
        for _ in range(rounds):
            mine.append(measured(me))
            other.append(peer(name, path, threshold))
    found, theirs = recall(mine[0], true), recall(other[0], true)
    what = (
        f"{count:,} responses, {len(true):,} of them duplicates: recall {found:.4f} and none "
        f"dropped that is not; theirs at threshold {threshold} recall {theirs:.4f}"
    )
    wrong = set(mine[0]["dropped"]) - true
    assert not wrong, wrong

    def line(said: str, one: float, unit: str, theirs: float, whose: str) -> dict[str, Any]:
        return entry(f"{what}{said}", one, unit, theirs, peer=whose, command=COMMAND)

    def median(runs: list[dict[str, Any]], part: str) -> float:
        return statistics.median(run[part] for run in runs)

    worked = median(mine, "processor")
    lines = [
        line("", median(mine, "seconds"), "s", median(other, "seconds"), name),
        line(", processor seconds", worked, "s", median(other, "processor"), name),
    ]
    if name == "rensa":
        alone = "rensa alone, which ours has within"
        lines.append(line(", processor seconds", worked, "s", median(other, "alone"), alone))
        peak = max(run["gigabytes"] for run in mine)
        lines.append(line(", memory at the peak", peak, "GB", 6.0, "limit: 6 GB"))
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", metavar="TEXTS")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--few", type=int, default=50_000, help="rows of which datasketch is timed")
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    if given.only:
        print(json.dumps(ours(given.only)))
        return
    entries = against("rensa", given.rows, given.rounds)
    entries += against("datasketch", given.few, given.rounds)
    print(write("deduplication", ABOUT, entries))


if __name__ == "__main__":
    main()
