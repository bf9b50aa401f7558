"""Which responses are compared, in which order they are shown, and the result of both orders."""

from collections.abc import Sequence
from dataclasses import dataclass

from schemas import content_id


@dataclass(frozen=True, slots=True)
class Comparison:
    """A comparison of two responses. ``forward``: the value of the verdict for the first response,
    in [0, 1], when it was shown first. ``backward``: that for the second response when it was shown
    first. None: the verdict could not be read, or this order was not asked for (``asked``).
    ``named``: the values of the most likely answers, if ``forward`` and ``backward`` are expected
    values. An expected value is almost never exactly a half, even if the most likely answer is a
    tie. ``mass``: the lowest mass of the options in the orders, if it is known."""

    forward: float | None
    backward: float | None
    asked: tuple[bool, bool] = (True, True)
    named: tuple[float | None, float | None] | None = None
    mass: float | None = None

    @property
    def orders(self) -> list[float]:
        """For each verdict that was read, the value of its answer for the response shown first; 0.5
        is a tie."""
        forward, backward = self.named or (self.forward, self.backward)
        return [value for value in (forward, backward) if value is not None]

    @property
    def read(self) -> bool:
        """Whether every requested order was read. One of two orders alone has position bias."""
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
        """The share of the win of the first response: the mean over the orders, or 0.5 if they name
        different winners. None if not `read`."""
        if not self.read:
            return None
        if self.flipped:
            return 0.5
        shares = [] if self.forward is None else [self.forward]
        shares += [] if self.backward is None else [1 - self.backward]
        return sum(shares) / len(shares)

    @property
    def tied(self) -> bool:
        """Whether every order was read and is a tie."""
        return self.read and bool(self.orders) and all(order == 0.5 for order in self.orders)


def schedule(ids: Sequence[str], opponents: int | None) -> list[tuple[int, int]]:
    """The pairs of ``ids`` (by position) to compare, each once: all pairs, or so many that each id
    meets at least ``opponents`` others.

    In the second case the ids stand in a circle by their hash. Each meets those within half as many
    places, so n·k/2 pairs connect all ids, independent of their order.
    """
    count = len(ids)
    if opponents is None or opponents >= count - 1:
        return [(i, j) for i in range(count) for j in range(i + 1, count)]
    circle = placed(ids, "opponents")
    pairs = {
        tuple(sorted((circle[at], circle[(at + distance) % count])))
        for distance in range(1, (opponents + 1) // 2 + 1)
        for at in range(count)
    }
    return sorted((i, j) for i, j in pairs)


def placed(ids: Sequence[str], *salt: object) -> list[int]:
    """Positions of ``ids`` in an order drawn by their hash and ``salt``. It does not depend on the
    order of ``ids`` or on earlier draws."""
    return sorted(range(len(ids)), key=lambda at: content_id(*salt, ids[at]))
