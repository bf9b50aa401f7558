"""The noise of a row: its n-th uniform number depends only on its seed and n.

Philox is counter-based (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011), so
a row samples the same text in any batch, in any order, and after a restart.
"""

import numpy as np
import numpy.typing as npt

_DRAWS_A_COUNT = 4
"""Philox-4x64 gives four 64-bit words for each value of its counter."""


def uniforms(seed: int, *, start: int = 0, count: int) -> npt.NDArray[np.float64]:
    """The uniform numbers ``start`` to ``start + count`` of a row.

    Args:
        seed: the row's seed, 0 ≤ seed < 2⁶⁴.
        start: the first number.
        count: how many.

    Returns:
        Float64[count] in [0, 1).

    Raises:
        ValueError: the seed is out of range.
    """
    if not 0 <= seed < 1 << 64:
        raise ValueError(f"a row's seed is a 64-bit number, not {seed}")
    skipped = start % _DRAWS_A_COUNT
    bits = np.random.Philox(key=seed, counter=start // _DRAWS_A_COUNT)
    return np.random.Generator(bits).random(skipped + count)[skipped:]
