"""``python -m tests.fuzz readers --count 100000 --seed 0``: fuzz one target by hand."""

import argparse
import sys

from tests.fuzz.fuzzing import fuzz, target_names

parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz one target.")
parser.add_argument("target", choices=target_names())
parser.add_argument("--count", type=int, default=100_000)
parser.add_argument("--seed", type=int, default=0)
chosen = parser.parse_args()
fuzzed = fuzz(
    chosen.target,
    count=chosen.count,
    seed=chosen.seed,
    tell=lambda failure: print(failure, file=sys.stderr, flush=True),
)
print(
    f"{chosen.target}: {fuzzed.tried:,} inputs, {len(fuzzed.failures):,} failures, "
    f"slowest {fuzzed.slowest:.3f} s"
)
sys.exit(bool(fuzzed.failures))
