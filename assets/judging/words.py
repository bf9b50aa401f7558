"""The figures of a judge in words, for the terminal and the page."""

from collections.abc import Sequence
from pathlib import Path

from assets.judging.bench import Measured
from assets.judging.figures import ALL, Difference, GroupFigures, RoleFigures

NOTHING = "—"


def model(role: RoleFigures) -> str:
    """The model of a role: a Hub id, or the name of a folder without its path."""
    return Path(role.model).name if Path(role.model).is_absolute() else role.model


def share(value: float | None) -> str:
    """A share in percent."""
    return NOTHING if value is None else f"{value:.1%}"


def with_interval(value: float | None, low: float | None, high: float | None) -> str:
    """A share with its interval, in percent."""
    if value is None or low is None or high is None:
        return NOTHING
    return f"{100 * value:.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def accuracy(figures: GroupFigures) -> str:
    return with_interval(figures.accuracy, figures.low, figures.high)


def f1(figures: GroupFigures) -> str:
    return with_interval(figures.f1, figures.f1_low, figures.f1_high)


def difference(found: Difference | None) -> str:
    """The difference to the first role, and whether its interval is on one side of 0."""
    if found is None:
        return NOTHING
    sure = "" if found.low > 0 or found.high < 0 else ", undecided"
    points, low, high = (100 * value for value in (found.accuracy, found.low, found.high))
    return f"{points:+.1f} [{low:+.1f}, {high:+.1f}]{sure}"


def refused(measured: Measured) -> str:
    """The rows that were not judged."""
    return "; ".join(f"{count:,} not judged: {why}" for why, count in measured.refused.items())


def columns(measured: Measured) -> tuple[str, ...]:
    """The headings of the figures of all items."""
    if has_pairs(measured):
        return (
            "role",
            "accuracy %",
            "less first",
            "both orders",
            "ties",
            "flips",
            "unread",
            "first wins",
            "mass",
            "calls",
            "tokens",
        )
    return (
        "role",
        "accuracy %",
        "less first",
        "F1 %",
        "erroneous",
        "correct",
        "unread",
        "calls",
        "tokens",
    )


def cells(measured: Measured, role: RoleFigures) -> tuple[str, ...]:
    """A role's figures of all items, under `columns`."""
    found, cost = role.groups[0], (f"{role.calls:,}", f"{role.tokens:,}")
    begins = (role.role, accuracy(found), difference(role.less_first))
    if has_pairs(measured):
        mass = NOTHING if found.mass is None else f"{found.mass:.2f}"
        shares = (found.both, found.ties, found.flips, found.unread, found.first_position)
        return (*begins, *map(share, shares), mass, *cost)
    return (*begins, f1(found), *map(share, (found.erroneous, found.correct, found.unread)), *cost)


def has_pairs(measured: Measured) -> bool:
    """Whether pairs were judged, not solutions."""
    return any((table["truth"].is_null()).any() for table in measured.verdicts.values())


def parts(measured: Measured, by: str) -> Sequence[tuple[str, int, Sequence[GroupFigures | None]]]:
    """For each group of kind ``by``: its name, its items, and each role's figures."""
    known = [{one.name: one for one in role.groups if one.by == by} for role in measured.roles]
    return [
        (name, known[0][name].items, [each.get(name) for each in known])
        for name in (known[0] if known and by != ALL else {})
    ]


def what(measured: Measured) -> str:
    """What was judged, in the plural."""
    return "pairs, each in both orders" if has_pairs(measured) else "solutions"


def by_title(measured: Measured) -> str:
    """The figure that `part` shows."""
    return "accuracy %, flips" if has_pairs(measured) else "accuracy %"


def part(measured: Measured, figures: GroupFigures | None) -> str:
    """A role's figures on a part of the items."""
    if figures is None:
        return NOTHING
    flips = f", {share(figures.flips)} flips" if has_pairs(measured) else ""
    return accuracy(figures) + flips
