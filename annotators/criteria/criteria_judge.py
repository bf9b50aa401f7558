"""A judge that is asked its question once under each of several criteria."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Annotated, Any

import polars as pl
from pydantic import model_validator

from annotators.criteria.criterion import Stated, criteria_of, judged_by
from annotators.judge.judge import Judge
from engines.context import Context
from engines.model import Models
from engines.operators.scores import Score, ScorerSession
from engines.rows import Prompt, Response
from schemas import Criteria, Split, Takes


class CriteriaJudge(Judge):
    """`annotators.Judge`, asked once under each criterion of stage ``by``, whose text is the
    ``criteria`` of the question: grades, comparisons or rankings by one principle at a time.

    A response has one score a criterion, by an annotator of its name, in the unit of the mode. Of a
    ``negated`` criterion, a comparison or a ranking is turned round: the score is 1 less it. (A
    grade is not: say in the criterion what deserves a high one.) A prompt without a criterion has
    no scores.

    Source: Yu et al. 2025, RewardAnything (arXiv:2506.03637), for rankings by a principle.
    """

    by: Annotated[str, Takes(Criteria)]

    @model_validator(mode="after")
    def _criteria_come_from_a_stage(self) -> "CriteriaJudge":
        if self.criteria is not None:
            raise ValueError("the criteria are those of stage 'by': leave out criteria")
        return self

    @contextmanager
    def session(
        self, tables: Mapping[str, pl.DataFrame], context: Context
    ) -> Iterator[ScorerSession]:
        """The session, which knows the criteria.

        Raises:
            ValueError: a criterion is negated, and responses are graded.
        """
        stated = self._stated(tables, context)
        session = ScorerSession(partial(self._judged, stated), self.prepared(tables, context))
        yield session
        session.findings = self.findings(session.counts)

    def rows_of(self, tables: Mapping[str, pl.DataFrame], session: ScorerSession) -> Split:
        """The scores. Of a stage that is worked in parts, each has the criteria of its prompts."""
        stated = self._stated(tables, session.context)
        return super().rows_of(tables, session.scored_by(partial(self._judged, stated)))

    def _stated(self, tables: Mapping[str, pl.DataFrame], context: Context) -> Stated:
        stated = judged_by(tables[self.by])
        negated = [row["name"] for rows in stated.values() for row in rows if row["negated"]]
        if negated and self.mode == "pointwise":
            raise ValueError(
                f"stage {context.stage!r}: criterion {negated[0]!r} is negated, which is for "
                "comparisons and rankings: word it so that a good response has a high grade"
            )
        return stated

    async def _judged(
        self,
        stated: Stated,
        prompt: Prompt,
        responses: Sequence[Response],
        models: Models,
    ) -> list[Score]:
        rows = criteria_of(prompt.prompt_id, stated)
        each = await asyncio.gather(*(self._under(row, prompt, responses, models) for row in rows))
        return [score for scores in each for score in scores]

    async def _under(
        self,
        row: Mapping[str, Any],
        prompt: Prompt,
        responses: Sequence[Response],
        models: Models,
    ) -> list[Score]:
        judge = self.model_copy(update={"criteria": row["text"]})
        scores = await judge.score(prompt, responses, models)
        own = [
            replace(one, annotator=row["name"], parents=(row["criterion_id"],)) for one in scores
        ]
        if not row["negated"]:
            return own
        return [one if one.value is None else replace(one, value=1 - one.value) for one in own]
