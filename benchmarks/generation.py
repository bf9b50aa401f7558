"""Tokens a second that the embedded engine writes, against vLLM on the same processor.

    python -m benchmarks.generation

Both write 8 samples of each prompt with a pocket model in float32 at temperature 1, all prompts
given at once, on one thread; both give the log-prob of each token. vLLM
runs in an environment of its own (``make .venv-vllm/installed``, or ``VLLM_PYTHON``); without one
only ours is measured. Writes ``benchmarks/results/generation.json``.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.results import ROOT, entry, measured, write

COMMAND = "python -m benchmarks.generation"
ABOUT = "Writing with a pocket model of 0.9 million parameters, float32, on the processor."
PEER = "vLLM 0.32 on the processor"
MODEL = "pocket/checkpoints/base"
SAMPLES, TOKENS = 8, 200
VLLM = {
    "VLLM_CPU_KVCACHE_SPACE": "2",
    "VLLM_CPU_OMP_THREADS_BIND": "0",
    "VLLM_LOGGING_LEVEL": "ERROR",
}


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


def vllm_python() -> Path | None:
    """The interpreter of an environment with vLLM, where there is one."""
    found = Path(os.environ.get("VLLM_PYTHON", ROOT / ".venv-vllm" / "bin" / "python"))
    return found if found.exists() else None


def theirs(python: Path, prompts: int) -> dict[str, float]:
    """The same of vLLM."""
    from transformers import AutoTokenizer

    from engines.chat.template import chat_text, prompt_ids

    tokenizer = AutoTokenizer.from_pretrained(ROOT / MODEL)
    asked = [prompt_ids(tokenizer, chat_text(tokenizer, one)) for one in questions(prompts)]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(asked, file)
        file.flush()
        command = [
            python,
            "-P",
            "benchmarks/vllm_tokens.py",
            MODEL,
            file.name,
            str(SAMPLES),
            str(TOKENS),
        ]
        return measured(command, VLLM)


def compare(prompts: int, rounds: int) -> list[dict[str, Any]]:
    """Both, turn about, each in a process of its own; the median of ``rounds``."""
    python = vllm_python()
    mine, other = [], []
    for _ in range(rounds):
        only = [sys.executable, "-m", "benchmarks.generation", "--only", "--prompts", str(prompts)]
        mine.append(measured(only, {"OMP_NUM_THREADS": "1"}))
        if python:
            other.append(theirs(python, prompts))

    def rate(runs: list[dict[str, float]]) -> float | None:
        return statistics.median(run["tokens"] / run["seconds"] for run in runs) if runs else None

    what = f"{prompts} prompts x {SAMPLES} samples of at most {TOKENS} tokens"
    return [entry(what, rate(mine), "tokens/s", rate(other), peer=PEER, command=COMMAND)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="store_true")
    parser.add_argument("--prompts", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.only:
        print(json.dumps(ours(arguments.prompts)))
    else:
        entries = compare(arguments.prompts, arguments.rounds)
        print(write("generation", ABOUT, entries))


if __name__ == "__main__":
    main()
