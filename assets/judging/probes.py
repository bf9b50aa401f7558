"""Probes of judges on the items of a benchmark: what no judge may fall for."""

from collections.abc import Sequence

from annotators import Judge
from assets.judging.items import Item
from engines.context import Context
from schemas import ProbeResult, Prompts, Responses, Scores, rows


def probes_of(judge: Judge, items: Sequence[Item], context: Context) -> Sequence[ProbeResult]:
    """The results of the probes of `annotators.probes.suite` on pairs and choices: the real answers
    are the right ones of the items.

    Args:
        judge: The judge, whose mode is that of the items.
        items: The items; solutions are left out.
        context: The context, with the binding of the judge's role.
    """
    prompts, responses, scores = {}, {}, []
    for item in items:
        if item.truth is not None or item.vote == 0.5:
            continue
        prompts[item.prompt.prompt_id] = {
            "prompt_id": item.prompt.prompt_id,
            "messages": list(item.prompt.messages),
            "reference": item.prompt.reference,
            "source": item.prompt.source,
            "source_revision": "",
            "licence": "",
        }
        for place, one in enumerate(item.responses):
            responses[one.response_id] = {
                "response_id": one.response_id,
                "prompt_id": one.prompt_id,
                "text": one.text,
                "finish": one.finish,
                "tokens": one.tokens,
                "origin": one.origin,
            }
            scores.append(
                {
                    "response_id": one.response_id,
                    "annotator": "truth",
                    "value": float(place < (item.right or 1)),
                    "origin": one.origin,
                }
            )
    tables = {
        judge.prompts: rows(Prompts, list(prompts.values())),
        judge.of: rows(Responses, list(responses.values())),
    }
    report = judge.conclusions(tables, rows(Scores, scores), context).probes
    return () if report is None else report.results
