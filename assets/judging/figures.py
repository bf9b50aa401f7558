"""The figures of a judge from its verdicts: accuracy by group with intervals, order, ties."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from assets.project.intervals import compared
from kernels.intervals import wilson_interval
from schemas import Usage
from trainers.evaluation.first_errors import counts, f1_difference, summed

ALL = "all"


@dataclass(frozen=True)
class GroupFigures:
    """The figures of a role on a group of items. Shares are in [0, 1]; a share of nothing is None.

    Attributes:
        by: ``all``, ``group`` or ``length``: what the items have in common.
        name: The group.
        items: The number of items.
        prompts: The number of their prompts.
        accuracy: The mean credit: 1 for a right verdict, ½ for a tie or a flip, 0 for a wrong or an
            unread one.
        low: The lower end of the 95 % interval of ``accuracy``: Wilson's, with each prompt counted
            as one case, since verdicts on one prompt depend on each other.
        high: Its upper end.
        both: Of pairs, the share whose better response is named in both orders.
        ties: Of pairs, the share of which both orders name neither response.
        flips: Of pairs, the share whose two orders name different winners.
        unread: The share of items of which a verdict could not be read.
        first_position: The share of named winners that were shown first: ½ without position bias.
        mass: The median probability of the allowed answers together.
        f1: Of solutions, ProcessBench's F1; with ``f1_low`` and ``f1_high``, a percentile bootstrap
            over prompts.
        erroneous: The accuracy on solutions with a wrong step.
        correct: The accuracy on solutions without one.
    """

    by: str
    name: str
    items: int
    prompts: int
    accuracy: float
    low: float
    high: float
    unread: float
    both: float | None = None
    ties: float | None = None
    flips: float | None = None
    first_position: float | None = None
    mass: float | None = None
    f1: float | None = None
    f1_low: float | None = None
    f1_high: float | None = None
    erroneous: float | None = None
    correct: float | None = None


@dataclass(frozen=True)
class Difference:
    """The accuracy of a role less that of the first role on the same items, with the 95 % interval
    of a bootstrap over prompts."""

    accuracy: float
    low: float
    high: float


@dataclass(frozen=True)
class RoleFigures:
    """A role's figures on a benchmark.

    Attributes:
        role: The role.
        model: The model that it is bound to.
        groups: All items first, then each group and each class of lengths.
        calls: The answers of the model, with those that the journal had.
        tokens: The tokens of the answers that were not in the journal.
        less_first: The difference to the first role; None of the first role.
    """

    role: str
    model: str
    groups: Sequence[GroupFigures]
    calls: int
    tokens: int
    less_first: Difference | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def role_figures(
    role: str, model: str, table: pl.DataFrame, usage: Usage, first: pl.DataFrame | None
) -> RoleFigures:
    """The figures of a role.

    Args:
        role: The role.
        model: The model that it is bound to.
        table: Its verdicts (`assets.judging.verdicts.COLUMNS`).
        usage: What they cost.
        first: The verdicts of the first role on the same items; None for that role itself.
    """
    return RoleFigures(
        role,
        model,
        list(_groups(table)),
        usage.model_calls + usage.journal_hits,
        usage.tokens,
        None if first is None else _difference(table, first),
    )


def _groups(table: pl.DataFrame) -> Iterator[GroupFigures]:
    yield group_figures(ALL, ALL, table)
    for by in ("group", "length"):
        names = table[by].unique().sort()
        if by == "length" or len(names) > 1:
            for name in names:
                yield group_figures(by, name, table.filter(pl.col(by) == name))


def group_figures(by: str, name: str, table: pl.DataFrame) -> GroupFigures:
    """The figures of the items of ``table``, which has one row at least."""
    prompts = table["prompt_id"].n_unique()
    accuracy = float(table["credit"].sum()) / table.height
    low, high = wilson_interval(accuracy * prompts, prompts)
    return GroupFigures(
        by,
        name,
        table.height,
        prompts,
        accuracy,
        low,
        high,
        _share(table["verdict"] == "unread"),
        **_of_pairs(table),
        **_of_steps(table),
    )


def _of_pairs(table: pl.DataFrame) -> Mapping[str, float | None]:
    """The figures of pairs; none of solutions."""
    pairs = table.filter(pl.col("truth").is_null())
    if pairs.is_empty():
        return {}
    decided, mass = int(pairs["decided"].sum()), pairs["mass"].median()
    return {
        "both": _share(pairs["named_right"] == 2),
        "ties": _share(pairs["tied"]),
        "flips": _share(pairs["verdict"] == "flip"),
        "first_position": int(pairs["first_won"].sum()) / decided if decided else None,
        "mass": mass if isinstance(mass, float) else None,
    }


def _share(true: pl.Series) -> float:
    return int(true.sum()) / len(true)


def _of_steps(table: pl.DataFrame) -> Mapping[str, float | None]:
    """The figures of solutions; none of pairs."""
    solutions = table.filter(pl.col("truth").is_not_null())
    if solutions.is_empty():
        return {}
    counted = counts(solutions)
    if not (counted["erroneous"].sum() and counted["correct"].sum()):
        return {}
    both, (low, high) = summed(counted), f1_difference(counted, None)
    return {
        "f1": both.f1,
        "f1_low": low,
        "f1_high": high,
        "erroneous": both.erroneous,
        "correct": both.correct,
    }


def _difference(table: pl.DataFrame, first: pl.DataFrame) -> Difference:
    both = compared(_by_prompt(table), _by_prompt(first))
    return Difference(both.measured - both.control, both.low, both.high)


def _by_prompt(table: pl.DataFrame) -> pl.DataFrame:
    return table.group_by("prompt_id").agg(
        hits=pl.col("credit").sum(), count=pl.len().cast(pl.Float64)
    )
