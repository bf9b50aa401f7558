"""Right or wrong, by the check of an answer."""

from collections.abc import Sequence
from typing import ClassVar

from annotators.truth.reference_check import CheckedAnnotator
from engines.checks import marked
from engines.model import Models
from engines.operators.cut_off import Cut, cut_off
from engines.operators.nested_scorer import ScorerSpec
from engines.operators.scores import Score
from engines.rows import Prompt, Response
from schemas import Operator, canonical, load_operator


class Verifier(CheckedAnnotator):
    """Scores a response 1 if its answer is right, 0 if it is wrong. Calls no model.

    Each prompt is checked by the check of its source, as ``factory.yaml`` sets it (default
    `engines.checks.math`), or all by ``check``, the import path of a `schemas.Check`. If an answer
    cannot be checked (the reference cannot be read, or the check hangs or crashes), the score is an
    error with the reason. A response that was cut off has an error too, unless ``cut: read``, which
    checks it as if it were complete.

    ``otherwise`` is the annotator that scores all responses instead if a source of the recipe has
    no check, or its prompts have no references that the check compares with.
    """

    otherwise: ScorerSpec | None = None
    cut: Cut = "refuse"

    instead_of_truth: ClassVar[str] = "otherwise: {use: annotators.PTrue}"

    def without_truth(self) -> Operator | None:
        if self.otherwise is None:
            return None
        scorer: Operator = load_operator(self.otherwise)
        return scorer.model_copy(update={"of": self.of, "prompts": self.prompts})

    async def score(
        self, prompt: Prompt, responses: Sequence[Response], models: Models
    ) -> list[Score]:
        """One score per response. Checks in other processes run at the same time."""
        check = self.check_of(models.context, prompt.source)
        refusals = [cut_off(one, self.cut) for one in responses]
        checks = [
            None if refusal else check.submit(prompt.messages, prompt.reference, one.text)
            for one, refusal in zip(responses, refusals, strict=True)
        ]
        parameters = canonical({"check": check.path})
        scores = []
        for response, answer, refusal in zip(responses, checks, refusals, strict=True):
            right, error = (None, refusal) if answer is None else await marked(answer)
            value = None if right is None else float(right)
            scores.append(
                Score(response.response_id, "verifier", value, error=error, parameters=parameters)
            )
        return scores
