"""Slow, obvious ways to what trainers of preferences compute."""

from typing import Any

import torch

Tensor = torch.Tensor


def logprobs(model: Any, pair: dict[str, Any], side: str) -> Tensor:
    """Of the side's tokens, one at a time."""
    start, ids = len(pair["prompt_ids"]), pair["prompt_ids"] + pair[f"{side}_ids"]
    steps = [model(input_ids=torch.tensor([ids[:n]])).logits[0, -1] for n in range(start, len(ids))]
    return torch.stack([step.log_softmax(-1)[ids[start + n]] for n, step in enumerate(steps)])


def ratio(policy: Any, reference: Any, pair: dict[str, Any], side: str) -> Tensor:
    """log π(y)/π₀(y) token by token."""
    with torch.no_grad():
        before = logprobs(reference, pair, side)
    return logprobs(policy, pair, side) - before


def moved(learner: Any) -> None:
    """Move the policy away from its reference, so that ratios are not all 0."""
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for weights in learner.model.parameters():
            weights += 0.05 * torch.randn(weights.shape, generator=generator)


def plain(learner: Any) -> Any:
    """The policy as it stands, in float64 and without what TRL did to its forward pass."""
    model = type(learner.model)(learner.model.config)
    model.load_state_dict(learner.model.state_dict())
    return model.double().eval()
