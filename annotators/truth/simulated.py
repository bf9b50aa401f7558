"""Annotators whose values are known functions of a response."""

import random
from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from annotators.annotator import Annotator
from annotators.truth.personas import CHECK, Personas, compares, functions_at, values_of, world_of
from engines.model import Models
from engines.operators.cut_off import Cut, cut_off
from engines.operators.scores import Score
from engines.rows import Prompt, Response
from schemas import Truth, canonical


class Simulated(Annotator):
    """Scores responses as simulated annotators would. Calls no model.

    ``personas`` names the annotators, each by the import path of a function, or as a weighted sum
    of several: ``{anna: check, ben: {check: 1.0, pocket.personas.short: 0.5}}``. A list of paths is
    one annotator a function. ``check`` is the check of the prompt's source: 1 for a right response,
    0 for a wrong one. A function ``(messages, reference, text) -> float`` says how good a response
    is. One with the further parameter ``other`` says which share of a win ``text`` has over it, in
    [0, 1]; the score is the mean share over the prompt's other responses. Such a taste may be
    cyclic.

    Annotators err in two ways. ``noise`` is the standard deviation of a normal error that each
    score gets. ``flips`` is the share of prompts at which an annotator reverses its order: a value
    becomes the prompt's highest plus its lowest less the value, so that every pair of the prompt
    has its label flipped. ``per_prompt`` annotators, drawn for each prompt, score it (default:
    all), as in a pool where each comparison is labelled by one person. Every draw depends on the
    recipe's seed, the annotator and the row alone.

    A function that cannot tell raises ValueError: the annotator's scores of that prompt are then
    errors with its message. A response that was cut off is an error and compared with no other,
    unless ``cut: read``. One that reads the problems of one world only says so
    (`annotators.truth.personas.world_of`): recipes are refused for other prompts.

    Source: the simulated annotators of AlpacaFarm (Dubois et al. 2023, arXiv:2305.14387, section
    3.2), with values that are known instead of prompted.
    """

    personas: Personas = Field(min_length=1)
    noise: float = Field(default=0.0, ge=0)
    flips: float = Field(default=0.0, ge=0, le=1)
    per_prompt: int | None = Field(default=None, ge=1)
    cut: Cut = "refuse"

    instead_of_truth: ClassVar[str] = "personas: with functions of your own"

    @property
    def check(self) -> str | None:
        """The check of the world whose problems the annotators read; None if they read any."""
        return world_of(functions_at(self._paths()))

    def needs_truth(self) -> Truth | None:
        if self.check is not None:
            return "world"
        if CHECK not in self._paths():
            return None
        exact = self._paths() == {CHECK} and not self.noise and not self.flips
        return "check" if exact else "opinion"

    @property
    def compares(self) -> bool:
        """Whether any annotator compares responses with each other."""
        return any(map(compares, self._paths()))

    def _paths(self) -> set[str]:
        return {path for parts in self.personas.values() for path in parts}

    async def score(
        self, prompt: Prompt, responses: Sequence[Response], models: Models
    ) -> list[Score]:
        """For each annotator one score per response."""
        seed = models.context.seed
        refusals = {one.response_id: cut_off(one, self.cut) for one in responses}
        whole = [one for one in responses if refusals[one.response_id] is None]
        names = list(self.personas)
        if self.per_prompt is not None and self.per_prompt < len(names):
            drawn = random.Random(f"{seed} pool {prompt.prompt_id}").sample(names, self.per_prompt)
            names = [name for name in names if name in drawn]
        scores = [
            Score(response_id, name, None, error=refusal)
            for name in names
            for response_id, refusal in refusals.items()
            if refusal is not None
        ]
        if not whole:
            return scores
        for name in names:
            try:
                values = await values_of(self.personas[name], prompt, whole, models.context)
            except ValueError as error:
                scores += [Score(one.response_id, name, None, error=str(error)) for one in whole]
                continue
            flipped = random.Random(f"{seed} flip {name} {prompt.prompt_id}").random() < self.flips
            if flipped:
                values = [max(values) + min(values) - value for value in values]
            for response, value in zip(whole, values, strict=True):
                off = random.Random(f"{seed} noise {name} {response.response_id}").gauss(0, 1)
                scores.append(
                    Score(
                        response.response_id,
                        name,
                        value + self.noise * off,
                        parameters=canonical({"flipped": flipped}),
                    )
                )
        return scores
