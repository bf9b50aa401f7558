"""rensa's side of `benchmarks.deduplication`: its own deduplicator, as its README uses it.

    python -m benchmarks.rensa_duplicates TEXTS THRESHOLD

TEXTS is a JSON file of texts. Prints the seconds that reading shingles out of them and rensa took,
the processor seconds of both and of rensa alone, and the rows that were dropped, as JSON.
"""

import json
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

TOKENS = re.compile(r"\w+|[^\w\s]")
BANDS = 32


def shingles(text: str) -> list[str]:
    """Three tokens in a row, as `filters.Deduplicate` has them."""
    tokens = TOKENS.findall(text.lower())
    return [" ".join(tokens[at : at + 3]) for at in range(max(1, len(tokens) - 2))]


def main(path: str, threshold: str) -> None:
    from rensa import RMinHashDeduplicator

    texts = json.loads(Path(path).read_text())
    started, worked, read = time.perf_counter(), time.process_time(), 0.0

    def rows() -> Iterator[tuple[str, list[str]]]:
        nonlocal read
        for row, text in enumerate(texts):
            began = time.process_time()
            found = shingles(text)
            read += time.process_time() - began
            yield str(row), found

    unique = RMinHashDeduplicator(float(threshold), 128, True, num_bands=BANDS).add_pairs(rows())
    seconds, processor = time.perf_counter() - started, time.process_time() - worked
    dropped = [row for row, kept in enumerate(unique) if not kept]
    found = {"seconds": seconds, "processor": processor, "alone": processor - read}
    print(json.dumps({**found, "dropped": dropped}))


if __name__ == "__main__":
    main(*sys.argv[1:])
