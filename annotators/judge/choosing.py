"""The base class of annotators that read a model's answer from the probabilities of its options."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import median
from typing import Any, Literal

from pydantic import Field, field_validator

from annotators.probes.probed import ProbedAnnotator
from annotators.probes.suite import of_probes
from engines.context import Context
from engines.model import Models
from engines.operators.run_rows import Done, run_rows
from engines.operators.scores import ScorerSession
from engines.runtime.masses import AskedChoice
from schemas import ChoiceExample, ChoiceReport, StageReport, Usage

_FIRST_WORDS = 12
"""Tokens of the model's own answer that are shown for a question of low mass."""


class ChoosingAnnotator(ProbedAnnotator):
    """Base class: scores responses by the probabilities that a model gives a few options
    (`engines.model.Model.choose`).

    Their mass is the probability of all options together. If it is low, the model would answer
    something else, and its preference among the options tells little. With ``low_mass: warn``, a
    median mass of the stage's questions below ``min_mass`` gives a warning with the model's own
    first words; ``block`` stops the recipe after this stage (the scores are kept); ``off`` checks
    nothing.
    """

    low_mass: Literal["block", "warn", "off"] = "warn"
    min_mass: float = Field(default=0.5, ge=0, le=1)

    @field_validator("low_mass", mode="before")
    @classmethod
    def _mass_off(cls, value: Any) -> Any:
        # YAML reads a bare off as false.
        return "off" if value is False else value

    @property
    def chooses(self) -> bool:
        """Whether answers are read from the probabilities of options, not from texts."""
        return True

    @property
    def checks_mass(self) -> bool:
        """Whether the masses of its choices are checked."""
        return self.chooses and self.low_mass != "off"

    def report(self, session: ScorerSession) -> StageReport:
        """The findings, and the masses of the choices."""
        report = super().report(session)
        if not self.checks_mass:
            return report
        masses = session.masses
        count = len(masses.values)
        below = sum(mass < self.min_mass for mass in masses.values)
        choices = ChoiceReport(
            blocks=self.low_mass == "block",
            least=self.min_mass,
            choices=count,
            median=median(masses.values) if count else None,
            below=below / count if count else None,
        )
        if not choices.low:
            return report + StageReport(choices=choices)
        examples, usage = _examples(masses.lowest, session.context)
        return report + StageReport(usage, choices=replace(choices, examples=examples))


def _examples(
    lowest: Sequence[AskedChoice], context: Context
) -> tuple[tuple[ChoiceExample, ...], Usage]:
    """The questions with the model's own first words, and the usage of the models."""

    async def work(question: AskedChoice, models: Models) -> str | None:
        if not context.roles[question.role].can("generate"):
            return None
        return await models[question.role].first_words(question.messages, tokens=_FIRST_WORDS)

    run = run_rows(
        ((f"choice {number}", question) for number, question in enumerate(lowest)),
        work,
        of_probes(context),
        total=len(lowest),
    )
    words = {one.number: one.result for one in run if isinstance(one, Done)}
    examples = (_example(question, words.get(number)) for number, question in enumerate(lowest))
    return tuple(examples), run.usage


def _example(choice: AskedChoice, words: str | None) -> ChoiceExample:
    question, *prefix = [
        message["content"] for message in choice.messages[-2:] if message["role"] != "system"
    ]
    if words is not None and prefix:
        words = prefix[0] + words
    return ChoiceExample(question, choice.options, choice.mass, words)
