"""What the three modes of a judge share: parameters, questions, verdicts."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Literal

import polars as pl
from pydantic import Field, field_validator, model_validator

from annotators.judge.metrics import count_verdict
from annotators.judge.parsing.verdicts import Aggregate, Verdict, polled, weighed
from annotators.probes.probed import ProbedAnnotator
from engines.context import Context
from engines.model import Model
from engines.operators.cut_off import Cut, cut_off
from engines.operators.rebinding import bound
from engines.operators.scores import Score
from engines.protocol import RowError, Sampling
from engines.rows import Response
from schemas import Checkpoints, ChoosingRole, InnerFile, Message, Takes, canonical


class JudgeQuestions(ProbedAnnotator):
    """The parameters of a judge, how it is asked, and how its answers are read."""

    mode: Literal["pointwise", "pairwise", "listwise"] = "pointwise"
    model: ChoosingRole = "judge"
    checkpoint: Annotated[str | None, Takes(Checkpoints)] = None
    template: InnerFile | None = None
    criteria: str | None = None
    scale: tuple[int, int] = (1, 5)
    verdict: Literal["probability", "sampled"] = "probability"
    votes: int = Field(default=1, ge=1)
    aggregate: Aggregate = "mean"
    parse: str | None = None
    pattern: str | None = None
    temperature: float = Field(default=1.0, ge=0)
    top_p: float = Field(default=1.0, gt=0, le=1)
    max_tokens: int = Field(default=256, ge=1)
    both_orders: bool = True
    opponents: int | None = Field(default=None, ge=1)
    cut: Cut = "refuse"
    cut_verdicts: Cut = "refuse"

    @field_validator("scale")
    @classmethod
    def _ascending(cls, scale: tuple[int, int]) -> tuple[int, int]:
        if not 0 <= scale[0] < scale[1]:
            raise ValueError(f"a scale goes from a lowest grade to a highest, not {list(scale)}")
        return scale

    @field_validator("parse")
    @classmethod
    def _one_group(cls, pattern: str | None) -> str | None:
        try:
            groups = 1 if pattern is None else re.compile(pattern).groups
        except re.error as error:
            raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
        if groups != 1:
            raise ValueError(f"{pattern!r} must have one group, what the judge decided")
        return pattern

    @model_validator(mode="after")
    def _fits(self) -> "JudgeQuestions":
        if self.verdict == "probability":
            if self.mode == "listwise":
                raise ValueError("a ranking has no probability here: set verdict: sampled")
            if self.votes > 1 or self.parse is not None:
                raise ValueError("votes and parse are of sampled verdicts: set verdict: sampled")
        elif self.votes > 1 and self.temperature == 0:
            raise ValueError("votes without a temperature are all the same: set temperature")
        return self

    @property
    def asks(self) -> str:
        """The name of the template that is put to the model."""
        return self.template or f"judge_{self.mode}"

    @property
    def sampling(self) -> Sampling:
        """How a sampled verdict is drawn: as nothing else than a verdict, where that is what the
        template asks for and the engine can see to it."""
        low, high = self.scale
        bare = {
            "judge_pointwise": "|".join(map(str, range(low, high + 1))),
            "judge_pairwise": "A|B|C",
            "judge_listwise": "[A-Z]( [A-Z])*",
            "judge_rationale": rf"(.|\n)*Score: ({'|'.join(map(str, range(low, high + 1)))})",
        }
        return Sampling(
            temperature=self.temperature,
            top_p=self.top_p,
            max_tokens=self.max_tokens,
            pattern=bare.get(self.asks) if self.pattern is None else self.pattern,
        )

    @property
    def compares(self) -> bool:
        return self.mode == "pairwise"

    def prepared(self, tables: Mapping[str, pl.DataFrame], context: Context) -> Context:
        """The judge bound to what ``checkpoint`` trained, if it is named."""
        if self.checkpoint is not None:
            return bound(context, self.model, tables[self.checkpoint], stage=self.checkpoint)
        return context

    async def verdict_on(
        self,
        model: Model,
        question: Sequence[Message],
        answers: Mapping[str, float],
        read: Callable[[str], float],
    ) -> Verdict:
        """What ``model`` says to ``question``: one of ``answers``, each with what it is worth, or
        words that ``read`` makes a number of. A question it refuses is a verdict with an error."""
        try:
            if self.verdict == "probability":
                logprobs = await model.choose(question, list(answers))
                verdict = weighed(answers, logprobs)
            else:
                written = await model.generate(question, n=self.votes, sampling=self.sampling)
                verdict = polled(
                    [one.text for one in written],
                    read,
                    self.aggregate,
                    refused=[cut_off(one, self.cut_verdicts) for one in written],
                )
        except RowError as refusal:
            verdict = Verdict(None, None, f"not answered: {refusal}", votes=0)
        count_verdict(model.counts, verdict)
        return verdict

    def opinion(
        self, response: Response, model: Model, value: float | None, raw: str | None, error: str
    ) -> Score:
        """An opinion of ``response``; ``error`` is why there is no ``value``, if there is none."""
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
        fields |= {name for name in ("cut", "cut_verdicts") if getattr(self, name) == "read"}
        parameters = self.model_dump(mode="json", include=fields)
        return Score(
            response.response_id,
            name,
            value,
            raw=raw,
            error=error if value is None else None,
            model=model.revision,
            parameters=canonical(parameters),
        )
