"""Simulated people who label the steps of responses by types of errors."""

import inspect
import random
from collections.abc import Callable, Sequence
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field

from annotators.annotator import Annotator
from annotators.truth.personas import world_of
from annotators.truth.rollout_value import UNCUT
from engines.model import Models
from engines.operators.cut_off import Cut, cut_off
from engines.operators.scores import Score
from engines.rows import Prompt, Response
from schemas import Message, Truth, canonical
from schemas.named import UnknownNameError, named

_LABELLED = ["messages", "reference", "steps"]
Labels = Callable[[Sequence[Message], str | None, Sequence[str]], Sequence[bool | None]]


def _function(value: Any) -> str | None:
    if inspect.isfunction(value) and list(inspect.signature(value).parameters) == _LABELLED:
        return None
    return f"is a {type(value).__name__}, not a function of ({', '.join(_LABELLED)})"


def _label_path(path: str) -> str:
    try:
        named(path, _function)
    except UnknownNameError as error:
        raise ValueError(f"unknown labels {path!r}: {error}") from error
    return path


class SimulatedSteps(Annotator):
    """Labels each step of a response as simulated people would. Calls no model.

    ``types`` names the types of errors, each with the import path of a function ``(messages,
    reference, steps) -> list of True, False or None``: whether a step is free of such errors, None
    if there is nothing to tell. The annotator is the type's name, and its scores are 1 or 0. The
    response has the mean of its steps. ``flips`` is the share of labels that people get wrong;
    which ones depends on the recipe's seed, the type and the step alone.

    A response that is not cut into steps, or that the function cannot tell about (ValueError), is
    an error; so is one that was cut off, unless ``cut: read``.

    Source: stands in for the people of Wu et al. 2023, Fine-Grained Human Feedback
    (arXiv:2306.01693). `annotators.StepCriteria` asks a model instead.
    """

    types: dict[str, Annotated[str, AfterValidator(_label_path)]] = Field(min_length=1)
    flips: float = Field(default=0.0, ge=0, le=1)
    cut: Cut = "refuse"

    instead_of_truth: ClassVar[str] = "types: with functions of your own"

    @property
    def check(self) -> str | None:
        """The check of the world whose problems the functions read; None if they read any."""
        return world_of([named(path, _function) for path in self.types.values()])

    def needs_truth(self) -> Truth | None:
        return None if self.check is None else "world"

    async def score(
        self, prompt: Prompt, responses: Sequence[Response], models: Models
    ) -> list[Score]:
        """For each response and type a score of each known step, then one of the whole."""
        seed = models.context.seed
        return [
            score
            for response in responses
            for name in self.types
            for score in self._by(name, prompt, response, seed)
        ]

    def _by(self, name: str, prompt: Prompt, response: Response, seed: int) -> list[Score]:
        path, response_id = self.types[name], response.response_id

        def score(value: float | None, step: int | None = None, error: str | None = None) -> Score:
            parameters = canonical({"labels": path})
            return Score(response_id, name, value, step=step, error=error, parameters=parameters)

        if response.steps is None:
            return [score(None, error=UNCUT)]
        if (refusal := cut_off(response, self.cut)) is not None:
            return [score(None, error=refusal)]
        labels: Labels = named(path, _function)
        try:
            right_steps = labels(prompt.messages, prompt.reference, response.step_texts())
        except ValueError as error:
            return [score(None, error=str(error))]
        values = {
            step: float(right != self._errs(name, response_id, step, seed))
            for step, right in enumerate(right_steps)
            if right is not None
        }
        if not values:
            return [score(None, error="of no step is there anything to tell")]
        steps = [score(value, step) for step, value in values.items()]
        return [*steps, score(sum(values.values()) / len(values))]

    def _errs(self, name: str, response_id: str, step: int, seed: int) -> bool:
        return random.Random(f"{seed} label {name} {response_id} {step}").random() < self.flips
