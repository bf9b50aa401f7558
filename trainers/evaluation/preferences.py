"""Greedy answers of a policy before and after training, compared by an annotator."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from engines.context import Context
from engines.model import Models, SampledText
from engines.operators.collect import DroppedRow, FailedRows
from engines.operators.cut_off import Cut, cut_off
from engines.operators.nested_scorer import scorer_session
from engines.operators.run_rows import Failed, run_rows
from engines.operators.scores import Score, Scorer, ScorerSession, verdict_of
from engines.rows import Prompt, Response
from schemas import Dropped, Findings, Operator, Usage, content_id, dropped, empty

NOT_SCORED = "the answers could not be scored"


@dataclass(frozen=True, slots=True)
class Answered:
    """A prompt, and the greedy answers before and after training."""

    prompt: Prompt
    before: SampledText
    after: SampledText


@dataclass(frozen=True)
class Compared:
    """The rows of `schemas.Evaluations`, the `schemas.Dropped` prompts, the usage and the
    findings."""

    rows: list[dict[str, Any]]
    dropped: pl.DataFrame
    usage: Usage
    findings: Findings


def compare(
    answered: Sequence[Answered],
    scorer: Operator,
    tables: Mapping[str, pl.DataFrame],
    context: Context,
    *,
    prompts: str,
    cut: Cut,
    failed: FailedRows,
) -> Compared:
    """Compare the answers to each prompt.

    Args:
        answered: the prompts and their answers.
        scorer: the annotator. If it compares answers, a row has a preference; else two rewards.
        tables: the inputs of the stage, by name.
        context: the stage and its run.
        prompts: the stage of the prompts.
        cut: how an answer that was cut off is treated.
        failed: takes the rows that fail.
    """
    rows: list[dict[str, Any]] = []
    lost: list[pl.DataFrame] = []
    with scorer_session(scorer, tables, context, prompts=prompts) as session:

        async def work(item: Answered, models: Models) -> dict[str, Any] | DroppedRow:
            return await _compared(item, session, models, cut=cut, compares=compares(scorer))

        items = ((one.prompt.prompt_id, one) for one in answered)
        run = run_rows(items, work, session.context, total=len(answered))
        for outcome in run:
            if isinstance(outcome, Failed):
                failed.add(outcome, [outcome.item.prompt.prompt_id])
            elif isinstance(outcome.result, DroppedRow):
                one = outcome.result
                lost.append(dropped(context.stage, one.reason, [one.row_id], [one.numbers]))
            else:
                rows.append(outcome.result)
    return Compared(rows, pl.concat([empty(Dropped), *lost]), run.usage, session.findings)


def compares(scorer: Operator) -> bool:
    """Whether an annotator compares the responses to a prompt with each other."""
    return isinstance(scorer, Scorer) and scorer.compares


async def _compared(
    item: Answered, session: ScorerSession, models: Models, *, cut: Cut, compares: bool
) -> dict[str, Any] | DroppedRow:
    prompt = item.prompt
    row: dict[str, Any] = {
        "prompt_id": prompt.prompt_id,
        "samples": 0,
        "length_before": len(item.before.text),
        "length_after": len(item.after.text),
    }
    unread = [cut_off(one, cut) for one in (item.before, item.after)]
    if any(unread):
        if compares:
            # An answer that was cut off loses against a complete one.
            return row | {"preference": 0.5 + (bool(unread[0]) - bool(unread[1])) / 2}
        return DroppedRow(prompt.prompt_id, next(filter(None, unread)))
    before, after = (
        # With cut: read, an answer that was cut off is scored as if it were complete.
        Response(
            content_id(side, prompt.prompt_id),
            prompt.prompt_id,
            one.text,
            "stop",
            {},
            tokens=one.tokens,
            reasoning=one.reasoning,
        )
        for side, one in (("before", item.before), ("after", item.after))
    )
    scores = await session.score(prompt, [before, after], models)
    values = [verdict_of(scores, one.response_id) for one in (before, after)]
    if None in values:
        return DroppedRow(prompt.prompt_id, NOT_SCORED, {"error": _first_error(scores)})
    if compares:
        return row | {"preference": values[1]}
    return row | {"reward_before": values[0], "reward_after": values[1]}


def _first_error(scores: Iterable[Score]) -> str | None:
    return next((score.error for score in scores if score.error is not None), None)
