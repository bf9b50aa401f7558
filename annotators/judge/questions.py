"""Shared by the modes of a judge: parameters, questions and verdicts."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

import polars as pl
from pydantic import Field, field_validator, model_validator

from annotators.judge.choosing import ChoosingAnnotator
from annotators.judge.metrics import count_verdict
from annotators.judge.parsing.verdicts import Aggregate, Verdict, polled, weighed
from engines.context import Context
from engines.model import Model, thinking_before
from engines.operators.cut_off import Cut, cut_off
from engines.operators.rebinding import bind_checkpoint
from engines.operators.sampled import Sampled
from engines.operators.scores import Score
from engines.protocol import RowError, Sampling
from engines.rows import Prompt, Response
from schemas import Checkpoints, ChoosingRole, Message, ModelDefault, Takes, TemplateName, canonical
from schemas.operator import RoleUse


class JudgeQuestions(Sampled, ChoosingAnnotator):
    """The parameters of a judge, its questions, and how its answers are read."""

    mode: Literal["pointwise", "pairwise", "listwise"] = "pointwise"
    model: ChoosingRole = "judge"
    checkpoint: Annotated[str | None, Takes(Checkpoints, tasks=("CAUSAL_LM",))] = None
    template: TemplateName | None = None
    criteria: str | None = None
    scale: tuple[int, int] = (1, 5)
    verdict: Literal["probability", "sampled"] = "probability"
    votes: int = Field(default=1, ge=1)
    aggregate: Aggregate = "mean"
    parse: str | None = None
    pattern: str | None = None
    max_tokens: Annotated[int, ModelDefault("verdict_tokens")] = Field(default=256, ge=1)
    both_orders: bool = True
    opponents: int | None = Field(default=None, ge=1)
    cut: Cut = "refuse"
    cut_verdicts: Cut = "refuse"

    @field_validator("scale")
    @classmethod
    def _ascending(cls, scale: tuple[int, int]) -> tuple[int, int]:
        if not 0 <= scale[0] < scale[1]:
            raise ValueError(
                f"scale must be [lowest, highest] with 0 or more as lowest, got {list(scale)}"
            )
        return scale

    @field_validator("parse")
    @classmethod
    def _one_group(cls, pattern: str | None) -> str | None:
        try:
            groups = 1 if pattern is None else re.compile(pattern).groups
        except re.error as error:
            raise ValueError(f"{pattern!r} is not a regular expression: {error}") from None
        if groups != 1:
            raise ValueError(f"{pattern!r} must have one group, the verdict")
        return pattern

    @model_validator(mode="after")
    def _fits(self) -> "JudgeQuestions":
        if self.verdict == "probability":
            if self.mode == "listwise":
                raise ValueError("a ranking cannot be judged by probability: set verdict: sampled")
            if self.votes > 1 or self.parse is not None:
                raise ValueError("votes and parse need sampled verdicts: set verdict: sampled")
        elif self.votes > 1 and self.temperature == 0:
            raise ValueError("votes at temperature 0 are all the same: set a temperature above 0")
        return self

    @property
    def asks(self) -> str:
        """The name of the template for the question."""
        return self.template or f"judge_{self.mode}"

    @property
    def sampling(self) -> Sampling:
        """The sampling of a verdict. The output is constrained to a verdict if the template asks
        for nothing else and the engine can do it."""
        low, high = self.scale
        verdicts = {
            "judge_pointwise": "|".join(map(str, range(low, high + 1))),
            "judge_reference": "|".join(map(str, range(low, high + 1))),
            "judge_pairwise": "A|B|C",
            "judge_listwise": "[A-Z]( [A-Z])*",
            "judge_rationale": rf"(.|\n)*Score: ({'|'.join(map(str, range(low, high + 1)))})",
        }
        pattern = verdicts.get(self.asks) if self.pattern is None else self.pattern
        return replace(super().sampling, pattern=pattern)

    @property
    def chooses(self) -> bool:
        return self.verdict == "probability"

    @property
    def compares(self) -> bool:
        return self.mode == "pairwise"

    def roles(self) -> list[RoleUse]:
        """The roles. A judge of sampled verdicts generates; any other chooses, and one that thinks
        first does both."""
        needs: tuple[str, ...] = ("generate",) if self.verdict == "sampled" else ("choose",)
        if self.chooses and self.max_thinking_tokens is not None:
            needs = ("generate", "choose")
        return [
            replace(use, needs=needs) if use.field == "model" else use for use in super().roles()
        ]

    def prepared(self, tables: Mapping[str, pl.DataFrame], context: Context) -> Context:
        """The judge, bound to the weights of ``checkpoint`` if it is set."""
        if self.checkpoint is not None:
            return bind_checkpoint(
                context, self.model, tables[self.checkpoint], stage=self.checkpoint
            )
        return context

    def question(self, model: Model, *, prompt: Prompt, **variables: Any) -> tuple[Message, ...]:
        """The question to ``model``, with the beginning of its answer if it chooses. Weights that a
        stage trained to judge answer the question alone, as they learned to."""
        return self.ask(
            model,
            self.asks,
            prompt=prompt,
            begun=self.chooses and self.checkpoint is None,
            criteria=self.criteria,
            **variables,
        )

    async def verdict_on(
        self,
        model: Model,
        question: Sequence[Message],
        answers: Mapping[str, float],
        read: Callable[[str], float],
    ) -> Verdict:
        """The verdict of ``model`` on ``question``.

        Args:
            model: the judge.
            question: the messages.
            answers: the value of each allowed answer, for a verdict by probability.
            read: the value of a sampled answer.

        A question that the model refuses gives a verdict with an error.
        """
        try:
            if self.verdict == "probability":
                chosen = await model.choose(await self._thought(model, question), list(answers))
                verdict = weighed(answers, chosen.logprobs, mass=chosen.mass)
            else:
                sampled = await model.generate(question, n=self.votes, sampling=self.sampling)
                verdict = polled(
                    [one.text for one in sampled],
                    read,
                    self.aggregate,
                    refused=[cut_off(one, self.cut_verdicts) for one in sampled],
                )
        except RowError as refusal:
            verdict = Verdict(None, None, f"not answered: {refusal}", votes=0)
        count_verdict(model.counts, verdict)
        return verdict

    async def _thought(self, model: Model, question: Sequence[Message]) -> tuple[Message, ...]:
        """``question``, with the thought of a judge that thinks before it chooses."""
        if self.max_thinking_tokens is None:
            return tuple(question)
        messages = question[:-1] if question[-1]["role"] == "assistant" else question
        thought = await model.think(messages, sampling=super().sampling)
        return thinking_before(question, thought)

    def opinion(
        self,
        response: Response,
        model: Model,
        value: float | None,
        raw: str | None,
        error: str,
        mass: float | None = None,
    ) -> Score:
        """The score of ``response``. ``error`` says why there is no ``value``; it is ignored if
        there is one."""
        name = f"judge_{self.mode}"
        if self.asks != name:
            name += f"_{self.asks.removeprefix('judge_')}"
        fields = {"template", "criteria", "verdict", "scale"}
        if self.verdict == "sampled":
            fields |= {
                "votes",
                "aggregate",
                "parse",
                "pattern",
                "temperature",
                "top_p",
                "max_tokens",
            }
            if self.top_k:
                fields.add("top_k")
        if self.max_thinking_tokens is not None:
            fields.add("max_thinking_tokens")
        fields |= {name for name in ("cut", "cut_verdicts") if getattr(self, name) == "read"}
        parameters = self.model_dump(mode="json", include=fields)
        return Score(
            response.response_id,
            name,
            value,
            raw=raw,
            error=error if value is None else None,
            mass=mass,
            model=model.revision,
            parameters=canonical(parameters),
        )
