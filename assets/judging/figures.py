"""The figures of a judge from its verdicts: accuracy by group with intervals, order, ties."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from assets.judging.choices import ties_score
from assets.judging.people import Agreement, agreement
from assets.project.intervals import compared
from kernels.intervals import wilson_interval
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
        ties: Of pairs, the share of which both orders name neither response; of choices, the share
            whose right response has the highest grade together with a wrong one.
        flips: Of pairs, the share whose two orders name different winners.
        unread: The share of items of which a verdict could not be read.
        first_position: The share of named winners that were shown first: ½ without position bias.
        mass: The median probability of the allowed answers together.
        f1: Of solutions, ProcessBench's F1; with ``f1_low`` and ``f1_high``, a percentile bootstrap
            over prompts.
        erroneous: The accuracy on solutions with a wrong step.
        correct: The accuracy on solutions without one.
        ties_score: RewardBench 2's score of its subset Ties (`assets.judging.choices.ties_score`).
        people: The agreement with people's votes on pairs.
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
    ties_score: float | None = None
    people: Agreement | None = None


@dataclass(frozen=True)
class Difference:
    """The accuracy of a role less that of the first role on the same items, with the 95 % interval
    of a bootstrap over prompts."""

    accuracy: float
    low: float
    high: float


@dataclass(frozen=True)
class EqualTokens:
    """A role's figures with as many votes as fit into the tokens of the cheapest role.

    Attributes:
        votes: The votes of a question.
        tokens: The tokens that they read and wrote.
        accuracy: The accuracy by them.
        less_first: The difference to the first role at equal tokens; None of that role.
    """

    votes: int
    tokens: int
    accuracy: float
    less_first: Difference | None = None


@dataclass(frozen=True)
class RoleFigures:
    """A role's figures on a benchmark.

    Attributes:
        role: The role.
        model: The model that it is bound to.
        groups: All items first, then each group and each class of lengths.
        calls: The answers of the model, with those that the journal had.
        tokens: The tokens that they read and wrote. A question repeated counts once.
        less_first: The difference to the first role; None of the first role.
        equal_tokens: The figures at as many tokens as the cheapest role; None unless roles of
            several written votes are compared.
        probes: Of each probe of judges, the cases that the role passed, and all of them; None if it
            was not probed.
    """

    role: str
    model: str
    groups: Sequence[GroupFigures]
    calls: int
    tokens: int
    less_first: Difference | None = None
    equal_tokens: EqualTokens | None = None
    probes: Mapping[str, Sequence[int]] | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def role_figures(
    role: str,
    model: str,
    table: pl.DataFrame,
    first: pl.DataFrame | None,
    equal_tokens: EqualTokens | None = None,
    probes: Mapping[str, Sequence[int]] | None = None,
) -> RoleFigures:
    """The figures of a role.

    Args:
        role: The role.
        model: The model that it is bound to.
        table: Its verdicts (`assets.judging.verdicts.COLUMNS`).
        first: The verdicts of the first role on the same items; None for that role itself.
        equal_tokens: The figures at equal tokens.
        probes: What it passed of each probe.
    """
    return RoleFigures(
        role,
        model,
        list(_groups(table)),
        int(table["calls"].sum()),
        tokens_of(table),
        None if first is None else difference(table, first),
        equal_tokens,
        probes,
    )


def tokens_of(table: pl.DataFrame) -> int:
    """The tokens that were read and written for verdicts."""
    return int(table["prompt_tokens"].sum()) + int(table["answer_tokens"].sum())


def _groups(table: pl.DataFrame) -> Iterator[GroupFigures]:
    yield group_figures(ALL, ALL, table)
    for by in ("group", "length"):
        names = table.drop_nulls("credit")[by].unique().sort()
        if by == "length" or len(names) > 1:
            for name in names:
                yield group_figures(by, name, table.filter(pl.col(by) == name))


def group_figures(by: str, name: str, table: pl.DataFrame) -> GroupFigures:
    """The figures of the items of ``table``, which has one row at least with a right verdict. Votes
    for neither response count in the agreement with people alone."""
    people = agreement(table)
    table = table.drop_nulls("credit")
    prompts = table["prompt_id"].n_unique()
    accuracy = float(table["credit"].to_numpy().mean())
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
        **_of_pairs(table.filter(pl.col("kind") == "pair")),
        **_of_choices(table.filter(pl.col("kind") == "choice")),
        **_of_steps(table.filter(pl.col("kind") == "solution")),
        people=people,
    )


def _of_pairs(pairs: pl.DataFrame) -> Mapping[str, float | None]:
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


def _of_choices(choices: pl.DataFrame) -> Mapping[str, float | None]:
    if choices.is_empty():
        return {}
    mass = choices["mass"].median()
    return {
        "ties": _share(choices["verdict"] == "tie"),
        "mass": mass if isinstance(mass, float) else None,
        "ties_score": ties_score(choices),
    }


def _share(true: pl.Series) -> float:
    return int(true.sum()) / len(true)


def _of_steps(solutions: pl.DataFrame) -> Mapping[str, float | None]:
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


def difference(table: pl.DataFrame, first: pl.DataFrame) -> Difference:
    """The accuracy by the verdicts of ``table``, less that by ``first`` on the same items."""
    both = compared(_by_prompt(table), _by_prompt(first))
    return Difference(both.measured - both.control, both.low, both.high)


def _by_prompt(table: pl.DataFrame) -> pl.DataFrame:
    return (
        table.drop_nulls("credit")
        .group_by("prompt_id")
        .agg(hits=pl.col("credit").sum(), count=pl.len().cast(pl.Float64))
    )
