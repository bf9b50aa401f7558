"""The figures of a judge in words, for the terminal and the page."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from assets.judging.bench import Measured
from assets.judging.figures import ALL, Difference, GroupFigures, RoleFigures
from assets.judging.items import Kind

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


def difference(compared: Difference | None) -> str:
    """The difference to the first role, and whether its interval is on one side of 0."""
    if compared is None:
        return NOTHING
    sure = "" if compared.low > 0 or compared.high < 0 else ", undecided"
    points, low, high = (100 * value for value in (compared.accuracy, compared.low, compared.high))
    return f"{points:+.1f} [{low:+.1f}, {high:+.1f}]{sure}"


def refused(measured: Measured) -> str:
    """The rows that were not judged."""
    return "; ".join(
        f"{count:,} not judged: {reason}" for reason, count in measured.refused.items()
    )


def kind(measured: Measured) -> Kind:
    """What was judged: pairs, choices or solutions."""
    table = next(iter(measured.verdicts.values()))
    first_kind: Kind = "pair" if (table["kind"] == "pair").any() else table["kind"][0]
    return first_kind


_OF_KIND: Mapping[Kind, Mapping[str, Callable[[GroupFigures], str]]] = {
    "pair": {
        "both orders": lambda found: share(found.both),
        "ties": lambda found: share(found.ties),
        "flips": lambda found: share(found.flips),
        "unread": lambda found: share(found.unread),
        "first wins": lambda found: share(found.first_position),
        "mass": lambda found: number(found.mass),
    },
    "choice": {
        "ties": lambda found: share(found.ties),
        "unread": lambda found: share(found.unread),
        "Ties score": lambda found: number(found.ties_score),
        "mass": lambda found: number(found.mass),
    },
    "solution": {
        "F1 %": lambda found: f1(found),
        "erroneous": lambda found: share(found.erroneous),
        "correct": lambda found: share(found.correct),
        "unread": lambda found: share(found.unread),
    },
}
"""The figures of all items of a kind, by their headings."""


def columns(measured: Measured) -> tuple[str, ...]:
    """The headings of the figures of all items."""
    return ("role", "accuracy %", "less first", *_OF_KIND[kind(measured)], "calls", "tokens")


def cells(measured: Measured, role: RoleFigures) -> tuple[str, ...]:
    """A role's figures of all items, under `columns`."""
    all_items = role.groups[0]
    figures = (show(all_items) for show in _OF_KIND[kind(measured)].values())
    begins = (role.role, accuracy(all_items), difference(role.less_first))
    return (*begins, *figures, f"{role.calls:,}", f"{role.tokens:,}")


EQUAL_TOKENS = ("role", "votes", "tokens", "accuracy %", "less first")


def equal_tokens(measured: Measured) -> Sequence[tuple[str, ...]]:
    """Each role's figures at equal tokens, under `EQUAL_TOKENS`; none if they are not compared."""
    if not any(role.equal_tokens for role in measured.roles):
        return []
    rows = []
    for role in measured.roles:
        figures = role.equal_tokens
        if figures is None:
            rows.append((role.role, "one vote costs more", NOTHING, NOTHING, NOTHING))
        else:
            cells_shown = (
                f"{figures.votes:,}",
                f"{figures.tokens:,}",
                f"{100 * figures.accuracy:.1f}",
            )
            rows.append((role.role, *cells_shown, difference(figures.less_first)))
    return rows


PEOPLE = ("role", "votes", "same verdict", "Cohen's kappa", "Kendall's tau", "Spearman's rho")


def people(measured: Measured) -> Sequence[tuple[str, ...]]:
    """Each role's agreement with people, under `PEOPLE`; none unless they voted in both ways."""
    agreements = [(role.role, role.groups[0].people) for role in measured.roles]
    if not any(each is not None and each.kappa is not None for _, each in agreements):
        return []
    return [
        (role, f"{each.votes:,}", share(each.same), *map(number, (each.kappa, each.tau, each.rho)))
        for role, each in agreements
        if each is not None
    ]


def probes(passed: Mapping[str, Sequence[int]] | None) -> str:
    """What was passed of each probe."""
    if passed is None:
        return "not run"
    return ", ".join(f"{name} {count} of {cases}" for name, (count, cases) in passed.items())


PROBES = ("role", "passed")


def probed(measured: Measured) -> Sequence[tuple[str, ...]]:
    """What each role passed of the probes, under `PROBES`; none if they were not run."""
    return [(role.role, probes(role.probes)) for role in measured.roles if role.probes is not None]


def number(value: float | None) -> str:
    """A number of two digits."""
    return NOTHING if value is None else f"{value:.2f}"


def has_pairs(measured: Measured) -> bool:
    """Whether pairs were judged."""
    return kind(measured) == "pair"


def parts(measured: Measured, by: str) -> Sequence[tuple[str, int, Sequence[GroupFigures | None]]]:
    """For each group of kind ``by``: its name, its items, and each role's figures."""
    groups = [{one.name: one for one in role.groups if one.by == by} for role in measured.roles]
    return [
        (name, groups[0][name].items, [each.get(name) for each in groups])
        for name in (groups[0] if groups and by != ALL else {})
    ]


def what(measured: Measured) -> str:
    """What was judged, in the plural."""
    return {
        "pair": "pairs, each in both orders",
        "choice": "right responses among wrong ones, each graded alone",
        "solution": "solutions",
    }[kind(measured)]


def by_title(measured: Measured) -> str:
    """The figure that `part` shows."""
    return "accuracy %, flips" if has_pairs(measured) else "accuracy %"


def part(measured: Measured, figures: GroupFigures | None) -> str:
    """A role's figures on a part of the items."""
    if figures is None:
        return NOTHING
    flips = f", {share(figures.flips)} flips" if has_pairs(measured) else ""
    return accuracy(figures) + flips
