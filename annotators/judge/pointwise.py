"""A grade for each response by itself."""

import asyncio
from collections.abc import Sequence
from functools import partial

from annotators.judge.parsing.verdicts import read_grade
from annotators.judge.questions import JudgeQuestions
from engines.model import Models
from engines.operators.scores import Score
from engines.rows import Prompt, Response


async def graded(
    judge: JudgeQuestions, prompt: Prompt, responses: Sequence[Response], models: Models
) -> list[Score]:
    """The grade of each response on the judge's scale."""
    low, high = judge.scale
    grades = {str(grade): float(grade) for grade in range(low, high + 1)}
    read = partial(read_grade, scale=judge.scale, pattern=judge.parse)

    async def one(response: Response) -> Score:
        model = models.at(response.response_id)[judge.model]
        question = judge.question(model, prompt=prompt, response=response.text, low=low, high=high)
        verdict = await judge.verdict_on(model, question, grades, read)
        return judge.opinion(
            response, model, verdict.value, verdict.raw, verdict.error or "", verdict.mass
        )

    return list(await asyncio.gather(*map(one, responses)))
