"""Scores of responses, and the interface of annotators for other operators."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from copy import copy
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import polars as pl

from engines.context import Context
from engines.model import Models
from engines.operators.row_operator import RowSession
from engines.rows import Prompt, Response
from engines.runtime.masses import Masses
from schemas import Findings, canonical


@dataclass(frozen=True, slots=True)
class Score:
    """An annotator's score of a response.

    Attributes:
        response_id: the response.
        annotator: the annotator's name.
        value: the score; None if there is an ``error``.
        raw: the judge's text, kept even if it could not be parsed.
        error: why there is no value.
        step: the scored step, from 0; None for the full response, -1 for the prompt before any
            step.
        model: the revision of the model.
        parameters: a JSON object.
        seed: the seed of the judge's sample.
        parents: ids from which the score was computed.
        mass: for a model that chose among options, the probability of all options together, in
            [0, 1]: the lowest of its questions. None if it is not known.
    """

    response_id: str
    annotator: str
    value: float | None
    raw: str | None = None
    error: str | None = None
    step: int | None = None
    model: str | None = None
    parameters: str = "{}"
    seed: int | None = None
    parents: tuple[str, ...] = ()
    mass: float | None = None


def opinions(
    annotator: str,
    responses: Sequence[Response],
    values: Sequence[float],
    *,
    model: str | None,
    parameters: Mapping[str, Any],
) -> list[Score]:
    """A score of each of ``responses``; ``values`` are in the same order."""
    parameters_text = canonical(parameters)
    return [
        Score(response.response_id, annotator, value, model=model, parameters=parameters_text)
        for response, value in zip(responses, values, strict=True)
    ]


ScoreResponses = Callable[[Prompt, Sequence[Response], Models], Awaitable[Sequence[Score]]]
"""Scores the responses to one prompt."""


class ScorerSession(RowSession):
    """A scorer during one stage.

    Attributes:
        context: the stage's context, with the scorer's bindings of roles.
        counts: the scorer's counts, by name.
        masses: the masses of the scorer's choices.
        findings: figures about the scorer; complete after the session has ended.
    """

    def __init__(self, score: ScoreResponses, context: Context) -> None:
        super().__init__(context)
        self.masses = Masses()
        self.findings: Findings = {}
        self._score = score

    async def score(
        self, prompt: Prompt, responses: Sequence[Response], models: Models
    ) -> Sequence[Score]:
        """Scores of ``responses``, which may be unfinished answers. ``models``: any models of the
        row; the scorer's own bindings are used."""
        return await self._score(prompt, responses, self.bind(models))

    def scored_by(self, score: ScoreResponses) -> "ScorerSession":
        """This session with another function ``score``; context, counts and masses are shared."""
        other = copy(self)
        other._score = score
        return other

    def bind(self, models: Models) -> Models:
        """``models`` with the scorer's bindings, counts and masses."""
        return models.in_context(self.context, self.counts, self.masses)


@runtime_checkable
class Scorer(Protocol):
    """The interface of annotators for other operators. A generator that searches or chooses has one
    as a parameter (``scorer: {use: annotators.ProcessReward, ...}``) and gives it the rows."""

    @property
    def compares(self) -> bool:
        """Whether a score is the share of the comparisons with other responses that it wins."""
        ...

    def session(
        self, tables: Mapping[str, pl.DataFrame], context: Context
    ) -> AbstractContextManager[ScorerSession]:
        """A session for one stage: ``with scorer.session(tables, context) as session:``."""
        ...

    async def score(
        self, prompt: Prompt, responses: Sequence[Response], models: Models
    ) -> Sequence[Score]:
        """Scores of ``responses``. Called by a `ScorerSession`."""
        ...


def value_of(scores: Sequence[Score], response_id: str) -> float | None:
    """The value of the text of ``response_id``, which may be unfinished.

    If steps were scored, the mean of the last step's scores. Otherwise the mean of the scores of
    the full text. None if there is no score with a value.
    """
    valid = [
        score for score in scores if score.response_id == response_id and score.value is not None
    ]
    stepwise = [score for score in valid if score.step is not None]
    if stepwise:
        last = max(score.step for score in stepwise if score.step is not None)
        valid = [score for score in stepwise if score.step == last]
    values = [score.value for score in valid if score.value is not None]
    return sum(values) / len(values) if values else None


def verdict_of(scores: Sequence[Score], response_id: str) -> float | None:
    """The value of the complete answer ``response_id``: the mean of the scores of the full text.
    If only steps were scored, as `value_of`. None if there is no score with a value."""
    full_text = [score for score in scores if score.step is None]
    value = value_of(full_text, response_id)
    return value_of(scores, response_id) if value is None else value
