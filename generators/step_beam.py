"""Answers searched for step by step, by what an annotator says of their beginnings."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from engines.lines import line_ends
from engines.model import Model, Models
from engines.opinion import value_of
from engines.protocol import Sampling
from engines.rollouts import begun
from engines.rows import Prompt, Response
from generators.chooser import Chooser
from generators.drafts import Draft, Refusal
from schemas import canonical, content_id


@dataclass(frozen=True, slots=True)
class Beginning:
    """An answer as far as it goes. ``ended``: its author wrote no more, or was cut off."""

    text: str = ""
    ended: bool = False
    finish: Literal["stop", "length"] = "length"
    tokens: int = 0
    model: str | None = None


class StepBeam(Chooser):
    """One response a prompt, found by a beam search over steps.

    Each of the ``beams`` best beginnings is gone on with ``width`` times; of all that are longer
    by a step, and those that had ended, the ``beams`` are kept whose last step ``scorer`` values
    most, until all have ended or have ``max_steps`` steps. The best of these is the response (step-
    level beam search: Snell et al. 2024, arXiv:2408.03314; with a value model AlphaMath, Chen et
    al. 2024, arXiv:2405.03553). Of equals the one that was proposed first is kept.

    A step is a line with its newline (`engines.lines`). To tell a step from the end of the answer,
    whatever the engine, whole continuations are drawn and the first line of each is used. Seeds
    follow from the beginning, so the same beginnings are gone on with in the same way whatever
    ``beams`` is. A prompt for which no beginning could be scored is dropped.
    """

    beams: int = Field(default=4, ge=1)
    width: int = Field(default=4, ge=1)
    max_steps: int = Field(default=32, ge=1)

    async def write(self, prompt: Prompt, models: Models) -> Sequence[Draft] | Refusal:
        """One draft."""
        kept: list[Beginning] = [Beginning()]
        values: dict[str, float] = {}
        for _ in range(self.max_steps):
            model = models[self.model]
            grown = await asyncio.gather(
                *(self._grown(prompt, one, model) for one in kept if not one.ended)
            )
            pool = {one.text: one for one in kept if one.ended}
            for found in grown:
                for one in found:
                    pool.setdefault(one.text, one)
            unknown = [one for one in pool.values() if one.text not in values]
            told, error = await self._valued(prompt, unknown, models)
            values |= told
            rated = [one for one in pool.values() if one.text in values]
            if not rated:
                return Refusal("no beginning could be scored", {"error": error})
            # A stable sort: of equals the first proposed.
            kept = sorted(rated, key=lambda one: -values[one.text])[: self.beams]
            if all(one.ended for one in kept):
                break
        best = kept[0]
        made = {"beams": self.beams, "width": self.width, "value": values[best.text]}
        parameters = canonical({"temperature": self.temperature, **made})
        return [
            Draft(best.text, best.finish, best.tokens, best.model, parameters, models.context.seed)
        ]

    async def _grown(self, prompt: Prompt, start: Beginning, model: Model) -> list[Beginning]:
        """``start`` with one more step, ``width`` times."""
        written = await model.generate(
            begun(prompt.messages, start.text),
            n=self.width,
            sampling=Sampling(temperature=self.temperature, max_tokens=self.max_tokens),
            call=f"steps after {start.text}",
        )
        return [
            _longer(start, one.text, one.finish, len(one.token_ids), one.model) for one in written
        ]

    async def _valued(
        self, prompt: Prompt, beginnings: Sequence[Beginning], models: Models
    ) -> tuple[dict[str, float], str | None]:
        """What the scorer says of each beginning that it could score; and the first error."""
        asked = {
            content_id(one.text): Response(
                content_id(one.text),
                prompt.prompt_id,
                one.text,
                one.finish if one.ended else "length",
                {},
            )
            for one in beginnings
        }
        said = await self.judge.score(prompt, list(asked.values()), models)
        values = {one.text: value_of(said, name) for name, one in asked.items()}
        error = next((one.error for one in said if one.error is not None), None)
        return {text: value for text, value in values.items() if value is not None}, error


class Guided(StepBeam):
    """One response a prompt, written a step at a time: of ``width`` next steps the one that
    ``scorer`` values most is taken, the first of equals. `StepBeam` with one beam."""

    beams: Literal[1] = 1


def _longer(
    start: Beginning,
    text: str,
    finish: Literal["stop", "length"],
    tokens: int,
    model: str,
) -> Beginning:
    """``start`` with the first step of its continuation ``text``."""
    ends = line_ends(text)
    if len(ends) < 2:
        return Beginning(start.text + text, True, finish, start.tokens + tokens, model)
    step = text[: ends[0]]
    # The tokens of a part are not told apart; by its characters they are about so many.
    share = max(1, round(tokens * len(step) / len(text)))
    return Beginning(start.text + step, tokens=start.tokens + share, model=model)
