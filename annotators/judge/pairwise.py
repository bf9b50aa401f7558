"""Compares two responses at a time, in both orders."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

from annotators.judge.metrics import count_comparison
from annotators.judge.pairing import Comparison, placed, schedule
from annotators.judge.parsing.verdicts import CREDIT, Verdict, read_choice
from annotators.judge.questions import JudgeQuestions
from engines.model import Models
from engines.operators.scores import Score
from engines.rows import Prompt, Response
from schemas import canonical


async def compared(
    judge: JudgeQuestions, prompt: Prompt, responses: Sequence[Response], models: Models
) -> list[Score]:
    """The mean share of the wins of each response, in [0, 1]. ``raw`` lists the responses that it
    was compared with and, for each order, which was shown first and the judge's text."""
    ids = [response.response_id for response in responses]
    pairs = schedule(ids, judge.opponents)
    comparisons = await asyncio.gather(
        *(comparison(judge, prompt, responses[i], responses[j], models) for i, j in pairs)
    )
    shares: list[list[float]] = [[] for _ in responses]
    raws: list[list[dict[str, Any]]] = [[] for _ in responses]
    errors: list[list[str]] = [[] for _ in responses]
    masses: list[list[float]] = [[] for _ in responses]
    for (i, j), (result, orders) in zip(pairs, comparisons, strict=True):
        value = result.value
        for this, other, share in ((i, j, value), (j, i, None if value is None else 1 - value)):
            raws[this].append({"against": ids[other], "said": orders})
            errors[this] += [order["error"] for order in orders if order["error"] is not None]
            shares[this] += [] if share is None else [share]
            masses[this] += [] if result.mass is None else [result.mass]
    model = models[judge.model]
    return [
        judge.opinion(
            response,
            model,
            sum(share) / len(share) if share else None,
            canonical(raw) if raw else None,
            error[0] if error else "there is no other response to compare it with",
            min(mass, default=None),
        )
        for response, share, raw, error, mass in zip(
            responses, shares, raws, errors, masses, strict=True
        )
    ]


async def keeps_order(
    judge: JudgeQuestions, prompt: Prompt, one: Response, other: Response, models: Models
) -> bool:
    """Whether both orders can be read and do not name different winners."""
    forward, backward = await asyncio.gather(
        _preferred(judge, prompt, one, other, models), _preferred(judge, prompt, other, one, models)
    )
    both = _of_orders(forward, backward)
    return both.read and not both.flipped


async def comparison(
    judge: JudgeQuestions, prompt: Prompt, one: Response, other: Response, models: Models
) -> tuple[Comparison, list[dict[str, Any]]]:
    """The comparison of ``one`` with ``other``. For each order that was asked: which response was
    shown first (``first``), the judge's text (``words``) and why it could not be read (``error``).
    Equal texts are a tie, and no question."""
    if one.text == other.text:
        # Both orders are the same question, so any answer cancels out.
        return Comparison(0.5, 0.5), []
    ids = [one.response_id, other.response_id]
    # Drawn for each pair, so that no response comes first in all of its pairs.
    (first, _) = placed(ids, *sorted(ids))
    order_asked = (judge.both_orders or first == 0, judge.both_orders or first == 1)
    orders = [(one, other)] * order_asked[0] + [(other, one)] * order_asked[1]
    verdicts = await asyncio.gather(
        *(_preferred(judge, prompt, *order, models) for order in orders)
    )
    result = _of_orders(
        verdicts[0] if order_asked[0] else _UNASKED,
        verdicts[-1] if order_asked[1] else _UNASKED,
        order_asked,
    )
    count_comparison(models.counts, result)
    return result, [
        {"first": first_shown.response_id, "words": verdict.raw, "error": verdict.error}
        for (first_shown, _), verdict in zip(orders, verdicts, strict=True)
    ]


_UNASKED = Verdict(None, None, votes=0)


def _of_orders(
    forward: Verdict, backward: Verdict, order_asked: tuple[bool, bool] = (True, True)
) -> Comparison:
    """The comparison from the verdicts of both orders."""
    masses = [verdict.mass for verdict in (forward, backward) if verdict.mass is not None]
    return Comparison(
        forward.value,
        backward.value,
        order_asked,
        named=(forward.named, backward.named),
        mass=min(masses, default=None),
    )


async def _preferred(
    judge: JudgeQuestions, prompt: Prompt, first: Response, second: Response, models: Models
) -> Verdict:
    """The value of the judge's choice for ``first``, which is shown first."""
    model = models.at(f"{first.response_id}|{second.response_id}")[judge.model]
    question = judge.question(model, prompt=prompt, a=first.text, b=second.text)
    return await judge.verdict_on(
        model, question, CREDIT, partial(read_choice, pattern=judge.parse)
    )
