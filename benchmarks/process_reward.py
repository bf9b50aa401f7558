"""Rewards of all steps of a solution from one forward pass, against one request for each step.

    python -m benchmarks.process_reward

The peer is how step rewards are usually read from a model behind a server: a solution's first step
is sent, then its first two, and so on, and the reward of the last token comes back; here without a
network, in batches as full as ours. Solutions have 8 steps, and both sides the same head on the
same random Llama, run by one thread. The rewards must be the same within 1e-4.
"""

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.results import entry, write
from benchmarks.scoring import make_model

COMMAND = "python -m benchmarks.process_reward"
PEERS = {
    "at once": "one request a step, in batches",
    "in turn": "one request a step, one at a time",
}
STEPS, STEP, PROMPT = 8, 32, 128
"""Steps of a solution, and words of a step and of a prompt."""
VOCABULARY, HIDDEN = 2_000, 512
BATCH_TOKENS = 4096
SAME = 1e-4


@dataclass(frozen=True)
class Asked:
    """A prompt, and a solution of it with the character at which each step ends."""

    prompt: str
    text: str
    ends: list[int]


def make_head(folder: Path) -> None:
    """The random Llama of `benchmarks.scoring` with a head drawn from seed 0."""
    import torch
    from transformers import AutoModelForTokenClassification, AutoTokenizer

    make_model(folder / "language", vocabulary=VOCABULARY, hidden=HIDDEN)
    model = AutoModelForTokenClassification.from_pretrained(folder / "language", num_labels=1)
    with torch.no_grad():
        model.score.weight.normal_(generator=torch.Generator().manual_seed(0))
    model.save_pretrained(folder / "head")
    AutoTokenizer.from_pretrained(folder / "language").save_pretrained(folder / "head")


def solutions(count: int) -> list[Asked]:
    rng = random.Random(0)

    def words(number: int) -> str:
        return " ".join(f"w{rng.randrange(VOCABULARY - 4)}" for _ in range(number))

    made = []
    for _ in range(count):
        text, ends = "", []
        for _ in range(STEPS):
            text += words(STEP) + "\n"
            ends.append(len(text))
        made.append(Asked(words(PROMPT), text, ends))
    return made


def rewards(head: Any, asked: list[list[Asked]]) -> list[list[float]]:
    """The rewards at all ends of each; what is in one inner list is asked for at the same time."""

    async def one(each: Asked) -> list[float]:
        turns = [{"role": "user", "content": each.prompt}]
        return list(await head.rewards(head.solution(turns, each.text, each.ends)))

    async def every() -> list[list[float]]:
        found = []
        for together in asked:
            found += await asyncio.gather(*map(one, together))
        return found

    return asyncio.run(every())


def beginnings(asked: list[Asked]) -> list[Asked]:
    """One for each step: the solution up to there, of which the end is asked for."""
    return [Asked(each.prompt, each.text[:end], [end]) for each in asked for end in each.ends]


def timed(head: Any, asked: list[list[Asked]]) -> tuple[float, float, list[float]]:
    """Seconds of the clock and of the processor, and all rewards in order."""
    started, worked = time.perf_counter(), time.process_time()
    found = rewards(head, asked)
    seconds, processor = time.perf_counter() - started, time.process_time() - worked
    return seconds, processor, [reward for each in found for reward in each]


def compare(count: int, rounds: int) -> list[dict[str, Any]]:
    """All sides, turn about; the median of ``rounds``."""
    import torch

    from annotators.rewards.step_head import StepHead
    from engines.bindings import Binding

    # Several threads wait for each other, and for what else the machine does.
    torch.set_num_threads(1)
    asked = solutions(count)
    steps = beginnings(asked)
    ways = {"ours": [asked], "at once": [steps], "in turn": [[one] for one in steps]}
    clock: dict[str, list[float]] = {name: [] for name in ways}
    processor: dict[str, list[float]] = {name: [] for name in ways}
    apart = 0.0
    with tempfile.TemporaryDirectory() as folder:
        make_head(Path(folder))
        binding = Binding(model=str(Path(folder) / "head"), dtype="float32", device="cpu")
        head = StepHead(binding, batch_tokens=BATCH_TOKENS)
        rewards(head, [asked[:2]])  # threads and allocators start before the clock does
        for _ in range(rounds):
            found = {}
            for name, way in ways.items():
                seconds, worked, found[name] = timed(head, way)
                clock[name].append(seconds)
                processor[name].append(worked)
            for name in PEERS:
                pairs = zip(found["ours"], found[name], strict=True)
                apart = max(apart, *(abs(one - other) for one, other in pairs))
    assert apart < SAME, f"rewards differ by {apart}"
    what = f"{STEPS} steps of {STEP} words after a prompt of {PROMPT}, rewards within {apart:.1e}"

    def lines(taken: dict[str, list[float]], unit: str) -> list[dict[str, Any]]:
        rate = {name: count / statistics.median(each) for name, each in taken.items()}
        return [
            entry(what, rate["ours"], unit, rate[name], peer=peer, command=COMMAND)
            for name, peer in PEERS.items()
        ]

    return lines(clock, "solutions/s") + lines(processor, "solutions per processor second")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--solutions", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    entries = compare(arguments.solutions, arguments.rounds)
    print(write("process_reward", "Rewards of steps on the processor, a random Llama.", entries))


if __name__ == "__main__":
    main()
