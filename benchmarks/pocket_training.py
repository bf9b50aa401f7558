"""Loss of pocket models on held-out lessons after equal processor time, by optimiser and size.

    python -m benchmarks.pocket_training --seconds 150 muon:128x4 adamw:128x4 muon:192x4

A name is an optimiser, a hidden size and a number of layers; rates may follow: muon:128x4:0.02.
"""

import argparse
import time
from dataclasses import replace
from itertools import islice

import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from pocket import learning
from pocket.authors import POPULATIONS
from pocket.courses import RUNS, Course, new_tokenizer
from pocket.learning import Past, new_model, teach
from pocket.rows import Stream
from pocket.skills import skills

MIXTURE = skills(*POPULATIONS)
EVENING = 0.7
PROBED = 4
"""Steps by which the number of steps that fit is found."""


def adamw(model: LlamaForCausalLM) -> list[torch.optim.Optimizer]:
    """AdamW for all weights, as the first checkpoints were trained."""
    weights = list(model.parameters())
    groups = [
        {"params": [one for one in weights if one.ndim > 1], "weight_decay": 0.1},
        {"params": [one for one in weights if one.ndim < 2], "weight_decay": 0.0},
    ]
    return [torch.optim.AdamW(groups, betas=(0.9, 0.95), fused=True)]


def measured(name: str, tokenizer: PreTrainedTokenizerFast, seconds: float) -> str:
    """A line of the table."""
    optimiser, size, *rate = name.split(":")
    hidden, layers = map(int, size.split("x"))
    run = replace(RUNS["common"], hidden=hidden, layers=layers)
    learning.optimizers = OPTIMISERS[optimiser]
    learning.MATRICES = float(rate[0]) if rate else RATES[optimiser]
    began = time.process_time()
    teach(new_model(tokenizer, run), tokenizer, Course(MIXTURE, PROBED, 1.0, "probe"), Past())
    steps = round(seconds * PROBED / (time.process_time() - began))
    model = new_model(tokenizer, run)
    speeds: list[float] = []
    past = teach(
        model,
        tokenizer,
        Course(MIXTURE, steps, 1.0, "measured", EVENING),
        Past(),
        say=lambda step, loss, speed: speeds.append(speed),
    )
    held = [batch for _, batch in islice(Stream(tokenizer, MIXTURE, "held out"), 16)]
    loss = sum(learning.gradients(model, [batch], EVENING) for batch in held) / len(held)
    count = sum(weight.numel() for weight in model.parameters()) / 1e6
    return (
        f"{name}: {count:.2f} M parameters, {steps} steps, {past.seconds:.0f} s, "
        f"{speeds[-1]:,.0f} tokens/s, held-out loss {loss:.4f}"
    )


OPTIMISERS = {"muon": learning.optimizers, "adamw": adamw}
RATES = {"muon": learning.MATRICES, "adamw": 0.003}


def main() -> None:
    """Print a line a name."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+")
    parser.add_argument("--seconds", type=float, default=150)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    tokenizer = new_tokenizer()
    for name in chosen.names:
        print(measured(name, tokenizer, chosen.seconds), flush=True)


if __name__ == "__main__":
    main()
