"""How an annotator that asks questions about a response reads the answers of its model."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from annotators.judge.choosing import ChoosingAnnotator
from annotators.judge.parsing.grades import read_grade
from annotators.judge.parsing.statements import UnparseableVerdict
from annotators.judge.parsing.verdicts import weighed
from annotators.judge.parsing.yes_no import read_yes
from engines.model import Model
from engines.operators.cut_off import Cut, cut_off
from engines.protocol import Sampling
from schemas import Message, ModelDefault, canonical
from schemas.operator import RoleMark

OPTIONS = ("yes", "no")


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one question: its value or None, the text, why it could not be read, and the
    mass of the options."""

    value: float | None
    text: str = ""
    error: str | None = None
    mass: float | None = None


class QuestionsAnnotator(ChoosingAnnotator):
    """Base class: scores responses by the answers of ``model`` to questions about them.

    ``answers: chosen`` uses the probabilities of the possible answers; ``sampled`` reads a
    generated answer of at most ``answer_tokens`` tokens.
    """

    model: Annotated[str, RoleMark("generate", "choose")] = "judge"
    answers: Literal["chosen", "sampled"] = "chosen"
    answer_tokens: Annotated[int, ModelDefault("reply_tokens")] = Field(default=8, ge=1)
    cut: Cut = "refuse"
    cut_verdicts: Cut = "refuse"

    @property
    def chooses(self) -> bool:
        return self.answers == "chosen"

    async def yes(self, model: Model, question: Sequence[Message], *, call: str) -> Reply:
        """The probability of yes against no; or 1 or 0, of a sampled answer."""
        if self.chooses:
            chosen = await model.choose(question, OPTIONS)
            yes = math.exp(chosen.logprobs[0])
            text = canonical({"yes": round(yes, 4)})
            return Reply(yes, text, mass=chosen.mass)
        sampling = Sampling(max_tokens=self.answer_tokens, pattern="[Yy]es|[Nn]o")
        (sampled,) = await model.generate(question, sampling=sampling, call=call)
        if (refusal := cut_off(sampled, self.cut_verdicts)) is not None:
            return Reply(None, sampled.text, f"is not answered: {refusal}")
        try:
            return Reply(float(read_yes(sampled.text)), sampled.text)
        except UnparseableVerdict:
            error = f"is answered neither yes nor no: {sampled.text[:80]!r}"
            return Reply(None, sampled.text, error)

    async def number(
        self, model: Model, question: Sequence[Message], scale: tuple[int, int], *, call: str
    ) -> Reply:
        """The expected number on ``scale``; or the number of a sampled answer."""
        low, high = scale
        numbers = {str(number): float(number) for number in range(low, high + 1)}
        if self.chooses:
            chosen = await model.choose(question, list(numbers))
            verdict = weighed(numbers, chosen.logprobs)
            return Reply(verdict.value, verdict.raw or "", mass=chosen.mass)
        sampling = Sampling(max_tokens=self.answer_tokens, pattern="|".join(numbers))
        (sampled,) = await model.generate(question, sampling=sampling, call=call)
        if (refusal := cut_off(sampled, self.cut_verdicts)) is not None:
            return Reply(None, sampled.text, f"is not answered: {refusal}")
        try:
            return Reply(read_grade(sampled.text, scale), sampled.text)
        except UnparseableVerdict as error:
            return Reply(None, sampled.text, f"is not answered by a number: {error}")
