"""Ranks all responses to a prompt at once."""

import asyncio
from collections.abc import Sequence
from string import ascii_uppercase

from annotators.judge.metrics import count_ranking, count_verdict
from annotators.judge.pairing import placed
from annotators.judge.parsing.verdicts import (
    UnparseableVerdict,
    Verdict,
    aggregated,
    joined,
    read_ranking,
)
from annotators.judge.questions import JudgeQuestions
from engines.model import Model, Models
from engines.operators.cut_off import cut_off
from engines.operators.scores import Score
from engines.protocol import RowError
from engines.rows import Prompt, Response


async def ranked(
    judge: JudgeQuestions, prompt: Prompt, responses: Sequence[Response], models: Models
) -> list[Score]:
    """The place of each response: 1 for the best, 0 for the worst, evenly spaced between,
    aggregated over the votes. Each vote shows the responses in another order."""
    model = models[judge.model]
    most = len(ascii_uppercase)
    if not 2 <= len(responses) <= most:
        error = f"a ranking is of 2 to {most} responses, this prompt has {len(responses)}"
        return [judge.opinion(response, model, None, None, error) for response in responses]
    votes = await asyncio.gather(
        *(_vote(judge, prompt, responses, model, vote) for vote in range(judge.votes))
    )
    rankings = [places for places, _ in votes if isinstance(places, list)]
    values: list[float | None] = [None] * len(responses)
    if rankings:
        values = [aggregated(each, judge.aggregate) for each in zip(*rankings, strict=True)]
    error = next((str(places) for places, _ in votes if not isinstance(places, list)), "")
    raw = joined([words for _, words in votes if words is not None])
    return [
        judge.opinion(response, model, value, raw, error)
        for response, value in zip(responses, values, strict=True)
    ]


async def _vote(
    judge: JudgeQuestions, prompt: Prompt, responses: Sequence[Response], model: Model, vote: int
) -> tuple[list[float] | Exception, str | None]:
    """The value of each response, or the error; and the judge's text."""
    ids = [response.response_id for response in responses]
    order = placed(ids, "shown", vote, prompt.prompt_id)
    question = judge.question(model, prompt=prompt, responses=[responses[at].text for at in order])
    try:
        (sampled,) = await model.generate(question, sampling=judge.sampling, call=f"ranking {vote}")
    except RowError as refusal:
        count_verdict(model.counts, Verdict(None, None, votes=0))
        return refusal, None
    try:
        if (cut := cut_off(sampled, judge.cut_verdicts)) is not None:
            raise UnparseableVerdict(cut)
        ranking = read_ranking(sampled.text, len(responses), judge.parse)
    except UnparseableVerdict as error:
        count_verdict(model.counts, Verdict(None, sampled.text, unread=1))
        return error, sampled.text
    count_verdict(model.counts, Verdict(None, sampled.text))
    count_ranking(model.counts, ranking)
    values = {order[at]: 1 - place / (len(ranking) - 1) for place, at in enumerate(ranking)}
    return [values[at] for at in range(len(responses))], sampled.text
