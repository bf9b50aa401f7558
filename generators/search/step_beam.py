"""Responses found by a beam search over steps, guided by an annotator."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from engines.model import Models
from engines.operators.refusal import Refusal
from engines.operators.scores import ScorerSession, value_of
from engines.rows import BEGUN, Prompt, Response
from generators.drafts import Draft
from generators.search.chooser import Chooser
from generators.search.proposer import Proposed, Proposer
from schemas import canonical, content_id


@dataclass(frozen=True, slots=True)
class Beginning:
    """A partial or complete answer, and its ``last`` step. ``ended``: it is complete."""

    text: str = ""
    ended: bool = False
    last: Proposed | None = None

    @property
    def finish(self) -> Literal["stop", "length"]:
        """How it ended: "length" if it is not complete; "stop" if the model proposed no further
        step."""
        if not self.ended:
            return "length"
        return self.last.finish if self.last is not None and self.last.ended else "stop"


class StepBeam(Chooser):
    """One response per prompt, found by a beam search over steps.

    Each of the ``beams`` best beginnings is extended by ``width`` proposed steps
    (`generators.Proposer`; equal steps are one). The ``beams`` candidates whose last step
    ``scorer`` values most are kept, among the extended and the complete ones. This repeats until
    all are complete or have ``max_steps`` steps. The best one is the response (step-level beam
    search: Snell et al. 2024, arXiv:2408.03314; with a value model: AlphaMath, Chen et al. 2024,
    arXiv:2405.03553). The first proposed of equals is kept.

    A beginning is extended in the same way whatever ``beams`` is. A prompt is dropped if no
    beginning could be scored. The length of a response is in words, because its steps are parts of
    longer texts.
    """

    beams: int = Field(default=4, ge=1)
    width: int = Field(default=4, ge=1)
    max_steps: int = Field(default=32, ge=1)

    async def choose(
        self, prompt: Prompt, models: Models, scorer: ScorerSession
    ) -> Sequence[Draft] | Refusal:
        """One draft."""
        kept = [Beginning()]
        values: dict[str, float] = {}
        for _ in range(self.max_steps):
            grown = await asyncio.gather(
                *(self._grown(prompt, one, models) for one in kept if not one.ended)
            )
            pool = {one.text: one for one in kept if one.ended}
            for extended in grown:
                for one in extended:
                    pool.setdefault(one.text, one)
            if not pool:
                return Refusal("no step was proposed")
            unknown = [one for one in pool.values() if one.text not in values]
            scored, error = await _valued(prompt, unknown, models, scorer)
            values |= scored
            rated = [one for one in pool.values() if one.text in values]
            if not rated:
                return Refusal("no beginning could be scored", {"error": error})
            # The sort is stable, so the first proposed of equals comes first.
            kept = sorted(rated, key=lambda one: -values[one.text])[: self.beams]
            if all(one.ended for one in kept):
                break
        return [self._draft(kept[0], values[kept[0].text])]

    async def _grown(self, prompt: Prompt, start: Beginning, models: Models) -> list[Beginning]:
        """``start`` extended by each proposed step, or marked as complete if none is proposed."""
        proposer = Proposer(
            n=self.width,
            temperature=self.temperature,
            top_p=self.top_p,
            top_k=self.top_k,
            max_tokens=self.max_tokens,
        )
        proposed = await proposer.for_scorer(self.scorer).next_steps(
            prompt, start.text, models[self.model]
        )
        if not proposed:
            return [Beginning(start.text, True, start.last)] if start.text else []
        return [Beginning(start.text + one.step, one.ended, one) for one in proposed]

    def _draft(self, best: Beginning, value: float) -> Draft:
        last = best.last
        assert last is not None, "a scored beginning has a step"
        parameters = {"beams": self.beams, "width": self.width, "value": value}
        return Draft(
            best.text,
            best.finish,
            len(best.text.split()),
            last.model,
            canonical(json.loads(last.parameters) | parameters),
            last.seed,
        )


async def _valued(
    prompt: Prompt, beginnings: Sequence[Beginning], models: Models, scorer: ScorerSession
) -> tuple[dict[str, float], str | None]:
    """The values of the beginnings that could be scored, by text, and the first error."""
    responses = [
        Response(
            content_id(one.text),
            prompt.prompt_id,
            one.text,
            one.finish if one.ended else BEGUN,
            {},
        )
        for one in beginnings
    ]
    scores = await scorer.score(prompt, responses, models)
    values = {one.text: value_of(scores, one.response_id) for one in responses}
    error = next((one.error for one in scores if one.error is not None), None)
    return {text: value for text, value in values.items() if value is not None}, error


class Guided(StepBeam):
    """One response per prompt, written step by step: of ``width`` proposed steps the one that
    ``scorer`` values most is taken, the first of equals. `StepBeam` with one beam."""

    beams: Literal[1] = 1
