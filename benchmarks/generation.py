"""Tokens a second that the embedded engine writes.

    python -m benchmarks.generation

It writes 8 samples of each prompt with a pocket model in float32 at temperature 1, all prompts
given at once, on one thread, with the log-prob of each token. Writes
``benchmarks/results/generation.json``.
"""

import argparse
import asyncio
import json
import statistics
import sys
import time
from itertools import islice
from typing import Any

from benchmarks.results import entry, measured, write

COMMAND = "python -m benchmarks.generation"
ABOUT = "Writing with a pocket model of 0.9 million parameters, float32, on the processor."
MODEL = "pocket/checkpoints/base"
SAMPLES, TOKENS = 8, 200


def ours(prompts: int) -> dict[str, float]:
    """Seconds, and tokens written, once the engine has begun."""
    from engines.bindings import Binding
    from engines.local.engine import TransformersEngine
    from engines.protocol import Rendered, Sampling

    engine = TransformersEngine(Binding(model=MODEL, dtype="float32", device="cpu"))
    rendered = [engine.render(messages) for messages in questions(prompts)]
    sampling = Sampling(temperature=1.0, max_tokens=TOKENS)

    async def write_all(asked: list[Rendered]) -> int:
        drawn = await asyncio.gather(
            *(
                engine.generate(prompt, sampling, seed)
                for prompt in asked
                for seed in range(SAMPLES)
            )
        )
        return sum(len(text.token_ids) for text in drawn)

    async def timed() -> dict[str, float]:
        await write_all(rendered[:8])
        started = time.perf_counter()
        written = await write_all(rendered)
        seconds = time.perf_counter() - started
        await engine.close()
        return {"seconds": seconds, "tokens": written}

    return asyncio.run(timed())


def questions(count: int) -> list[list[dict[str, str]]]:
    """Pocket problems, as messages."""
    from pocket import Problems

    return [record["messages"] for record in islice(Problems().prompts(), count)]


def measure(prompts: int, rounds: int) -> dict[str, Any]:
    """The median of ``rounds``, each in a process of its own."""
    only = [sys.executable, "-m", "benchmarks.generation", "--only", "--prompts", str(prompts)]
    runs = [measured(only, {"OMP_NUM_THREADS": "1"}) for _ in range(rounds)]
    rate = statistics.median(run["tokens"] / run["seconds"] for run in runs)
    what = f"{prompts} prompts x {SAMPLES} samples of at most {TOKENS} tokens"
    return entry(what, rate, "tokens/s", peer=None, command=COMMAND)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="store_true")
    parser.add_argument("--prompts", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.only:
        print(json.dumps(ours(arguments.prompts)))
    else:
        print(write("generation", ABOUT, [measure(arguments.prompts, arguments.rounds)]))


if __name__ == "__main__":
    main()
