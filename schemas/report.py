"""What a stage reports beside its rows: what its models cost, figures about it, and probes."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue

Findings = Mapping[str, JsonValue]
"""Figures that a stage wants shown (a judge's flip rate), by name."""


@dataclass
class Usage:
    """What models cost.

    Attributes:
        model_calls: answers that a model gave.
        journal_hits: answers that the journal held already.
        tokens: tokens that a model generated or scored, journal hits not among them.
        model_seconds: seconds from the first row in to the last row out.
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
    """How many cases of one probe were ``passed`` of ``cases``, and the first that was failed."""

    probe: str
    passed: int
    cases: int
    example: ProbeExample | None = None


@dataclass(frozen=True)
class ProbeReport:
    """The outcome of an annotator's probes.

    Attributes:
        blocks: whether a failed probe stops the recipe after the stage.
        results: one result a probe; none where there was no response to probe with.
        failed: names of the probes of which too few cases were passed.
    """

    blocks: bool
    results: tuple[ProbeResult, ...] = ()
    failed: tuple[str, ...] = ()


@dataclass(frozen=True)
class StageReport:
    """What came out of a stage beside its rows."""

    usage: Usage = field(default_factory=Usage)
    findings: Findings = field(default_factory=dict)
    probes: ProbeReport | None = None

    def __add__(self, other: "StageReport") -> "StageReport":
        """Both usages summed; where both have a finding of one name, or probes, the other's."""
        return StageReport(
            self.usage + other.usage,
            {**self.findings, **other.findings},
            self.probes if other.probes is None else other.probes,
        )
