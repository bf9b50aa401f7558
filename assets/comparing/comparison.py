"""The result of a comparison. A pair is always (of the first, of the second)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from assets.charts.histogram import Plot
from assets.report.claim import Finding
from assets.report.funnel import Level


@dataclass(frozen=True)
class Levels:
    """The rows that a stage read, kept and dropped on each side; None where it has not run."""

    stage: str
    sides: tuple[Level | None, Level | None]


@dataclass(frozen=True)
class Difference:
    """A row that both sides have with different labels.

    Attributes:
        prompt: The prompt.
        labels: The label on each side in words.
    """

    prompt: str
    labels: tuple[str, str]


@dataclass(frozen=True)
class Shared:
    """The rows that both sides have in a stage.

    Attributes:
        stage: The stage.
        what: What counts as one row, for example "pairs of texts".
        rows: The number of different rows on each side.
        common: How many of them both sides have.
        label: What the label of a row is, for example "chosen text"; None for a table without
            labels.
        different: How many rows in common have another label; None without labels.
        examples: A few of those.
    """

    stage: str
    what: str
    rows: tuple[int, int]
    common: int
    label: str | None
    different: int | None
    examples: Sequence[Difference] = ()


@dataclass(frozen=True)
class Summary:
    """The number of values, their mean and their median."""

    count: int
    mean: float
    median: float


@dataclass(frozen=True)
class Distribution:
    """A number of the rows of a stage on each side, and its histogram."""

    stage: str
    what: str
    sides: tuple[Summary | None, Summary | None]
    plot: Plot


@dataclass(frozen=True)
class Validated:
    """The figures of a validation on each side (`trainers.evaluation.metrics.summary`).

    ``between``: the trained policy of the second less that of the first on the held-out prompts
    that both were asked, with ``prompts``, ``difference``, ``low`` and ``high`` (95 % interval);
    None if there is none.
    """

    stage: str
    figures: tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]
    between: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Setting:
    """A value that differs; None on a side that does not have it."""

    name: str
    values: tuple[str | None, str | None]


@dataclass(frozen=True)
class Comparison:
    """Two things side by side.

    Attributes:
        kind: What is compared: "refreshes", "datasets" or "models".
        names: The full names of both, such as ``online_dpo@2026-11-20``.
        facts: What they are made from and when, whether it differs or not.
        funnel: The stages in running order.
        shared: The rows in common, by stage.
        distributions: Scores and other numbers.
        validated: The policies before and after training.
        claims: The results of the claim of each side.
        models: What differs in models and trainings.
        parameters: The parameters that differ.
        alike: The number of parameters that do not differ.
    """

    kind: str
    names: tuple[str, str]
    facts: Sequence[Setting] = ()
    funnel: Sequence[Levels] = ()
    shared: Sequence[Shared] = ()
    distributions: Sequence[Distribution] = ()
    validated: Sequence[Validated] = ()
    claims: tuple[Sequence[Finding], Sequence[Finding]] = field(default=((), ()))
    models: Sequence[Setting] = ()
    parameters: Sequence[Setting] = ()
    alike: int = 0

    def as_json(self) -> dict[str, Any]:
        """The object that ``factory compare --json`` prints: all but the drawings."""
        record = asdict(self)
        for each in record["distributions"]:
            del each["plot"]
        return record


def differing(first: Mapping[str, str], second: Mapping[str, str]) -> tuple[list[Setting], int]:
    """The values that differ, in the order of the first, and the number of the others."""
    names = list(dict.fromkeys([*first, *second]))
    changed = [
        Setting(name, (first.get(name), second.get(name)))
        for name in names
        if first.get(name) != second.get(name)
    ]
    return changed, len(names) - len(changed)
