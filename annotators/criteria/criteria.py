"""Scores by criteria: principles, rules, the items of a rubric."""

import asyncio
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, Literal

import polars as pl
from pydantic import Field, field_validator, model_validator

from annotators.criteria.criterion import (
    Criterion,
    RubricOf,
    Stated,
    criteria_of,
    distinct,
    judged_by,
)
from annotators.criteria.rubric_files import find_rubric, read_rubric
from annotators.judge.replies import QuestionsAnnotator, Reply
from engines.context import Context
from engines.model import Model, Models
from engines.operators.cut_off import cut_off
from engines.operators.scores import Score, ScorerSession
from engines.rows import Prompt, Response
from schemas import Criteria as CriteriaTable
from schemas import RubricName, Split, Takes, TemplateName, canonical
from schemas.operator import RoleUse

TOGETHER = "criteria"
"""The annotator of one score of all criteria."""


class Criteria(QuestionsAnnotator):
    """Asks ``model`` about each response once for each criterion.

    The criteria stand in the recipe (``criteria``), in a ``file`` beside it or shipped
    (`annotators.criteria.rubric_files`), or come from a stage (``by``; of a rubric of several
    versions, the last). A criterion is graded on ``scale``, answered by yes or no, or counted up to
    ``most``. Its value is in [0, 1], higher is better: the place of the grade on the scale, the
    probability of yes, or the count over ``most``; one less it if the criterion is negated.

    ``score_by: criterion`` gives one score a criterion, whose annotator is the criterion's name, so
    a filter that reads the stage takes their mean. ``mean`` gives one score, the mean by the
    criteria's weights; ``share``, that of the criteria with a value above a half. ``raw`` of such a
    score lists ``items`` and ``answers`` as a checklist's does, for `generators.Refine`.

    An answer that cannot be read gives an error and no score. A response that was cut off is not
    scored, unless ``cut: read``. A prompt without a criterion has no scores.

    Source: the principles of SALMON (Sun et al. 2023, arXiv:2310.05910), judged one by one.
    """

    criteria: tuple[Criterion, ...] | None = Field(default=None, min_length=1)
    file: RubricName | None = None
    by: Annotated[str | None, Takes(CriteriaTable)] = None
    score_by: Literal["criterion", "mean", "share"] = "criterion"
    scale: tuple[int, int] = (1, 5)
    most: int = Field(default=5, ge=1, le=9)
    graded_template: TemplateName = "criterion_graded"
    yes_no_template: TemplateName = "criterion_yes_no"
    counted_template: TemplateName = "criterion_counted"

    @field_validator("criteria")
    @classmethod
    def _distinct(cls, criteria: tuple[Criterion, ...] | None) -> tuple[Criterion, ...] | None:
        return None if criteria is None else tuple(distinct(criteria))

    @model_validator(mode="after")
    def _one_origin(self) -> "Criteria":
        if sum(origin is not None for origin in (self.criteria, self.file, self.by)) != 1:
            raise ValueError("give one of criteria, file and by: where the criteria are")
        if not 0 <= self.scale[0] < self.scale[1]:
            raise ValueError(f"scale must be [lowest, highest], got {list(self.scale)}")
        problem = self.uncounted([criterion.weight for criterion in self.criteria or ()])
        if problem is not None:
            raise ValueError(problem)
        return self

    def roles(self) -> list[RoleUse]:
        """The role. It generates sampled answers, and chooses among others."""
        need = "choose" if self.chooses else "generate"
        return [replace(use, needs=(need,)) for use in super().roles()]

    @contextmanager
    def session(
        self, tables: Mapping[str, pl.DataFrame], context: Context
    ) -> Iterator[ScorerSession]:
        """The session, which knows the criteria."""
        stated = self._stated(tables, context)
        session = ScorerSession(partial(self._judge, stated), self.prepared(tables, context))
        yield session
        session.findings = self.findings(session.counts)

    def rows_of(self, tables: Mapping[str, pl.DataFrame], session: ScorerSession) -> Split:
        """The scores. Of a stage that is worked in parts, each has the criteria of its prompts."""
        if self.by is not None:
            stated = self._stated(tables, session.context)
            session = session.scored_by(partial(self._judge, stated))
        return super().rows_of(tables, session)

    async def score(
        self, prompt: Prompt, responses: Sequence[Response], models: Models
    ) -> list[Score]:
        """The scores of each response, by criteria of the recipe or of a file."""
        return await self._judge(self._stated({}, models.context), prompt, responses, models)

    def _stated(self, tables: Mapping[str, pl.DataFrame], context: Context) -> Stated:
        if self.by is not None:
            stated = judged_by(tables[self.by])
        elif self.file is not None:
            stated = judged_by(read_rubric(find_rubric(self.file, context.folder)).rows())
        else:
            stated = judged_by(RubricOf(criteria=self.criteria or ()).rows())
        for rows in stated.values():
            if (problem := self.uncounted([row["weight"] for row in rows])) is not None:
                raise ValueError(f"stage {context.stage!r}: {problem}")
        return stated

    def uncounted(self, weights: Sequence[float]) -> str | None:
        """What is wrong with criteria whose weights would not count; None if nothing is."""
        if self.score_by != "criterion" or len({*weights}) < 2:
            return None
        return (
            "the criteria have different weights, which count in one score of all only: set "
            "score_by: mean"
        )

    async def _judge(
        self, stated: Stated, prompt: Prompt, responses: Sequence[Response], models: Models
    ) -> list[Score]:
        rows = criteria_of(prompt.prompt_id, stated)
        if not rows:
            return []
        each = await asyncio.gather(*(self._scores(prompt, one, rows, models) for one in responses))
        return [score for scores in each for score in scores]

    async def _scores(
        self, prompt: Prompt, response: Response, rows: Sequence[Mapping[str, Any]], models: Models
    ) -> list[Score]:
        model = models.at(response.response_id)[self.model]
        if (refusal := cut_off(response, self.cut)) is not None:
            replies = [Reply(None, error=refusal) for _ in rows]
        else:
            questions = (self._ask(prompt, response, row, model) for row in rows)
            replies = list(await asyncio.gather(*questions))
        values = [self._value(row, reply.value) for row, reply in zip(rows, replies, strict=True)]
        if self.score_by != "criterion":
            return [self._together(response, rows, replies, values, model)]
        return [
            Score(
                response.response_id,
                row["name"],
                value,
                raw=reply.text,
                error=reply.error,
                mass=reply.mass,
                model=model.revision,
                parameters=canonical(self._parameters() | _stated_columns(row)),
                parents=(row["criterion_id"],),
            )
            for row, reply, value in zip(rows, replies, values, strict=True)
        ]

    async def _ask(
        self, prompt: Prompt, response: Response, row: Mapping[str, Any], model: Model
    ) -> Reply:
        kind, call = row["kind"], f"criterion {row['name']}"
        low, high = self.scale if kind == "graded" else (0, self.most)
        question = self.ask(
            model,
            getattr(self, f"{kind}_template"),
            prompt=prompt,
            begun=self.chooses,
            response=response.text,
            criterion=row["text"],
            low=low,
            high=high,
        )
        if kind == "yes_no":
            return await self.yes(model, question, call=call)
        return await self.number(model, question, (low, high), call=call)

    def _value(self, row: Mapping[str, Any], answer: float | None) -> float | None:
        if answer is None:
            return None
        low, high = {"graded": self.scale, "counted": (0, self.most)}.get(row["kind"], (0, 1))
        value = (answer - low) / (high - low)
        return 1 - value if row["negated"] else value

    def _together(
        self,
        response: Response,
        rows: Sequence[Mapping[str, Any]],
        replies: Sequence[Reply],
        values: Sequence[float | None],
        model: Model,
    ) -> Score:
        items = [Criterion(**_of(row)).item for row in rows]
        judged: dict[str, Any] = {"items": items, "answers": list(values)}
        unread = next((n for n, value in enumerate(values) if value is None), None)
        read_values = [value for value in values if value is not None]
        value, error = None, None
        if unread is not None:
            judged["said"] = [reply.text for reply in replies]
            error = f"criterion {rows[unread]['name']!r}: {replies[unread].error}"
        else:
            counted = (
                [float(v > 0.5) for v in read_values] if self.score_by == "share" else read_values
            )
            weights = [row["weight"] for row in rows]
            total = math.fsum(weights)
            if total == 0:
                error = "all criteria have weight 0"
            else:
                value = math.fsum(w * v for w, v in zip(weights, counted, strict=True)) / total
        masses = [reply.mass for reply in replies if reply.mass is not None]
        return Score(
            response.response_id,
            TOGETHER,
            value,
            raw=json.dumps(judged, ensure_ascii=False),
            error=error,
            mass=min(masses, default=None),
            model=model.revision,
            parameters=canonical(self._parameters() | {"score_by": self.score_by}),
            parents=tuple(row["criterion_id"] for row in rows),
        )

    def _parameters(self) -> dict[str, Any]:
        return {"answers": self.answers, "scale": list(self.scale), "most": self.most}


def _of(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in Criterion.model_fields}


def _stated_columns(row: Mapping[str, Any]) -> dict[str, Any]:
    """What a score tells about its criterion."""
    columns = ("rubric", "version", "text", "kind", "negated")
    return {name: row[name] for name in columns}
