"""Tokens a second that the embedded engine writes.

    python -m benchmarks.generation                  # a pocket model
    python -m benchmarks.generation --model FOLDER   # a chat model, beside its peers
    python -m benchmarks.generation --model FOLDER --dtype bfloat16
    python -m benchmarks.generation --model FOLDER --device cuda   # the same on a GPU

A pocket model writes 8 samples of each prompt in float32 at temperature 1, all prompts given at
once, on one thread. A chat model writes one answer of at most 64 tokens to each of 1, 16, 64 and
256 questions at temperature 0.9, on two threads, in float32 unless told otherwise (on a GPU in
bfloat16); so do Transformers' `generate` (batches of similar length) and vLLM, in turns. What the
products of states and weights alone take is the limit of an engine that multiplies by all weights
in this type. Our engine also gives the log-prob of each token. Each measurement is a process of its
own; its clock starts after a first small batch. On a machine that does other work too, compare
processor seconds. Writes ``benchmarks/results/generation.json``.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.results import ROOT, entry, measured, write

COMMAND = "python -m benchmarks.generation"
POCKET = "Writing with a pocket model of 1.8 million parameters, float32, on the processor."
CHAT = {
    "cpu": "Writing with {}, {}, two threads, on the processor.",
    "cuda": "Writing with {}, {}, on a GPU.",
}
DTYPES = {"cpu": "float32", "cuda": "bfloat16"}
MODEL = "pocket/checkpoints/base"
SAMPLES, TOKENS = 8, 200
ANSWERS = (1, 16, 64, 256)
TEMPERATURE, ANSWER_TOKENS = 0.9, 64
VLLM = ROOT / ".venv-vllm" / "bin" / "python"
"""Made by `make test-vllm`. On a GPU vLLM may be where the factory is."""
PEERS = {
    "products": ("limit: the products with the weights alone", sys.executable),
    "generate": ("Transformers' generate, batches of similar length", sys.executable),
    **({"vllm": ("vLLM", VLLM)} if VLLM.exists() else {}),
    **({"vllm": ("vLLM", sys.executable)} if find_spec("vllm") else {}),
}
"""A peer that is not installed is left out."""


def ours(
    model: str,
    prompts: int,
    *,
    samples: int,
    temperature: float,
    limit: int,
    device: str = "cpu",
    dtype: str = "float32",
) -> dict[str, Any]:
    """Seconds of the clock and of the processor, and tokens written, once the engine has begun."""
    from engines.bindings import Binding
    from engines.local.engine import TransformersEngine
    from engines.protocol import Rendered, Sampling

    engine = TransformersEngine(Binding(model=model, dtype=dtype, device=device))
    rendered = [engine.render(messages) for messages in questions(prompts)]
    sampling = Sampling(temperature=temperature, max_tokens=limit)

    async def write_all(asked: list[Rendered]) -> int:
        drawn = await asyncio.gather(
            *(
                engine.generate(prompt, sampling, seed)
                for prompt in asked
                for seed in range(samples)
            )
        )
        return sum(len(text.token_ids) for text in drawn)

    async def timed() -> dict[str, Any]:
        await write_all(rendered[:8])
        started, worked = time.perf_counter(), time.process_time()
        written = await write_all(rendered)
        seconds, processor = time.perf_counter() - started, time.process_time() - worked
        await engine.close()
        return {"seconds": seconds, "processor": processor, "tokens": written}

    return asyncio.run(timed())


def questions(count: int) -> list[list[dict[str, str]]]:
    """Pocket problems, as messages."""
    from pocket import Problems

    return [record["messages"] for record in islice(Problems().prompts(), count)]


def measure(prompts: int, rounds: int) -> list[dict[str, Any]]:
    """The median of ``rounds`` with the pocket model."""
    only = [sys.executable, "-m", "benchmarks.generation", "--only", "--prompts", str(prompts)]
    runs = [measured(only, {"OMP_NUM_THREADS": "1"}) for _ in range(rounds)]
    rate = statistics.median(run["tokens"] / run["seconds"] for run in runs)
    what = f"{prompts} prompts x {SAMPLES} samples of at most {TOKENS} tokens"
    return [entry(what, rate, "tokens/s", peer=None, command=COMMAND)]


def compare(
    model: Path, answers: int, *, rounds: int, device: str, dtype: str
) -> list[dict[str, Any]]:
    """Ours and the peers with a chat model, in turns; the medians of ``rounds``."""
    runs: dict[str, list[dict[str, Any]]] = {side: [] for side in ("ours", *PEERS)}
    two = {"OMP_NUM_THREADS": "2", "VLLM_CPU_OMP_THREADS_BIND": "nobind"}
    with tempfile.TemporaryDirectory() as folder:
        asked = Path(folder) / "questions.json"
        asked.write_text(json.dumps(questions(answers)))
        where = ["--device", device, "--dtype", dtype]
        only = ["--only", "--model", str(model), "--prompts", str(answers), *where]
        commands = {"ours": [sys.executable, "-m", "benchmarks.generation", *only]}
        for side, (_, python) in PEERS.items():
            with_limits = [str(asked), str(TEMPERATURE), str(ANSWER_TOKENS), device, dtype]
            script = [str(python), "-P", "benchmarks/generation_peers.py", side, str(model)]
            commands[side] = [*script, *with_limits]
        for _ in range(rounds):
            for side, done in runs.items():
                done.append(measured(commands[side], two))
                print(answers, side, done[-1], flush=True)

    def rate(side: str, clock: str) -> float:
        return statistics.median(run["tokens"] / run[clock] for run in runs[side])

    what = f"{answers} answers of at most {ANSWER_TOKENS} tokens"
    options = [f"--model {model.name}"]
    options += [f"--device {device}"] if device != "cpu" else []
    options += [f"--dtype {dtype}"] if dtype != DTYPES[device] else []
    command = " ".join([COMMAND, *options])
    return [
        entry(what, rate("ours", clock), unit, rate(side, clock), peer=peer, command=command)
        for side, (peer, _) in PEERS.items()
        for clock, unit in (("seconds", "tokens/s"), ("processor", "tokens a processor second"))
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="store_true")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--prompts", type=int, action="append")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--device", choices=list(CHAT), default="cpu")
    parser.add_argument("--dtype", choices=list(DTYPES.values()))
    given = parser.parse_args()
    dtype = given.dtype or DTYPES[given.device]
    if given.only:
        some = given.prompts[0]
        if given.model:
            limits = {"samples": 1, "temperature": TEMPERATURE, "limit": ANSWER_TOKENS}
            print(
                json.dumps(ours(str(given.model), some, **limits, device=given.device, dtype=dtype))
            )
        else:
            print(json.dumps(ours(MODEL, some, samples=SAMPLES, temperature=1.0, limit=TOKENS)))
    elif given.model:
        entries = []
        for answers in given.prompts or ANSWERS:
            entries += compare(
                given.model, answers, rounds=given.rounds, device=given.device, dtype=dtype
            )
            said = write("generation", CHAT[given.device].format(given.model.name, dtype), entries)
        print(said)
    else:
        print(write("generation", POCKET, measure((given.prompts or [512])[0], given.rounds)))


if __name__ == "__main__":
    main()
