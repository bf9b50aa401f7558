"""A stage's report: the usage of its models, figures, and probes."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue

from schemas.cost import Cost, Price

Findings = Mapping[str, JsonValue]
"""Figures of a stage to show, by name (such as a judge's flip rate)."""


@dataclass
class Lengths:
    """The texts that models wrote under one limit of tokens.

    Attributes:
        texts: the number of texts.
        cut: how many of them were cut off at the limit.
        tokens: the tokens of all of them.
    """

    texts: int = 0
    cut: int = 0
    tokens: int = 0

    def __add__(self, other: "Lengths") -> "Lengths":
        return Lengths(self.texts + other.texts, self.cut + other.cut, self.tokens + other.tokens)


@dataclass
class Usage:
    """The usage of models.

    Attributes:
        model_calls: answers of models.
        journal_hits: answers from the journal.
        tokens: tokens that models generated or scored, without journal hits.
        model_seconds: seconds from the start of the first row to the end of the last.
        lengths: the generated texts, with journal hits, by their limit of tokens.
        memory: what each loaded model needs in memory, by model and use.
        by_role: the cost of the model calls of each role.
        prices: what they cost, by currency, as far as it is known.
    """

    model_calls: int = 0
    journal_hits: int = 0
    tokens: int = 0
    model_seconds: float = 0.0
    lengths: dict[int, Lengths] = field(default_factory=dict)
    memory: dict[str, dict[str, JsonValue]] = field(default_factory=dict)
    by_role: dict[str, Cost] = field(default_factory=dict)
    prices: dict[str, float] = field(default_factory=dict)

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.model_calls + other.model_calls,
            self.journal_hits + other.journal_hits,
            self.tokens + other.tokens,
            self.model_seconds + other.model_seconds,
            {
                limit: self.lengths.get(limit, Lengths()) + other.lengths.get(limit, Lengths())
                for limit in self.lengths | other.lengths
            },
            self.memory | other.memory,
            {
                role: self.by_role.get(role, Cost()) + other.by_role.get(role, Cost())
                for role in self.by_role | other.by_role
            },
            {
                currency: self.prices.get(currency, 0.0) + other.prices.get(currency, 0.0)
                for currency in self.prices | other.prices
            },
        )

    def spend(self, role: str, cost: Cost, price: Price | None) -> None:
        """Count the model calls of a role."""
        self.by_role[role] = self.by_role.get(role, Cost()) + cost
        if price is not None:
            paid = self.prices.get(price.currency, 0.0)
            self.prices[price.currency] = paid + price.of(cost.prompt_tokens, cost.answer_tokens)

    def wrote(self, limit: int, *, cut: bool, tokens: int) -> None:
        """Count a text that was generated with at most ``limit`` tokens."""
        lengths = self.lengths.setdefault(limit, Lengths())
        lengths.texts += 1
        lengths.cut += cut
        lengths.tokens += tokens


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
class ChoiceExample:
    """A question whose options have little of the model's probability.

    Attributes:
        question: the last message to the model.
        options: the options.
        mass: the probability of all options together, in [0, 1].
        words: the first words of the model's own answer; None if it writes none.
    """

    question: str
    options: tuple[str, ...]
    mass: float
    words: str | None


@dataclass(frozen=True)
class ChoiceReport:
    """How much of its probability a model put on the options that it chose among.

    Attributes:
        blocks: whether a low mass stops the recipe after the stage.
        least: the median mass below which the mass is low.
        choices: the number of choices whose mass is known.
        median: the median of their masses, in [0, 1]; None if there is none.
        below: the share of them with a mass below ``least``; None if there is none.
        examples: if the mass is low, the questions with the lowest masses.
    """

    blocks: bool
    least: float
    choices: int
    median: float | None = None
    below: float | None = None
    examples: tuple[ChoiceExample, ...] = ()

    @property
    def low(self) -> bool:
        """Whether the median mass is below ``least``."""
        return self.median is not None and self.median < self.least


@dataclass(frozen=True)
class StageReport:
    """The results of a stage other than its rows."""

    usage: Usage = field(default_factory=Usage)
    findings: Findings = field(default_factory=dict)
    probes: ProbeReport | None = None
    choices: ChoiceReport | None = None

    def __add__(self, other: "StageReport") -> "StageReport":
        """The sum of usages, and the findings, probes and choices of both. ``other`` has
        precedence."""
        return StageReport(
            self.usage + other.usage,
            {**self.findings, **other.findings},
            self.probes if other.probes is None else other.probes,
            self.choices if other.choices is None else other.choices,
        )
