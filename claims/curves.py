"""Values over what they cost: rows, tokens or rollouts. Between two points the value is linear in
the logarithm of the cost."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from kernels.intervals import Floats


def weights_at(costs: Sequence[float], cost: float) -> Floats:
    """How much the value of each point counts for the value at ``cost``.

    Args:
        costs: Rising, above 0.
        cost: At least the first of them. Above the last the value stays.

    Returns:
        Float[costs], which sum to 1.
    """
    places = np.log(np.asarray(costs, np.float64))
    return np.array([np.interp(np.log(cost), places, one) for one in np.eye(len(costs))])


def cost_of(costs: Sequence[float], values: npt.ArrayLike, value: float) -> float | None:
    """The lowest cost at which the curve reaches ``value``; None if it never does.

    Args:
        costs: Rising, above 0.
        values: Float[costs].
        value: The value. A first point that is as high has reached it: the cost may be lower still.
    """
    heights = np.asarray(values, np.float64)
    above = np.flatnonzero(heights >= value)
    if not len(above):
        return None
    place = int(above[0])
    if place == 0:
        return float(costs[0])
    share = (value - heights[place - 1]) / (heights[place] - heights[place - 1])
    return float(costs[place - 1] * (costs[place] / costs[place - 1]) ** share)
