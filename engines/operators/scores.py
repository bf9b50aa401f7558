"""What an annotator says of a response, and what asks one without knowing which it is."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import polars as pl

from engines.context import Context
from engines.model import Models
from engines.rows import Prompt, Response
from schemas import Findings, canonical


@dataclass(frozen=True, slots=True)
class Score:
    """A score as its annotator hands it over: a ``value``, or the ``error`` that says why not.

    ``raw`` is the judge's own words, kept even where they could not be parsed. ``step`` counts the
    response's steps from 0; None scores the whole, -1 the prompt before any step.
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


def opinions(
    annotator: str,
    responses: Sequence[Response],
    values: Sequence[float],
    *,
    model: str | None,
    parameters: Mapping[str, Any],
) -> list[Score]:
    """An opinion of each of ``responses``, of which ``values`` are in their order."""
    known = canonical(parameters)
    return [
        Score(response.response_id, annotator, value, model=model, parameters=known)
        for response, value in zip(responses, values, strict=True)
    ]


ScoreResponses = Callable[[Prompt, Sequence[Response], Models], Awaitable[Sequence[Score]]]
"""Scores the responses to one prompt."""


class ScorerSession:
    """A scorer during one stage.

    Attributes:
        context: the stage's context, each role bound to what the scorer asks.
        counts: what the scorer counts as it goes, by name.
        findings: figures about the scorer; complete once the session has ended.
    """

    def __init__(self, score: ScoreResponses, context: Context) -> None:
        self.context = context
        self.counts: Counter[str] = Counter()
        self.findings: Findings = {}
        self._score = score

    async def score(
        self, prompt: Prompt, responses: Sequence[Response], models: Models
    ) -> Sequence[Score]:
        """Opinions of ``responses``, which may be begun answers. ``models`` are any of the row's:
        the scorer calls them as its own context binds them."""
        return await self._score(prompt, responses, self.bound(models))

    def bound(self, models: Models) -> Models:
        """``models`` as the scorer calls them."""
        return models.bound(self.context, self.counts)


@runtime_checkable
class Scorer(Protocol):
    """What every annotator can do. A generator that searches or chooses has one inside it
    (``scorer: {use: annotators.ProcessReward, ...}``) and hands it the rows itself."""

    def session(
        self, tables: Mapping[str, pl.DataFrame], context: Context
    ) -> AbstractContextManager[ScorerSession]:
        """The scorer's life in one stage: ``with scorer.session(tables, context) as session:``."""
        ...

    async def score(
        self, prompt: Prompt, responses: Sequence[Response], models: Models
    ) -> Sequence[Score]:
        """Opinions of ``responses``, as a `ScorerSession` asks for them."""
        ...


def value_of(opinions: Sequence[Score], response_id: str) -> float | None:
    """What ``opinions`` say of how good the text of ``response_id`` is as far as it goes.

    That of its last step where steps were scored, else the mean of those of the whole; None where
    there is none that could be read.
    """
    read = [one for one in opinions if one.response_id == response_id and one.value is not None]
    stepwise = [one for one in read if one.step is not None]
    if stepwise:
        last = max(one.step for one in stepwise if one.step is not None)
        read = [one for one in stepwise if one.step == last]
    values = [one.value for one in read if one.value is not None]
    return sum(values) / len(values) if values else None


def verdict_of(opinions: Sequence[Score], response_id: str) -> float | None:
    """What ``opinions`` say of the whole answer ``response_id``: the mean of those of the whole,
    or where there are only steps' what `value_of` says. None where there is none that could be
    read."""
    whole = [one for one in opinions if one.step is None]
    said = value_of(whole, response_id)
    return value_of(opinions, response_id) if said is None else said
