"""Checks each step of a solution against nothing but the statements that it cites."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from annotators.annotator import Annotator
from annotators.judge.parsing.verdicts import Verdict, polled
from annotators.judge.parsing.yes_no import read_yes
from annotators.truth.first_error_votes import NONE
from annotators.truth.rollout_value import UNCUT
from engines.model import Model, Models
from engines.operators.cut_off import Cut, cut_off
from engines.operators.premises import Statement, read_statements
from engines.operators.sampled import Sampled
from engines.operators.scores import Score
from engines.protocol import RowError
from engines.rows import Prompt, Response
from schemas import GeneratingRole, ModelDefault, TemplateName, canonical

NAME = "premise_check"
NONE_CITES = "no step cites a statement"


class PremiseCheck(Sampled, Annotator):
    """Scores a response by the index of its first invalid step, −1 if each step is valid; and each
    step that should follow from others by the share of ``votes`` that say that it does. A step is
    valid if more than half of them do.

    The responses are numbered statements that cite each other (`engines.operators.premises`), cut
    by ``generators.Segment`` with ``by: premises``. ``model`` sees the step and the statements that
    it cites, and neither the problem nor the rest of the solution; with ``shows: earlier``, all
    that comes before the step, which is what the paper compares with. A step whose citation cannot
    be followed is invalid (value 0), and the model is not asked. Statements of the problem, and the
    line with the answer, cite nothing and are not checked.

    If a response has no step that cites, the score is an error. So is it if the first step that is
    not known to be valid has no readable vote; or if the response was cut off, unless ``cut:
    read``. A vote that was cut off is not read, unless ``cut_verdicts: read``.

    Source: Ling et al. 2023, Deductive Verification of Chain-of-Thought Reasoning
    (arXiv:2306.03872).
    """

    names_steps: ClassVar[bool] = True

    model: GeneratingRole = "judge"
    votes: int = Field(default=3, ge=1)
    shows: Literal["cited", "earlier"] = "cited"
    template: TemplateName = "check_step"
    max_tokens: Annotated[int, ModelDefault("verdict_tokens")] = Field(default=256, ge=1)
    cut: Cut = "refuse"
    cut_verdicts: Cut = "refuse"

    @model_validator(mode="after")
    def _votes_differ(self) -> "PremiseCheck":
        if self.votes > 1 and self.temperature == 0:
            raise ValueError("votes at temperature 0 are all the same: set a temperature above 0")
        return self

    async def score(
        self, prompt: Prompt, responses: Sequence[Response], models: Models
    ) -> list[Score]:
        """For each response one score per step that cites, then one of the whole."""
        each = await asyncio.gather(*(self._scores(prompt, one, models) for one in responses))
        return [score for scores in each for score in scores]

    async def _scores(self, prompt: Prompt, response: Response, models: Models) -> list[Score]:
        judge = models.at(response.response_id)[self.model]
        settings: dict[str, Any] = {"template": self.template, "votes": self.votes}
        if self.shows != "cited":
            settings["shows"] = self.shows
        parameters = canonical(settings)
        response_score = Score(
            response.response_id, NAME, None, model=judge.revision, parameters=parameters
        )
        if response.steps is None:
            return [replace(response_score, error=UNCUT)]
        if (refusal := cut_off(response, self.cut)) is not None:
            return [replace(response_score, error=refusal)]
        statements = read_statements(response.step_texts())
        if self.shows == "earlier":
            texts = tuple(one.text for one in statements)
            statements = [
                one if one.premises is None else replace(one, premises=texts[:at])
                for at, one in enumerate(statements)
            ]
        checked = [
            (at, one)
            for at, one in enumerate(statements)
            if one.premises is not None or one.fault is not None
        ]
        if all(one.premises is None for _, one in checked):
            return [replace(response_score, error=NONE_CITES)]
        verdicts = await asyncio.gather(*(self._verdict(prompt, one, judge) for _, one in checked))
        by_step = list(zip((at for at, _ in checked), verdicts, strict=True))
        steps = [
            replace(response_score, step=at, value=one.value, raw=one.raw, error=one.error)
            for at, one in by_step
        ]
        doubted = [(at, one) for at, one in by_step if one.value is None or one.value <= 0.5]
        if not doubted:
            return [*steps, replace(response_score, value=float(NONE))]
        at, first = doubted[0]
        if first.value is None:
            return [*steps, replace(response_score, error=f"step {at + 1}: {first.error}")]
        return [*steps, replace(response_score, value=float(at))]

    async def _verdict(self, prompt: Prompt, one: Statement, judge: Model) -> Verdict:
        if one.fault is not None:
            return Verdict(0.0, one.fault)
        question = self.ask(
            judge, self.template, prompt=prompt, statements=list(one.premises or ()), step=one.text
        )
        try:
            sampled = await judge.generate(question, n=self.votes, sampling=self.sampling)
        except RowError as refusal:
            return Verdict(None, None, f"not answered: {refusal}")
        return polled(
            [text.text for text in sampled],
            lambda text: float(read_yes(text)),
            "mean",
            refused=[cut_off(text, self.cut_verdicts) for text in sampled],
        )
