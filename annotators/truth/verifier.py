"""Right or wrong, as a checker of answers finds it."""

from collections.abc import Sequence

from annotators.truth.reference_check import CheckedAnnotator
from engines.checks import marked
from engines.model import Models
from engines.operators.cut_off import Cut, cut_off
from engines.operators.scores import Score
from engines.rows import Prompt, Response
from schemas import canonical


class Verifier(CheckedAnnotator):
    """Scores a response 1 if the answer it gives is right, 0 if it is wrong. Calls no model.

    Each prompt is checked by the check of its source, as ``factory.yaml`` names it (by default
    `engines.checks.math`), or all by ``check``, the import path of a `schemas.Check`. Where there
    is no telling (the reference says nothing, or the check hangs or crashes) the score is an error
    with the reason: never a wrong answer. So is that of a response that was cut off, unless
    ``cut: read``, which checks it as if it were whole.
    """

    cut: Cut = "refuse"

    async def score(
        self, prompt: Prompt, responses: Sequence[Response], models: Models
    ) -> list[Score]:
        """One opinion a response; those that need a process are checked at the same time."""
        check = self.check_of(models.context, prompt.source)
        refusals = [cut_off(one, self.cut) for one in responses]
        asked = [
            None if refusal else check.submit(prompt.messages, prompt.reference, one.text)
            for one, refusal in zip(responses, refusals, strict=True)
        ]
        parameters = canonical({"check": check.path})
        opinions = []
        for response, answer, refusal in zip(responses, asked, refusals, strict=True):
            right, error = (None, refusal) if answer is None else await marked(answer)
            value = None if right is None else float(right)
            opinions.append(
                Score(response.response_id, "verifier", value, error=error, parameters=parameters)
            )
        return opinions
