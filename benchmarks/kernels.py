"""What the log-probs of given tokens cost on a GPU, from hidden states: milliseconds and memory.

    python -m benchmarks.kernels

`kernels.logprobs.selected_logprobs` (the matrix product and the softmax in one Triton kernel)
against the full logits in plain torch, the same compiled, our blocks in plain torch, and Liger's
fused linear cross entropy where `liger-kernel` is installed. The limit is the matrix product alone,
by cuBLAS. Medians of Triton's `do_bench`; each side's result is first compared with float64 on some
tokens. Writes ``benchmarks/results/kernels.json``. Needs a GPU.
"""

import argparse
from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch
import triton.testing

from benchmarks.results import entry, write
from kernels import blocks
from kernels.head import Head
from kernels.logprobs import selected_logprobs

COMMAND = "python -m benchmarks.kernels"
ABOUT = "Log-probs of given tokens from hidden states, on one GPU."
SIZES = (
    (8192, 4096, 151_936, torch.bfloat16),
    (8192, 2048, 128_256, torch.bfloat16),
    (1024, 4096, 151_936, torch.bfloat16),
    (64, 4096, 151_936, torch.bfloat16),
    (8192, 576, 49_152, torch.bfloat16),
    (2048, 1024, 32_000, torch.float32),
)
"""Tokens, width, words: heads of Qwen3-8B, Llama-3.2-1B and SmolLM2-135M among them."""
CHECKED = 64
"""Tokens compared with float64."""

Side = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


def full(hidden: torch.Tensor, weight: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    """All logits, as a script computes them."""
    logits = (hidden @ weight.T).float()
    return logits.gather(1, ids[:, None])[:, 0] - logits.logsumexp(1)


def liger() -> Side | None:
    """Liger's kernel, or None where it is not installed."""
    if find_spec("liger_kernel") is None:
        return None
    theirs = import_module("liger_kernel.ops.fused_linear_cross_entropy")

    def logprobs(hidden: torch.Tensor, weight: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        found = theirs.fused_linear_cross_entropy_forward(hidden, weight, ids, reduction="none")
        losses: torch.Tensor = found[0]
        return -losses

    return logprobs


def sides() -> dict[str, Side]:
    """Every implementation, ours first."""
    found: dict[str, Side] = {
        "ours": lambda hidden, weight, ids: selected_logprobs(hidden, Head(weight), ids),
        "full logits in torch": full,
        "full logits, torch.compile": torch.compile(full),
        "ours in plain torch, by blocks": lambda hidden, weight, ids: blocks.fold(
            hidden, Head(weight), ids
        ),
    }
    if (theirs := liger()) is not None:
        found["Liger's fused linear cross entropy, forward"] = theirs
    return found


@torch.no_grad()
def compare(tokens: int, width: int, words: int, dtype: torch.dtype) -> list[dict[str, Any]]:
    """The entries of one size."""
    torch.manual_seed(tokens)
    hidden = torch.randn(tokens, width, device="cuda").to(dtype)
    weight = (torch.randn(words, width, device="cuda") / width**0.5).to(dtype)
    ids = torch.randint(0, words, (tokens,), device="cuda")
    some = slice(0, CHECKED)
    truth = full(hidden[some].double(), weight.double(), ids[some]).double()

    def product() -> torch.Tensor:
        return hidden @ weight.T

    work = f"{tokens:,} tokens, {width:,} wide, {words:,} words, {str(dtype).split('.')[1]}"
    limit = triton.testing.do_bench(product, return_mode="median")
    taken: dict[str, tuple[float, float]] = {}
    for name, side in sides().items():
        found = side(hidden, weight, ids)
        off = (found[some].double() - truth).abs().max().item()
        torch.cuda.synchronize()
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        side(hidden, weight, ids)
        torch.cuda.synchronize()
        held = (torch.cuda.max_memory_allocated() - before) / 2**20
        taken[name] = (
            triton.testing.do_bench(partial(side, hidden, weight, ids), return_mode="median"),
            held,
        )
        print(f"{work}: {name}: {taken[name][0]:.3f} ms, {held:.1f} MB, off {off:.2e}", flush=True)
    mine, memory = taken.pop("ours")
    made = [entry(work, mine, "ms", limit, peer="limit: the matrix product alone", command=COMMAND)]
    for name, (time, held) in taken.items():
        made.append(entry(work, mine, "ms", time, peer=name, command=COMMAND))
        made.append(
            entry(f"{work}: memory beside inputs", memory, "MB", held, peer=name, command=COMMAND)
        )
    return made


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    entries: list[dict[str, Any]] = []
    for size in SIZES:
        torch._dynamo.reset()
        entries += compare(*size)
        torch.cuda.empty_cache()
    print(write("kernels", ABOUT, entries))


if __name__ == "__main__":
    main()
