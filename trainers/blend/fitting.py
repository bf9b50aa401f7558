"""Fits a blend of scores. Imported only when something is trained."""

import torch
from torch import Tensor

from engines.operators.score_blend import Floats
from trainers.dpo.losses import mixture

STEPS = 500
"""The most steps. Logistic regression on a few features needs some ten."""


def fitted(
    chosen: Floats, rejected: Floats, weight: Floats, *, hidden: int, penalty: float, seed: int
) -> tuple[dict[str, Floats], float, int]:
    """The weights of lowest loss of `trainers.Blend`, by L-BFGS from 0, or from random weights of
    hidden units.

    Args:
        chosen: Float[pairs, features], standardised.
        rejected: the same of the other sides.
        weight: Float[pairs], the confidence that the label is right.
        hidden: the number of hidden units; 0 for none.
        penalty: of the squared weights.
        seed: decides where hidden units begin.

    Returns:
        ``output`` and, with hidden units, ``hidden`` and ``bias``, as `ScoreBlend` has them; the
            loss without the penalty, in nats; the number of steps.
    """
    sides = [torch.tensor(side) for side in (chosen, rejected)]
    confidence = torch.tensor(weight)
    features = chosen.shape[1]
    weights = {"output": torch.zeros(hidden or features, dtype=torch.float64)}
    if hidden:
        # With an output of 0 too, no unit would ever move.
        draw = torch.Generator().manual_seed(seed)
        shape, scale = (hidden, features), features**-0.5
        weights["hidden"] = torch.randn(shape, generator=draw, dtype=torch.float64) * scale
        weights["bias"] = torch.zeros(hidden, dtype=torch.float64)
    parameters = [each.requires_grad_() for each in weights.values()]
    optimizer = torch.optim.LBFGS(parameters, max_iter=STEPS, line_search_fn="strong_wolfe")

    def reward(z: Tensor) -> Tensor:
        units = torch.tanh(z @ weights["hidden"].T + weights["bias"]) if hidden else z
        return units @ weights["output"]

    def loss() -> Tensor:
        chosen, rejected = (reward(side) for side in sides)
        return mixture(chosen - rejected, confidence).mean()

    def closure() -> Tensor:
        optimizer.zero_grad()
        squares = sum(weights[name].square().sum() for name in weights if name != "bias")
        objective = loss() + penalty * squares
        objective.backward()  # type: ignore[no-untyped-call]
        return objective

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    steps = int(optimizer.state[parameters[0]]["n_iter"])
    with torch.no_grad():
        reached = float(loss())
    return {name: each.detach().numpy() for name, each in weights.items()}, reached, steps
