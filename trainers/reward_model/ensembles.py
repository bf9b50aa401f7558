"""Reward models that differ, and heads that say how certain they are. Imported only when something
is trained."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch


def drawn_pairs(examples: Sequence[Mapping[str, Any]], heads: int, seed: int) -> list[list[float]]:
    """How often a bootstrap sample of the prompts has each pair: [pairs][heads], 1 on average.

    Of P prompts, P are drawn with replacement for each head, with all their pairs: pairs of one
    prompt are not independent.

    Args:
        examples: ``chosen_ids``, whose first ``prompt_tokens`` are the prompt.
        heads: the number of samples.
        seed: decides the draws.
    """
    prompts = [tuple(each["chosen_ids"][: each["prompt_tokens"]]) for each in examples]
    places = {prompt: place for place, prompt in enumerate(dict.fromkeys(prompts))}
    even = np.full(len(places), 1 / len(places))
    counts = np.random.default_rng(seed).multinomial(len(places), even, size=heads)
    return [counts[:, places[prompt]].astype(float).tolist() for prompt in prompts]


def draw_head(model: Any, *, seed: int) -> None:
    """Give the head of a reward model random weights, as Transformers begins a new one, unless it
    was trained before."""
    weights = model.score.weight.data
    if not weights.any():
        drawn = torch.randn(weights.shape, generator=torch.Generator().manual_seed(seed))
        weights.copy_(drawn * getattr(model.config, "initializer_range", 0.02))


def means(logits: torch.Tensor) -> torch.Tensor:
    """The rewards of each head, Float[..., heads], from Float[..., labels]."""
    labels = logits.shape[-1]
    return logits if labels == 1 else logits[..., : labels // 2]


def margins(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """The log-odds that the chosen side is better, Float[pairs, heads].

    With one label they are h = r(w) − r(l) − ``target``. A head of several has for each answer a
    normal distribution of its reward. The probability is then the mean of σ over that of h, nearly
    σ(E h / √(1 + π/8 · Var h)) (MacKay 1992, The Evidence Framework Applied to Classification
    Networks, doi:10.1162/neco.1992.4.5.720).

    Args:
        logits: Float[2 · pairs, labels], chosen sides first.
        target: Float[pairs, 1].
    """
    chosen, rejected = means(logits).chunk(2)
    difference = chosen - rejected - target
    if logits.shape[-1] == 1:
        return difference
    chosen, rejected = logits[..., logits.shape[-1] // 2 :].exp().chunk(2)
    return difference / (1 + math.pi / 8 * (chosen + rejected)).sqrt()
