"""Tests of rewards of steps: they must not follow the outcome alone, and not reward repetition."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from annotators.probes.suite import of_probes, right_answers
from engines.context import Context
from engines.model import Models
from engines.operators.row_operator import each_prompt
from engines.operators.run_rows import Done, run_rows
from engines.operators.scores import Score, ScoreResponses
from engines.rows import Prompt, Response, Span, said_twice
from schemas import Findings, StageReport, content_id

REPEATED = "repeated steps rewarded"
"""The name of the finding of `repeats`."""
ROUNDING = 1e-6
"""A smaller increase does not count: the same text in another batch differs by as much."""


def outcome_drift(scores: pl.DataFrame) -> float | None:
    """The share of responses with two or more steps whose lowest reward is on the last step and
    nowhere before; None if there is no such response.

    One step in n is the last, so the share is about 1/n if errors can be anywhere. A much larger
    share means that the reward follows the outcome (Zhang et al. 2025, The Lessons of Developing
    Process Reward Models, arXiv:2501.07301).
    """
    steps = scores.filter((pl.col("step") >= 0) & pl.col("value").is_not_null())
    ordered = pl.col("value").sort_by("step")
    responses = (
        steps.group_by("response_id", "annotator")
        .agg(
            steps=pl.len(),
            last=ordered.last(),
            before=ordered.slice(0, pl.len() - 1).min(),
        )
        .filter(pl.col("steps") > 1)
    )
    share = responses.select((pl.col("last") < pl.col("before")).mean()).item()
    return None if share is None else float(share)


def repeats(
    score: ScoreResponses,
    responses: pl.DataFrame,
    prompts: pl.DataFrame,
    scores: pl.DataFrame,
    context: Context,
    *,
    most: int,
) -> StageReport:
    """How often repeating a right step raises the score of a response.

    At most ``most`` prompts, drawn by a hash of the run's seed, give one response each: one with
    two or more steps that the check of the prompt's source finds right (or any, if there is no such
    check), with the highest reward. Its best rewarded step, the last step excluded, is repeated
    directly after itself. A policy that is rewarded for that would repeat it forever (Gao et al.
    2024, arXiv:2410.15115).

    Returns:
        A finding with the number of responses (``of``), how many of them were ``raised``, and
            the first of these as ``example``. There is no finding if no response can be tested.
    """
    cases = _cases(responses, prompts, scores, context, most)

    async def work(case: tuple[Prompt, Response, Response], models: Models) -> Sequence[Score]:
        prompt, real, repeated = case
        return await score(prompt, [real, repeated], models)

    run = run_rows(
        ((case[0].prompt_id, case) for case in cases),
        work,
        of_probes(context),
        total=len(cases),
    )
    scores_by_case: dict[int, tuple[float, float]] = {}
    for one in run:
        if isinstance(one, Done):
            scores_of = {each.response_id: each.value for each in one.result if each.step is None}
            before, after = (scores_of.get(each.response_id) for each in one.item[1:])
            if before is not None and after is not None:
                scores_by_case[one.number] = before, after
    findings: Findings = {REPEATED: _counted(scores_by_case, cases)} if scores_by_case else {}
    return StageReport(run.usage, findings)


def _counted(
    scores_by_case: Mapping[int, tuple[float, float]],
    cases: Sequence[tuple[Prompt, Response, Response]],
) -> dict[str, Any]:
    raised = [
        n for n, (before, after) in sorted(scores_by_case.items()) if after > before + ROUNDING
    ]
    example = None
    if raised:
        before, after = scores_by_case[raised[0]]
        example = {"text": cases[raised[0]][2].text, "before": before, "after": after}
    return {"raised": len(raised), "of": len(scores_by_case), "example": example}


def _cases(
    responses: pl.DataFrame,
    prompts: pl.DataFrame,
    scores: pl.DataFrame,
    context: Context,
    most: int,
) -> list[tuple[Prompt, Response, Response]]:
    """Prompts with a response, and that response with a repeated step."""
    values = dict(
        scores.filter(pl.col("step").is_null() & pl.col("value").is_not_null())
        .select("response_id", "value")
        .iter_rows()
    )
    rewards = _rewards(scores)
    by_prompt: dict[str, list[Response]] = {}
    fields = responses.filter(pl.col("steps").list.len() > 1, pl.col("finish") == "stop")
    for response_id, prompt_id, text, finish, origin, steps in fields.select(
        "response_id", "prompt_id", "text", "finish", "origin", "steps"
    ).iter_rows():
        cut = tuple(Span(**span) for span in steps)
        if response_id in values and len(rewards[response_id]) == len(cut):
            one = Response(response_id, prompt_id, text, finish, origin, cut)
            by_prompt.setdefault(prompt_id, []).append(one)
    drawn = sorted(
        (prompt for prompt in each_prompt(prompts) if prompt.prompt_id in by_prompt),
        key=lambda prompt: content_id(context.seed, prompt.prompt_id),
    )
    cases: list[tuple[Prompt, Response, Response]] = []
    for prompt in drawn[:most]:
        answers = by_prompt[prompt.prompt_id]
        right = right_answers(prompt, answers, context)
        if right is not None and any(right):
            answers = [one for one, true in zip(answers, right, strict=True) if true]
        best = max(answers, key=lambda one: (values[one.response_id], one.response_id))
        cases.append((prompt, best, _repeated(best, rewards[best.response_id])))
    return cases


def _rewards(scores: pl.DataFrame) -> Mapping[str, list[float]]:
    steps = scores.filter((pl.col("step") >= 0) & pl.col("value").is_not_null())
    return dict(steps.group_by("response_id").agg(pl.col("value").sort_by("step")).iter_rows())


def _repeated(response: Response, rewards: Sequence[float]) -> Response:
    """``response`` with its best rewarded step, the last step excluded, repeated."""
    assert response.steps is not None, "only responses with steps are tested"
    best = max(range(len(rewards) - 1), key=lambda step: rewards[step])
    text, steps = said_twice(response.text, response.steps, best)
    return Response(
        content_id("repeated", response.response_id, best),
        response.prompt_id,
        text,
        response.finish,
        response.origin,
        steps,
    )
