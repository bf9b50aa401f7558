"""Log-probs of wanted tokens from hidden states: time, and how far from float64.

    python -m benchmarks.kernels

On the processor, in float32, against all logits at once and TRL's chunked kernel; on a GPU, where
there is one, in bfloat16 at 8,192 tokens x 4,096 x 128,256 words, against the time of cuBLAS for
the bare product (the limit: no kernel can do with less), TRL's and Liger's kernels in the forward
direction. All sides turn about on the same inputs, the medians are told. Worst errors are over
fresh random inputs with logits of −inf, one token, an empty segment and vocabularies that are no
multiple of a block, in 16 and 32 bits (TRL rounds the logits of 16-bit inputs to 16 bits); without
a GPU the Triton kernels run in Triton's interpreter for that. Writes
``benchmarks/results/kernels.json``.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import torch

from benchmarks import kernel_errors
from benchmarks.results import entry, measured, write
from kernels.head import Head
from kernels.logprobs import density_ratios, selected_logprobs, token_statistics

COMMAND = " ".join(["python -m benchmarks.kernels", *sys.argv[1:]])
ABOUT = "Log-probs of wanted tokens straight from hidden states."
GPU = (8192, 4096, 128_256)
CPU = ((2048, 512, 32_000), (2048, 512, 128_000))
LOGITS, TRL, LIGER = (
    "all logits at once",
    "TRL's chunked kernel",
    "Liger's fused linear CE, forward",
)
PRODUCT = "the limit: cuBLAS's time for the product"
BOTH = "two calls, one a model"
MORE = ", entropy and top-1 too"

Task = Callable[[], Any]


def tasks(tokens: int, width: int, words: int, *, device: str) -> dict[str, Task]:
    """What each side runs, by name; a side that cannot run here is left out."""
    dtype = torch.float32 if device == "cpu" else torch.bfloat16
    torch.manual_seed(0)
    hidden = torch.randn(tokens, width, dtype=dtype, device=device)
    head = Head(torch.randn(words, width, dtype=dtype, device=device) * width**-0.5)
    ids = torch.randint(0, words, (tokens,), device=device)

    def full() -> torch.Tensor:
        logits = hidden @ head.weight.T
        return logits.gather(1, ids[:, None])[:, 0] - logits.logsumexp(-1)

    def trl(*outputs: str) -> Any:
        from trl.kernels import ChunkedLogProbFunction

        return ChunkedLogProbFunction.apply(
            hidden, head.weight, None, ids, 1.0, 8192, None, 1.0, outputs
        )

    def liger() -> Any:
        from liger_kernel.ops import fused_linear_cross_entropy as kernel

        return kernel.fused_linear_cross_entropy_forward(hidden, head.weight, ids, reduction="none")

    found: dict[str, Task] = {
        "ours": lambda: selected_logprobs(hidden, head, ids),
        "ours" + MORE: lambda: token_statistics(hidden, head, ids, entropy=True, top1=True),
        LOGITS: full,
        TRL: trl,
        TRL + MORE: lambda: trl("entropy", "is_top1"),
    }
    if device == "cuda":
        other = Head(torch.randn_like(head.weight) * width**-0.5)
        found["ours, two models"] = lambda: density_ratios((hidden, head), (hidden, other), ids)
        found[BOTH] = lambda: (
            selected_logprobs(hidden, head, ids) - selected_logprobs(hidden, other, ids)
        )
        found[PRODUCT] = lambda: hidden @ head.weight.T
        if find_spec("liger_kernel"):
            found[LIGER] = liger
    return found


@torch.no_grad()
def timed(sides: dict[str, Task], *, rounds: int, gpu: bool) -> dict[str, float]:
    """Median milliseconds of each side, all turn about: of the processor, or of the GPU's clock."""
    spent: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(rounds + 1):
        for name, run in sides.items():
            if gpu:
                begun, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))
                begun.record()
                run()
                ended.record()
                torch.cuda.synchronize()
                took = begun.elapsed_time(ended)
            else:
                started = time.process_time()
                run()
                took = (time.process_time() - started) * 1e3
            if turn:  # The first is for tuning, compiling and memory.
                spent[name].append(took)
    return {name: statistics.median(values) for name, values in spent.items()}


def compare(tokens: int, width: int, words: int, *, device: str, rounds: int) -> list[Any]:
    """Entries of one size; what was not run is told so."""
    gpu = device == "cuda"
    took: dict[str, float] = {}
    if not gpu or torch.cuda.is_available():
        took = timed(tasks(tokens, width, words, device=device), rounds=rounds, gpu=gpu)
    work = f"{tokens:,} tokens x {width:,} x {words:,} words, "
    work += "bfloat16 on a GPU" if gpu else "float32, one core"
    pairs = [("ours", LOGITS), ("ours", TRL), ("ours" + MORE, TRL + MORE), ("ours", LIGER)]
    pairs += [("ours", PRODUCT), ("ours, two models", BOTH)] if gpu else []
    return [
        entry(
            work + mine.removeprefix("ours"), took.get(mine), "ms", took.get(peer),
            peer=peer, command=COMMAND,
        )
        for mine, peer in pairs
    ]  # fmt: skip


def errors() -> list[Any]:
    """Entries of the worst errors: ours in torch and in Triton, and TRL's."""
    found = {"torch": kernel_errors.worst("torch"), "TRL": kernel_errors.worst("TRL")}
    if find_spec("triton"):
        here = {} if torch.cuda.is_available() else {"TRITON_INTERPRET": "1"}
        command = [sys.executable, "-m", "benchmarks.kernels", "--errors"]
        found["Triton"] = measured(command, here)
    where = "on a GPU" if torch.cuda.is_available() else "in its interpreter"
    return [
        entry(
            f"worst error of {what} against float64, ours in {name}",
            found.get(side, {}).get(what),
            "nats",
            found["TRL"].get(what),
            peer=TRL if what in found["TRL"] else None,
            command=COMMAND,
        )
        for side, name in (("torch", "torch"), ("Triton", f"Triton {where}"))
        for what in kernel_errors.MEASURED
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--errors", action="store_true", help="of the Triton kernels, as JSON")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", type=int, default=len(CPU), help="how many of the processor's")
    given = parser.parse_args()
    if given.errors:
        print(json.dumps(kernel_errors.worst("Triton")))
        return
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    entries = errors()
    # Threads that wait for each other on a busy machine spend processor time on waiting.
    torch.set_num_threads(1)
    for size in CPU[: given.sizes]:
        entries += compare(*size, device="cpu", rounds=given.rounds)
    entries += compare(*GPU, device="cuda", rounds=given.rounds)
    print(write("kernels", ABOUT, entries))


if __name__ == "__main__":
    main()
