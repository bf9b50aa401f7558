"""Scores of the steps of a response by criteria: which part of it has which error."""

import asyncio
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import polars as pl

from annotators.criteria.criteria import Criteria
from annotators.criteria.criterion import Stated
from annotators.judge.replies import Reply
from annotators.truth.rollout_value import UNCUT
from engines.context import Context
from engines.model import Models
from engines.operators.cut_off import cut_off
from engines.operators.scores import Score
from engines.rows import Prompt, Response
from schemas import TemplateName, canonical


class StepCriteria(Criteria):
    """Asks ``model`` about each step of each response once for each criterion, which is answered by
    yes or no: whether this step does what the criterion says. The template has the step, and the
    text up to its end as ``response``.

    The value of a step is the probability of yes, one less it if the criterion is negated; the
    annotator is the criterion's name. The response has the mean of its steps, by the same
    annotator. Error types are negated criteria, or merits that each step should have.

    An answer that cannot be read is an error of the step and of the response. A response that is
    not cut into steps (`generators.Segment`), or was cut off, is an error, unless ``cut: read``.

    Source: Wu et al. 2023, Fine-Grained Human Feedback (arXiv:2306.01693), whose segments people
    judge; by a model as in Jing & Du 2024, FGAIF (arXiv:2404.05046).
    """

    score_by: Literal["criterion"] = "criterion"
    # Probes are whole responses.
    probes: Literal["off"] = "off"
    yes_no_template: TemplateName = "criterion_step"

    def _stated(self, tables: Mapping[str, pl.DataFrame], context: Context) -> Stated:
        stated = super()._stated(tables, context)
        for rows in stated.values():
            for row in rows:
                if row["kind"] != "yes_no":
                    raise ValueError(
                        f"stage {context.stage!r}: criterion {row['name']!r} is {row['kind']}, and "
                        "steps are judged by yes or no: set kind: yes_no"
                    )
        return stated

    async def _scores(
        self, prompt: Prompt, response: Response, rows: Sequence[Mapping[str, Any]], models: Models
    ) -> list[Score]:
        each = await asyncio.gather(*(self._by(row, prompt, response, models) for row in rows))
        return [score for scores in each for score in scores]

    async def _by(
        self, row: Mapping[str, Any], prompt: Prompt, response: Response, models: Models
    ) -> list[Score]:
        """The scores of the steps by one criterion, then that of the response; or its error."""
        model = models.at(response.response_id)[self.model]

        def score(value: float | None, step: int | None = None, **fields: Any) -> Score:
            return Score(
                response.response_id,
                row["name"],
                value,
                step=step,
                model=model.revision,
                parameters=canonical({"answers": self.answers, "text": row["text"]}),
                parents=(row["criterion_id"],),
                **fields,
            )

        if response.steps is None:
            return [score(None, error=UNCUT)]
        if (refusal := cut_off(response, self.cut)) is not None:
            return [score(None, error=refusal)]

        async def reply_of(step: int, text: str, end: int) -> Reply:
            question = self.ask(
                model,
                self.yes_no_template,
                prompt=prompt,
                begun=self.chooses,
                response=response.text[:end],
                step=text,
                criterion=row["text"],
            )
            return await self.yes(model, question, call=f"criterion {row['name']} of step {step}")

        ends = [span.end for span in response.steps]
        places = enumerate(zip(response.step_texts(), ends, strict=True))
        replies = await asyncio.gather(*(reply_of(step, *place) for step, place in places))
        values = [self._value(row, reply.value) for reply in replies]
        steps = [
            score(value, step, raw=reply.text, error=reply.error, mass=reply.mass)
            for step, (value, reply) in enumerate(zip(values, replies, strict=True))
        ]
        read_values = [value for value in values if value is not None]
        if len(read_values) < len(values):
            return [*steps, score(None, error="a step's score is an error")]
        return [*steps, score(math.fsum(read_values) / len(read_values))]
