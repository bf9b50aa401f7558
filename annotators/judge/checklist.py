"""Scores by a checklist of yes/no questions about what the prompt asks for."""

import asyncio
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import polars as pl
from pydantic import Field, field_validator

from annotators.judge.parsing.checklists import LEAST, questions
from annotators.judge.parsing.statements import shortened
from annotators.judge.replies import QuestionsAnnotator, Reply
from engines.context import Context
from engines.model import Model, Models, SampledText
from engines.operators.cut_off import cut_off
from engines.operators.scores import Score
from engines.protocol import Sampling
from engines.rows import Prompt, Response
from schemas import GeneratingRole, ModelDefault, StageReport, TemplateName, canonical

RETRY_TEMPERATURE = 0.7
UNWRITTEN = "the checklist does not have two questions that are answered yes or no"


@dataclass(frozen=True, slots=True)
class _PromptChecklist:
    """The checklist of a prompt. ``error`` says why it has no items."""

    items: tuple[str, ...]
    raw: str | None = None
    error: str | None = None


class Checklist(QuestionsAnnotator):
    """The share of the yes/no questions of a checklist that ``model`` answers with yes.

    ``writer`` (``model`` if null) writes the questions once per prompt, greedily, and again at
    temperature 0.7 if two cannot be read; all responses to the prompt are judged by the same
    questions. Or ``items`` gives the questions for all prompts.
    ``answers: chosen`` uses the probability of yes against no; ``sampled`` reads a generated
    answer. ``score_by: share`` is the share of questions with P(yes) above a half; ``mean`` is the
    mean of P(yes). The value is in [0, 1]. ``raw`` is a JSON object of ``items`` and ``answers``
    (each P(yes), or null if it could not be read), for `generators.Refine`.

    A checklist without two yes/no questions (`annotators.judge.parsing.checklists`), or an answer
    that is neither yes nor no, gives an error and no score; ``raw`` then holds the text of the
    model. A checklist of more than ``max_tokens`` tokens that has fewer than ``most`` questions,
    or a sampled answer of more than ``answer_tokens`` tokens was cut off and gives an error, unless
    ``cut_verdicts: read``. A response that was cut off is not scored, unless ``cut: read``.

    Source: Cook et al. 2024, TICKing All the Boxes (arXiv:2410.03608): TICK, whose pass rate is
    ``share`` of ``sampled`` answers.
    """

    writer: GeneratingRole | None = None
    items: tuple[str, ...] | None = Field(default=None, min_length=1)
    most: int = Field(default=8, ge=LEAST)
    score_by: Literal["share", "mean"] = "share"
    max_tokens: Annotated[int, ModelDefault("checklist_tokens")] = Field(default=512, ge=1)
    template: TemplateName = "checklist_item"
    checklist_template: TemplateName = "write_checklist"

    @field_validator("items")
    @classmethod
    def _different(cls, items: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if items is not None and (len(set(items)) < len(items) or not all(map(str.strip, items))):
            raise ValueError("items must be different questions, none of them empty")
        return items

    def role_of(self, field: str) -> str | None:
        """The checklist is the writer's, all else the judge's."""
        return self.writer if field == "max_tokens" and self.writer else self.model

    async def score(
        self, prompt: Prompt, responses: Sequence[Response], models: Models
    ) -> list[Score]:
        """One score per response."""
        checklist = await self._checklist(prompt, models)
        return await asyncio.gather(
            *(self._score(prompt, one, checklist, models) for one in responses)
        )

    def conclusions(
        self, tables: Mapping[str, pl.DataFrame], kept: pl.DataFrame, context: Context
    ) -> StageReport:
        """The results of the probes, the lengths of checklists, and how much could not be read."""
        report = super().conclusions(tables, kept, context)
        return report + StageReport(findings=_findings(kept, tables[self.of]))

    async def _checklist(self, prompt: Prompt, models: Models) -> _PromptChecklist:
        if self.items is not None:
            return _PromptChecklist(self.items)
        model = models[self.writer or self.model]
        messages = self.ask(model, self.checklist_template, prompt=prompt)
        # A model that repeats itself at temperature 0 may not at a higher one.
        for temperature in (0.0, RETRY_TEMPERATURE):
            sampling = Sampling(temperature=temperature, max_tokens=self.max_tokens)
            (sampled,) = await model.generate(messages, sampling=sampling)
            checklist = self._read(sampled)
            if checklist.error is None:
                break
        return checklist

    def _read(self, sampled: SampledText) -> _PromptChecklist:
        items = questions(sampled.text)[: self.most]
        refusal = cut_off(sampled, self.cut_verdicts)
        if refusal is not None and len(items) < self.most:
            return _PromptChecklist((), sampled.text, f"{UNWRITTEN}: {refusal}")
        if len(items) < LEAST:
            return _PromptChecklist((), sampled.text, f"{UNWRITTEN}: {shortened(sampled.text)}")
        return _PromptChecklist(items, sampled.text)

    async def _score(
        self, prompt: Prompt, response: Response, checklist: _PromptChecklist, models: Models
    ) -> Score:
        model = models.at(response.response_id)[self.model]
        parameters: dict[str, Any] = {"score_by": self.score_by, "answers": self.answers}
        value, raw, error = None, checklist.raw, checklist.error
        masses: list[float] = []
        if error is None and (error := cut_off(response, self.cut)) is not None:
            raw = json.dumps({"items": checklist.items}, ensure_ascii=False)
        elif error is None:
            replies = await asyncio.gather(
                *(
                    self._answer(prompt, response, number, item, model)
                    for number, item in enumerate(checklist.items)
                )
            )
            answers = [reply.value for reply in replies]
            masses = [reply.mass for reply in replies if reply.mass is not None]
            judged: dict[str, Any] = {"items": checklist.items, "answers": answers}
            unread = [number for number, answer in enumerate(answers) if answer is None]
            if unread:
                judged["said"] = [reply.text for reply in replies]
                error = f"item {unread[0] + 1} {replies[unread[0]].error}"
            else:
                value = self._value([answer for answer in answers if answer is not None])
            raw = json.dumps(judged, ensure_ascii=False)
        return Score(
            response.response_id,
            "checklist",
            value,
            raw=raw,
            error=error,
            mass=min(masses, default=None),
            model=model.revision,
            parameters=canonical(parameters),
        )

    async def _answer(
        self, prompt: Prompt, response: Response, number: int, item: str, model: Model
    ) -> Reply:
        messages = self.ask(
            model,
            self.template,
            prompt=prompt,
            begun=self.chooses,
            response=response.text,
            item=item,
        )
        return await self.yes(model, messages, call=f"item {number}")

    def _value(self, answers: Sequence[float]) -> float:
        if self.score_by == "share":
            return sum(answer > 0.5 for answer in answers) / len(answers)
        return math.fsum(answers) / len(answers)


def _findings(scores: pl.DataFrame, responses: pl.DataFrame) -> dict[str, Any]:
    """The mean number of items, and how many responses have no score because a checklist or an
    answer could not be read."""
    errors = scores["error"].drop_nulls()
    lengths = (
        scores.filter(~pl.col("error").fill_null("").str.starts_with(UNWRITTEN))
        .join(responses.select("response_id", "prompt_id"), on="response_id")
        .unique("prompt_id")["raw"]
        .str.json_decode(pl.Struct({"items": pl.List(pl.String)}))
        .struct.field("items")
        .list.len()
    )
    return {
        "items_a_checklist": lengths.mean(),
        "responses_without_a_checklist": int(errors.str.starts_with(UNWRITTEN).sum()),
        "responses_with_unread_answers": int(errors.str.starts_with("item ").sum()),
    }
