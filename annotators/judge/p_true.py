"""The model's own probability that a response is right."""

import asyncio
import math
from collections.abc import Sequence

from pydantic import Field

from annotators.judge.choosing import ChoosingAnnotator
from engines.model import Models
from engines.operators.cut_off import Cut, cut_off
from engines.operators.scores import Score
from engines.rows import Prompt, Response
from schemas import ChoosingRole, TemplateName, canonical

OPTIONS = ("True", "False")


class PTrue(ChoosingAnnotator):
    """P(True), in [0, 1]: the probability with which ``model``, asked whether a response is right,
    answers "True" instead of "False".

    With ``samples``, up to so many other responses to the prompt (the first ones) are shown before
    it, as ideas of possible answers. `claims.Calibration`, which knows the truth, measures whether
    the probabilities can be trusted. A response that was cut off has an error, unless ``cut:
    read``.

    Source: Kadavath et al. 2022, Language Models (Mostly) Know What They Know (arXiv:2207.05221),
    sections 4.1 and 4.2.
    """

    model: ChoosingRole = "policy"
    samples: int = Field(default=0, ge=0)
    cut: Cut = "refuse"
    template: TemplateName = "p_true"

    async def score(
        self, prompt: Prompt, responses: Sequence[Response], models: Models
    ) -> list[Score]:
        """One score per response."""
        model = models[self.model]
        parameters = canonical({"samples": self.samples})

        cut_errors = {
            one.response_id: error
            for one in responses
            if (error := cut_off(one, self.cut)) is not None
        }
        complete = [one for one in responses if one.response_id not in cut_errors]
        chosen = await asyncio.gather(
            *(
                models.about(response.response_id)[self.model].choose(
                    self.ask(
                        model,
                        self.template,
                        prompt=prompt,
                        begun=True,
                        response=response.text,
                        samples=self._others(response, complete),
                    ),
                    OPTIONS,
                )
                for response in complete
            )
        )
        choices = dict(zip((one.response_id for one in complete), chosen, strict=True))

        def score_of(response: Response) -> Score:
            choice = choices.get(response.response_id)
            return Score(
                response.response_id,
                "p_true",
                None if choice is None else math.exp(choice.logprobs[0]),
                error=cut_errors.get(response.response_id),
                mass=None if choice is None else choice.mass,
                model=model.revision,
                parameters=parameters,
            )

        return [score_of(one) for one in responses]

    def _others(self, response: Response, responses: Sequence[Response]) -> list[str]:
        # A text that occurs twice is shown twice: its frequency is information.
        others = [other for other in responses if other.response_id != response.response_id]
        return [other.text for other in others[: self.samples]]
