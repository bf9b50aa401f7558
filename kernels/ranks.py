"""Rank correlations for millions of groups at once.

Kendall's tau and Spearman's rho are one coefficient (Daniels 1944): Γ = Σ x y / √(Σ x² Σ y²). For
Kendall, x and y are the signs of the differences of each two members. For Spearman, they are the
centred ranks of each member. Both follow from comparisons of a group's members. These are computed
for all groups of one size together, by shifting, in O(members of all groups × size of the group)
and without a [size, size] array.

Groups may have different sizes. They are given as three columns with one row per member, in any
order. A member without a score (NaN) on one side is left out. A group has no agreement (NaN) if
fewer than two members are left, or if all are equal on one side.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Signs = npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Agreement:
    """The agreement of each group, and its size.

    Attributes:
        value: Float64[groups], NaN if there is none.
        members: Int64[groups], the members with scores on both sides.
    """

    value: Floats
    members: Ints


def kendall(groups: Ints, a: Floats, b: Floats, *, count: int) -> Agreement:
    """Kendall's tau-b of ``a`` and ``b`` within each group, in [−1, 1]; ties count for neither.

    ``groups``: Int64[members], each in [0, count); ``a``, ``b``: Float64[members], NaN where not
    scored. Equals ``scipy.stats.kendalltau``. Source: Kendall 1945, The Treatment of Ties.
    """
    return _by_size(_tau_b, groups, a, b, count=count)


def spearman(groups: Ints, a: Floats, b: Floats, *, count: int) -> Agreement:
    """Spearman's rho of ``a`` and ``b`` within each group, in [−1, 1].

    Members that are equal share their mean rank. Arguments as of `kendall`. Equals
    ``scipy.stats.spearmanr``.
    """
    return _by_size(_rho, groups, a, b, count=count)


def top_bottom(groups: Ints, a: Floats, b: Floats, *, count: int) -> Agreement:
    """Whether ``a`` and ``b`` share a best and a worst member: 1 or 0.

    1 if some member is best (or among the best) on both sides, and some member is worst on both.
    Arguments as of `kendall`.
    """
    return _by_size(_ends, groups, a, b, count=count)


def _by_size(
    measure: Callable[[Floats, Floats], Floats], groups: Ints, a: Floats, b: Floats, *, count: int
) -> Agreement:
    """``measure`` of all groups of a size at once; it takes two Float64[groups, size]."""
    both = ~(np.isnan(a) | np.isnan(b))
    order = np.argsort(groups[both], kind="stable")
    a, b = a[both][order], b[both][order]
    members = np.bincount(groups[both], minlength=count)
    starts = np.cumsum(members) - members
    value = np.full(count, np.nan)
    for size in np.unique(members[members >= 2]):
        (complete,) = np.nonzero(members == size)
        cells = starts[complete, None] + np.arange(size)
        value[complete] = measure(a[cells], b[cells])
    return Agreement(value, members)


def _tau_b(a: Floats, b: Floats) -> Floats:
    together, in_a, in_b = np.zeros((3, len(a)), np.int64)
    for _, ours, theirs in _comparisons(a, b):
        together += (ours * theirs).sum(axis=1, dtype=np.int64)
        in_a += np.count_nonzero(ours, axis=1)
        in_b += np.count_nonzero(theirs, axis=1)
    return _coefficient(together, in_a, in_b)


def _rho(a: Floats, b: Floats) -> Floats:
    # Twice a centred mean rank is the members below less those above: whole numbers, so exact.
    centred = np.zeros((2, *a.shape), np.int64)
    for shift, *signs in _comparisons(a, b):
        for ranks, sign in zip(centred, signs, strict=True):
            ranks[:, shift:] += sign
            ranks[:, :-shift] -= sign
    x, y = centred
    return _coefficient((x * y).sum(axis=1), (x * x).sum(axis=1), (y * y).sum(axis=1))


def _ends(a: Floats, b: Floats) -> Floats:
    (best_a, worst_a), (best_b, worst_b) = (
        (side == side.max(axis=1, keepdims=True), side == side.min(axis=1, keepdims=True))
        for side in (a, b)
    )
    same = (best_a & best_b).any(axis=1) & (worst_a & worst_b).any(axis=1)
    constant = (best_a & worst_a).any(axis=1) | (best_b & worst_b).any(axis=1)
    return np.where(constant, np.nan, same)


def _comparisons(a: Floats, b: Floats) -> Iterator[tuple[int, Signs, Signs]]:
    """Each two members of each group once: for every shift, how each member compares with the one
    that many places before it, Int8[groups, size − shift] in {−1, 0, 1}, for both sides."""
    for shift in range(1, a.shape[1]):
        yield shift, _compared(a, shift), _compared(b, shift)


def _compared(side: Floats, shift: int) -> Signs:
    above = side[:, shift:] > side[:, :-shift]
    below = side[:, shift:] < side[:, :-shift]
    return above.astype(np.int8) - below


def _coefficient(together: Ints, in_a: Ints, in_b: Ints) -> Floats:
    # A side that says nothing makes 0 / 0, which is NaN, as it should be.
    with np.errstate(invalid="ignore"):
        value: Floats = together / np.sqrt(in_a.astype(np.float64) * in_b)
    return np.clip(value, -1, 1)
