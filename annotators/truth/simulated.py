"""Annotators whose values are known functions of a response."""

import inspect
import random
from collections.abc import Callable, Mapping, Sequence
from statistics import mean
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from annotators.annotator import Annotator
from engines.model import Models
from engines.operators.scores import Score
from engines.rows import Prompt, Response
from schemas import canonical
from schemas.named import UnknownNameError, named

_VALUE = ["messages", "reference", "text"]
_TASTE = [*_VALUE, "other"]


def _function(found: Any) -> str | None:
    if inspect.isfunction(found) and list(inspect.signature(found).parameters) in (_VALUE, _TASTE):
        return None
    return (
        f"is a {type(found).__name__}, not a function of ({', '.join(_VALUE)}), or with the "
        "further parameter other"
    )


def _known(path: str) -> str:
    try:
        named(path, _function)
    except UnknownNameError as error:
        raise ValueError(f"unknown persona {path!r}: {error}") from error
    return path


def _by_name(given: Any) -> Any:
    """A list of paths as a mapping: each is a persona of its own, called as the function is."""
    if isinstance(given, Mapping):
        return {
            name: {parts: 1.0} if isinstance(parts, str) else parts for name, parts in given.items()
        }
    if isinstance(given, Sequence) and all(isinstance(path, str) for path in given):
        names = [path.rpartition(".")[2] for path in given]
        if len({*names}) < len(names):
            raise ValueError("two personas have one name: give a mapping of names to paths")
        return {name: {path: 1.0} for name, path in zip(names, given, strict=True)}
    return given


PersonaPath = Annotated[str, AfterValidator(_known)]
Personas = Annotated[dict[str, dict[PersonaPath, float]], BeforeValidator(_by_name)]


class Simulated(Annotator):
    """Scores responses as simulated annotators would. Calls no model.

    ``personas`` names the annotators, each by the import path of a function, or as a weighted sum
    of several: ``{anna: pocket.personas.right, ben: {pocket.personas.right: 1.0,
    pocket.personas.short: 0.5}}``. A list of paths is one annotator a function. A function
    ``(messages, reference, text) -> float`` says how good a response is. One with the further
    parameter ``other`` says which share of a win ``text`` has over it, in [0, 1]; the score is the
    mean share over the prompt's other responses. Such a taste may be cyclic.

    Annotators err in two ways. ``noise`` is the standard deviation of a normal error that each
    score gets. ``flips`` is the share of prompts at which an annotator reverses its order: a value
    becomes the prompt's highest plus its lowest less the value, so that every pair of the prompt
    has its label flipped. ``per_prompt`` annotators, drawn for each prompt, score it (default:
    all), as in a pool where each comparison is labelled by one person. Every draw depends on the
    recipe's seed, the annotator and the row alone.

    A function that cannot tell raises ValueError: the annotator's scores of that prompt are then
    errors with its message.

    Source: the simulated annotators of AlpacaFarm (Dubois et al. 2023, arXiv:2305.14387, section
    3.2), with values that are known instead of prompted.
    """

    personas: Personas = Field(min_length=1)
    noise: float = Field(default=0.0, ge=0)
    flips: float = Field(default=0.0, ge=0, le=1)
    per_prompt: int | None = Field(default=None, ge=1)

    @property
    def compares(self) -> bool:
        """Whether any annotator compares responses with each other."""
        return any(_tastes(path) for parts in self.personas.values() for path in parts)

    async def score(
        self, prompt: Prompt, responses: Sequence[Response], models: Models
    ) -> list[Score]:
        """For each annotator one score per response."""
        seed = models.context.seed
        names = list(self.personas)
        if self.per_prompt is not None and self.per_prompt < len(names):
            drawn = random.Random(f"{seed} pool {prompt.prompt_id}").sample(names, self.per_prompt)
            names = [name for name in names if name in drawn]
        scores = []
        for name in names:
            try:
                values = self._values(self.personas[name], prompt, responses)
            except ValueError as error:
                scores += [
                    Score(one.response_id, name, None, error=str(error)) for one in responses
                ]
                continue
            flipped = random.Random(f"{seed} flip {name} {prompt.prompt_id}").random() < self.flips
            if flipped:
                values = [max(values) + min(values) - value for value in values]
            for response, value in zip(responses, values, strict=True):
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

    def _values(
        self, parts: Mapping[str, float], prompt: Prompt, responses: Sequence[Response]
    ) -> list[float]:
        texts = [response.text for response in responses]
        totals = [0.0] * len(texts)
        for path, weight in parts.items():
            function: Callable[..., float] = named(path, _function)
            for place, text in enumerate(texts):
                asked = (prompt.messages, prompt.reference, text)
                if _tastes(path):
                    others = [*texts[:place], *texts[place + 1 :]]
                    if not others:
                        raise ValueError(f"{path} compares responses, and the prompt has one")
                    value = mean(float(function(*asked, other)) for other in others)
                else:
                    value = float(function(*asked))
                totals[place] += weight * value
        return totals


def _tastes(path: str) -> bool:
    return len(inspect.signature(named(path, _function)).parameters) == len(_TASTE)
