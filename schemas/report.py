"""A stage's report: the usage of its models, figures, and probes."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue

Findings = Mapping[str, JsonValue]
"""Figures of a stage to show, by name (such as a judge's flip rate)."""


@dataclass
class Usage:
    """The usage of models.

    Attributes:
        model_calls: answers of models.
        journal_hits: answers from the journal.
        tokens: tokens that models generated or scored, without journal hits.
        model_seconds: seconds from the start of the first row to the end of the last.
    """

    model_calls: int = 0
    journal_hits: int = 0
    tokens: int = 0
    model_seconds: float = 0.0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.model_calls + other.model_calls,
            self.journal_hits + other.journal_hits,
            self.tokens + other.tokens,
            self.model_seconds + other.model_seconds,
        )


@dataclass(frozen=True)
class ProbeExample:
    """A case in which the real answer did not score higher than ``against``.

    Attributes:
        prompt: the prompt's last message.
        real: the real answer.
        against: the answer it was compared with.
        real_score: score of the real answer; None where there is none.
        against_score: score of the other answer; None where there is none.
        error: the annotator's first error, if it gave one.
    """

    prompt: str
    real: str
    against: str
    real_score: float | None
    against_score: float | None
    error: str | None


@dataclass(frozen=True)
class ProbeResult:
    """The result of one probe: ``passed`` of ``cases``, and the first failed case."""

    probe: str
    passed: int
    cases: int
    example: ProbeExample | None = None


@dataclass(frozen=True)
class ProbeReport:
    """The outcome of an annotator's probes.

    Attributes:
        blocks: whether a failed probe stops the recipe after the stage.
        results: one result per probe; empty if there was no response to probe with.
        failed: the names of failed probes: those with too few passed cases.
    """

    blocks: bool
    results: tuple[ProbeResult, ...] = ()
    failed: tuple[str, ...] = ()


@dataclass(frozen=True)
class StageReport:
    """The results of a stage other than its rows."""

    usage: Usage = field(default_factory=Usage)
    findings: Findings = field(default_factory=dict)
    probes: ProbeReport | None = None

    def __add__(self, other: "StageReport") -> "StageReport":
        """The sum of usages, and the findings and probes of both. ``other`` has precedence."""
        return StageReport(
            self.usage + other.usage,
            {**self.findings, **other.findings},
            self.probes if other.probes is None else other.probes,
        )
