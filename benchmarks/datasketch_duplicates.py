"""datasketch's side of `benchmarks.deduplication`, in the peers' environment.

    .venv-bench/bin/python -m benchmarks.datasketch_duplicates TEXTS THRESHOLD

TEXTS is a JSON file of texts. Each is looked up in an index of those that were kept before it, and
kept if nothing is found. Prints the seconds that took, of the clock and of the processor, and the
rows that were dropped, as JSON.
"""

import json
import sys
import time
from pathlib import Path

from datasketch import MinHash, MinHashLSH

from benchmarks.rensa_duplicates import shingles


def main(path: str, threshold: str) -> None:
    texts = json.loads(Path(path).read_text())
    started, worked = time.perf_counter(), time.process_time()
    index, dropped = MinHashLSH(threshold=float(threshold), num_perm=128), []
    for row, text in enumerate(texts):
        sketch = MinHash(num_perm=128)
        sketch.update_batch([shingle.encode() for shingle in shingles(text)])
        if index.query(sketch):
            dropped.append(row)
        else:
            index.insert(row, sketch)
    seconds, processor = time.perf_counter() - started, time.process_time() - worked
    print(json.dumps({"seconds": seconds, "processor": processor, "dropped": dropped}))


if __name__ == "__main__":
    main(*sys.argv[1:])
