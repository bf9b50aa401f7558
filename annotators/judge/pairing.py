"""Which responses are compared, in which order they are shown, and what comes of both orders."""

from collections.abc import Sequence
from dataclasses import dataclass

from schemas import content_id


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two responses compared. ``forward``: what the judge's verdict was worth to the first of them
    (in [0, 1]) when it was shown first; ``backward``: to the second when that was. None stands for
    a verdict that could not be read, and for an order that was not asked for (``asked``).
    ``named``: what the answer that either verdict names is worth, where that is another figure: an
    expectation is next to never a half, though the likeliest answer is that neither is better."""

    forward: float | None
    backward: float | None
    asked: tuple[bool, bool] = (True, True)
    named: tuple[float | None, float | None] | None = None

    @property
    def orders(self) -> list[float]:
        """What the answers named in the verdicts that were read are worth to the one shown
        first: a half names neither."""
        forward, backward = self.named or (self.forward, self.backward)
        return [value for value in (forward, backward) if value is not None]

    @property
    def read(self) -> bool:
        """Whether every order asked for was read: half of two would bring the position's bias."""
        return len(self.orders) == sum(self.asked)

    @property
    def flipped(self) -> bool:
        """Whether the two orders name different winners."""
        if len(self.orders) < 2:
            return False
        forward, backward = self.orders
        return (forward - 0.5) * (backward - 0.5) > 0

    @property
    def value(self) -> float | None:
        """The first one's share of the win: the mean of the orders, a half where they disagree
        on the winner. None if not `read`."""
        if not self.read:
            return None
        if self.flipped:
            return 0.5
        shares = [] if self.forward is None else [self.forward]
        shares += [] if self.backward is None else [1 - self.backward]
        return sum(shares) / len(shares)

    @property
    def tied(self) -> bool:
        """Whether every order was read and names neither."""
        return self.read and bool(self.orders) and all(order == 0.5 for order in self.orders)


def schedule(ids: Sequence[str], opponents: int | None) -> list[tuple[int, int]]:
    """The pairs of ``ids`` (by position) that are compared, each once: all, or as many as give
    each at least ``opponents`` others.

    Those come from a circle in which the ids stand by their hash: each meets those up to half as
    many places away, so n·k/2 pairs connect all and none depends on the order of ``ids``.
    """
    count = len(ids)
    if opponents is None or opponents >= count - 1:
        return [(i, j) for i in range(count) for j in range(i + 1, count)]
    circle = placed(ids, "opponents")
    pairs = {
        tuple(sorted((circle[at], circle[(at + away) % count])))
        for away in range(1, (opponents + 1) // 2 + 1)
        for at in range(count)
    }
    return sorted((i, j) for i, j in pairs)


def placed(ids: Sequence[str], *salt: object) -> list[int]:
    """Positions of ``ids`` in an order drawn by their hash and ``salt``: which comes first does not
    depend on how they are listed, nor on anything drawn before."""
    return sorted(range(len(ids)), key=lambda at: content_id(*salt, ids[at]))
