"""The values of a comparison in words."""

from collections.abc import Mapping
from typing import Any

from assets.comparing.comparison import Comparison, Shared, Summary, Validated
from assets.report.claim import Finding
from assets.report.funnel import Level
from trainers.evaluation.sentences import change, difference

NOTHING = "—"


def counted(level: Level) -> str:
    """The rows that a stage read and kept."""
    account = level.account
    if account.came == 0 and level.uncounted:
        return f"{level.rows:,} rows; its input tables are gone"
    return f"{account.came:,} {account.units} in, {account.kept:,} kept"


def counts(level: Level | None) -> str:
    """The rows that a stage read and kept, and what it dropped, a line each."""
    if level is None:
        return NOTHING
    account = level.account
    lines = [counted(level)]
    lines += [f"{rows:,} dropped: {reason}" for reason, rows in account.dropped.items()]
    return "\n".join([*lines, *(f"also {n:,} {reason}" for reason, n in account.also.items())])


def summary(found: Summary | None) -> str:
    """The number of values, their mean and their median."""
    if found is None:
        return NOTHING
    return f"{found.count:,}, mean {found.mean:.3g}, median {found.median:.3g}"


def figures(found: Mapping[str, Any] | None) -> str:
    """A policy before and after training, and the difference with its interval."""
    return NOTHING if not found else f"{change(found)}\n{difference(found)}"


def reach(found: Validated) -> float:
    """How far from 0 a scale goes that shows all intervals of a validation."""
    shown = [each for each in (*found.figures, found.between) if each]
    ends = [abs(float(each[end])) for each in shown for end in ("low", "high")]
    return 1.15 * max(*ends, 1e-9)


def between(found: Mapping[str, Any] | None) -> str:
    """The trained policy of the second less that of the first."""
    if found is None:
        return "not measured on the same prompts in the same way"
    return f"{difference(found)} on {found['prompts']:,} prompts"


def finding(found: Finding) -> str:
    """The result of a claim."""
    return f"{found.verdict or 'not measured'} on {found.on}: {found.says}"


def labels(shared: Shared) -> str:
    """How many rows in common have another label."""
    return "no labels" if shared.different is None else f"{shared.different:,}"


def claims_of(compared: Comparison) -> tuple[list[Finding], tuple[list[Finding], list[Finding]]]:
    """The results that both sides have, such as those in the docs of one recipe, and the others of
    each side."""
    first, second = compared.claims
    both = [each for each in first if each in second]
    rest = [[each for each in side if each not in both] for side in (first, second)]
    return both, (rest[0], rest[1])
