"""The truth of steps, from a check that knows it."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import polars as pl

from annotators.truth.first_error_votes import NONE
from annotators.truth.reference_check import CheckedAnnotator
from annotators.truth.rollout_value import UNCUT
from engines.checks import BoundedCheck, CheckError
from engines.context import Context
from engines.model import Models
from engines.operators.cut_off import Cut, cut_off
from engines.operators.scores import Score
from engines.protocol import EngineError
from engines.rows import Prompt, Response
from schemas import Truth, canonical

NAME = "step_verifier"


class StepVerifier(CheckedAnnotator):
    """Scores each step 1 if it is right and 0 if it is wrong, and the response by the index of its
    first wrong step, −1 if there is none. Calls no model.

    The check needs an attribute ``steps``: a function of the prompt's messages, its reference and
    the texts of the steps. It returns True, False or None (unknown) for each step. `pocket.check`
    has one; other checks are refused. The labels of other annotators and models are compared with
    it. A response that was cut off within a step has an error, unless ``cut: read``.
    """

    cut: Cut = "refuse"

    names_steps: ClassVar[bool] = True

    def needs_truth(self) -> Truth | None:
        return "steps"

    def prepared(self, tables: Mapping[str, pl.DataFrame], context: Context) -> Context:
        """The context unchanged.

        Raises:
            EngineError: the check of a source is unknown, or has no attribute ``steps``.
        """
        context = super().prepared(tables, context)
        for source in tables[self.prompts]["source"].unique().sort():
            check = self.check_of(context, source)
            if not check.knows_steps:
                raise EngineError(
                    f"{context.recipe}/{context.stage}: the check of source {source!r}, "
                    f"{check.path}, does not know which steps are right: it has no attribute "
                    "'steps', a function (messages, reference, steps) -> list of True, False or "
                    "None"
                )
        return context

    async def score(
        self, prompt: Prompt, responses: Sequence[Response], models: Models
    ) -> list[Score]:
        """For each response one score per known step and one of the whole, or one error."""
        check = self.check_of(models.context, prompt.source)
        scored = [self._scores(prompt, response, check) for response in responses]
        return [score for scores in scored for score in scores]

    def _scores(self, prompt: Prompt, response: Response, check: BoundedCheck) -> list[Score]:
        parameters = canonical({"check": check.path})

        def score(value: float | None, step: int | None = None, error: str | None = None) -> Score:
            return Score(
                response.response_id, NAME, value, step=step, error=error, parameters=parameters
            )

        if response.steps is None:
            return [score(None, error=UNCUT)]
        if (refusal := cut_off(response, self.cut)) is not None:
            return [score(None, error=refusal)]
        try:
            truth = check.steps(prompt.messages, prompt.reference, response.step_texts())
        except CheckError as error:
            return [score(None, error=str(error))]
        labelled = [(step, right) for step, right in enumerate(truth) if right is not None]
        first = next((step for step, right in labelled if not right), NONE)
        return [*(score(float(right), step) for step, right in labelled), score(float(first))]
