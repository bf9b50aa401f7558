"""Does the model think that the answer is right?"""

import asyncio
import math
from collections.abc import Sequence

from pydantic import Field

from annotators.probes.probed import ProbedAnnotator
from engines.model import Models
from engines.operators.cut_off import Cut, cut_off
from engines.operators.scores import Score
from engines.rows import Prompt, Response
from schemas import ChoosingRole, InnerFile, canonical

OPTIONS = ("True", "False")


class PTrue(ProbedAnnotator):
    """P(True): the probability in [0, 1] with which ``model``, shown a response, answers "True"
    rather than "False" when asked whether it is right.

    With ``samples``, up to as many of the other responses to the prompt (the first of them) are
    shown before it, as ideas of what the answer may be. Whether the
    probabilities can be trusted is for `claims.Calibration` to find, which knows the truth.

    Source: Kadavath et al. 2022, Language Models (Mostly) Know What They Know (arXiv:2207.05221),
    sections 4.1 and 4.2. A response that was cut off is not asked about: its score is an error,
    unless ``cut: read``.
    """

    model: ChoosingRole = "policy"
    samples: int = Field(default=0, ge=0)
    cut: Cut = "refuse"
    template: InnerFile = "p_true"

    async def score(
        self, prompt: Prompt, responses: Sequence[Response], models: Models
    ) -> list[Score]:
        """One opinion a response."""
        model = models[self.model]
        parameters = canonical({"samples": self.samples})

        def opinion(
            response: Response, value: float | None = None, error: str | None = None
        ) -> Score:
            return Score(
                response.response_id,
                "p_true",
                value,
                error=error,
                model=model.revision,
                parameters=parameters,
            )

        refused = {
            one.response_id: error
            for one in responses
            if (error := cut_off(one, self.cut)) is not None
        }
        whole = [one for one in responses if one.response_id not in refused]
        chosen = await asyncio.gather(
            *(
                model.choose(
                    self.ask(
                        model,
                        self.template,
                        prompt=prompt,
                        response=response.text,
                        samples=self._others(response, whole),
                    ),
                    OPTIONS,
                )
                for response in whole
            )
        )
        found = {
            one.response_id: math.exp(true) for one, (true, _) in zip(whole, chosen, strict=True)
        }
        return [
            opinion(one, found.get(one.response_id), refused.get(one.response_id))
            for one in responses
        ]

    def _others(self, response: Response, responses: Sequence[Response]) -> list[str]:
        # A text that was written twice is shown twice: that it comes back is what tells.
        others = [other for other in responses if other.response_id != response.response_id]
        return [other.text for other in others[: self.samples]]
