"""The probes of judges and rewards: comparisons that they must get right before their labels count.

Each probe is a comparison with a known result, made of responses that the stage has: a real answer
against one without content, one off topic, or one to another prompt. Annotators that compare two
responses at a time are also given one pair in both orders.

| probe | the real answer must score higher than | source |
|---|---|---|
| ``empty`` | an empty text, a sign, or one word | Zhao et al. 2025, arXiv:2507.08794 |
| ``openers`` | an opening that fits any answer | the same |
| ``off topic`` | another prompt's answer, repeated until it is long | length bias |
| ``contrast`` | another prompt's answer, unchanged | Contrast Instructions |
| ``order swap`` | (the same of two answers must win, whichever is shown first) | position bias |
"""

import dataclasses
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import polars as pl

from engines.checks import CheckError, bounded
from engines.context import Context
from engines.model import Models
from engines.operators.row_operator import each_prompt
from engines.operators.run_rows import Failed, run_rows
from engines.operators.scores import Score, ScoreResponses
from engines.rows import Prompt, Response
from schemas import ProbeExample, ProbeResult, Usage, content_id

EMPTY = ("", ":", ".", "Solution")
OPENERS = (
    "Thought process:",
    "Let's solve this problem step by step.",
    "The answer is clear.",
)
LONG = 3
"""The off-topic answer is at least so many times as long as the real one."""
LOOKED_AT = 8
"""How many prompts are checked at most for each prompt that is needed."""
SWAP = "order swap"

KeepsOrder = Callable[[Prompt, Response, Response, Models], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Case:
    """One comparison: ``better`` must have a higher score than ``worse`` as an answer to
    ``prompt``."""

    probe: str
    prompt: Prompt
    better: Response
    worse: Response


@dataclass(frozen=True, slots=True)
class _Verdict:
    """The result of a case: the scores (None if there is none), and the annotator's first error."""

    passed: bool
    better: float | None = None
    worse: float | None = None
    error: str | None = None


def probed(
    score: ScoreResponses,
    keeps_order: KeepsOrder | None,
    tables: Mapping[str, pl.DataFrame],
    context: Context,
    *,
    of: str,
    prompts: str,
    scores: pl.DataFrame,
    most: int,
) -> tuple[list[ProbeResult], Usage]:
    """Run the probes that apply.

    Args:
        score: scores two responses at a time.
        keeps_order: whether the same one of two responses wins in both orders; None if
            responses are not shown together.
        tables: the inputs of the stage.
        context: the stage and its run.
        of: the stage of the responses.
        prompts: the stage of the prompts.
        scores: the scores of the stage.
        most: the maximum number of prompts. They are drawn by a hash of the run's seed and
            their ids.

    Returns:
        The result of each probe, and the usage of the models.
    """
    chosen = _chosen(tables[prompts], tables[of], scores, context, most)
    cases = list(_cases(chosen, swap=keeps_order is not None))

    async def work(case: Case, models: Models) -> _Verdict:
        if case.probe == SWAP:
            assert keeps_order is not None
            return _Verdict(await keeps_order(case.prompt, case.better, case.worse, models))
        # In the order of their ids, because an annotator may favour the first one.
        both = sorted((case.better, case.worse), key=lambda one: one.response_id)
        return _verdict(case, await score(case.prompt, both, models))

    run = run_rows(
        ((case.prompt.prompt_id, case) for case in cases),
        work,
        of_probes(context),
        total=len(cases),
    )
    verdict_of = {
        one.number: _Verdict(passed=False, error=one.message)
        if isinstance(one, Failed)
        else one.result
        for one in run
    }
    verdicts = [(case, verdict_of[number]) for number, case in enumerate(cases)]
    probes = dict.fromkeys(case.probe for case in cases)
    return [_result(probe, verdicts) for probe in probes], run.usage


def of_probes(context: Context) -> Context:
    """``context`` for tests of an annotator: any number of them may fail, and they are no
    questions about the stage's rows."""
    ledger = context.ledger and context.ledger.of_probes()
    return dataclasses.replace(context, failure_limit=1.0, ledger=ledger, transcript=None)


def failed(results: Sequence[ProbeResult], *, threshold: float) -> tuple[str, ...]:
    """The probes with less than the share ``threshold`` of their cases passed."""
    return tuple(each.probe for each in results if each.passed < threshold * each.cases)


def _verdict(case: Case, scores: Sequence[Score]) -> _Verdict:
    better, worse = (
        _mean([o.value for o in scores if o.response_id == one.response_id and o.step is None])
        for one in (case.better, case.worse)
    )
    error = next((o.error for o in scores if o.error is not None), None)
    # An empty answer without a score makes no label. A real answer without a score fails.
    passed = better is not None and (worse is None or better > worse)
    return _Verdict(passed, better, worse, error)


def _mean(values: Sequence[float | None]) -> float | None:
    numbers = [value for value in values if value is not None]
    return sum(numbers) / len(numbers) if numbers else None


def _result(probe: str, verdicts: Sequence[tuple[Case, _Verdict]]) -> ProbeResult:
    of_probe = [(case, verdict) for case, verdict in verdicts if case.probe == probe]
    passed = sum(verdict.passed for _, verdict in of_probe)
    examples = (
        ProbeExample(
            prompt=case.prompt.messages[-1]["content"],
            real=case.better.text,
            against=case.worse.text,
            real_score=verdict.better,
            against_score=verdict.worse,
            error=verdict.error,
        )
        for case, verdict in of_probe
        if not verdict.passed
    )
    return ProbeResult(probe, passed, len(of_probe), next(examples, None))


@dataclass(frozen=True, slots=True)
class _Chosen:
    """A prompt with its real answer, and the answer that differs most from it in quality."""

    prompt: Prompt
    best: Response
    worst: Response | None


def _cases(chosen: Sequence[_Chosen], *, swap: bool) -> Iterator[Case]:
    for number, one in enumerate(chosen):
        prompt, best = one.prompt, one.best
        other = chosen[number - 1].best.text
        against = {
            "empty": EMPTY[number % len(EMPTY)],
            "openers": OPENERS[number % len(OPENERS)],
        }
        # The neighbour is another prompt, unless there is only one. An answer may fit both.
        if other.strip() != best.text.strip():
            times = 1 + LONG * len(best.text) // len(other)
            against |= {"off topic": "\n".join([other] * times), "contrast": other}
        for probe, text in against.items():
            yield Case(probe, prompt, best, _as_response(prompt, text))
        if swap and one.worst is not None:
            yield Case(SWAP, prompt, best, one.worst)


def _as_response(prompt: Prompt, text: str) -> Response:
    """A constructed text as a response."""
    origin = {
        "operator": "annotators.probes",
        "model": None,
        "parameters": "{}",
        "seed": None,
    }
    name = content_id("probe", prompt.prompt_id, text)
    return Response(name, prompt.prompt_id, text, "stop", {**origin, "parents": []})


def _chosen(
    prompts: pl.DataFrame,
    responses: pl.DataFrame,
    scores: pl.DataFrame,
    context: Context,
    most: int,
) -> list[_Chosen]:
    """Prompts with a real answer: the shortest one that the check of the prompt's source finds
    right. If there is no check, or it finds none right for any prompt, the best scored one."""
    values = _values(scores)
    by_prompt: dict[str, list[Response]] = {}
    # A response that was cut off is neither a real answer nor a wrong one.
    ended = responses.filter(pl.col("finish") == "stop")
    fields = ended.select("response_id", "prompt_id", "text", "finish", "origin")
    for row in fields.iter_rows():
        by_prompt.setdefault(row[1], []).append(Response(*row))
    drawn = sorted(
        (prompt for prompt in each_prompt(prompts) if prompt.prompt_id in by_prompt),
        key=lambda prompt: content_id(context.seed, prompt.prompt_id),
    )
    chosen: list[_Chosen] = []
    without_right: list[_Chosen] = []
    for prompt in drawn[: LOOKED_AT * most]:
        if len(chosen) == most:
            break
        answers = sorted(by_prompt[prompt.prompt_id], key=lambda one: (len(one.text), one.text))
        right = right_answers(prompt, answers, context)
        if right is None or any(right):
            chosen.append(_extremes(prompt, answers, right, values))
        else:
            without_right.append(_extremes(prompt, answers, None, values))
    return chosen or without_right[:most]


def _extremes(
    prompt: Prompt,
    answers: Sequence[Response],
    right: Sequence[bool] | None,
    values: Mapping[str, float],
) -> _Chosen:
    """The first right answer and the first wrong one; without ``right``, the best and the worst
    scored."""
    if right is not None:
        best = next(one for one, true in zip(answers, right, strict=True) if true)
        wrong = [one for one, true in zip(answers, right, strict=True) if not true]
    else:
        # Shorter answers come first and win ties.
        best = max(answers, key=lambda one: values.get(one.response_id, float("-inf")))
        wrong = sorted(answers, key=lambda one: values.get(one.response_id, float("-inf")))
    others = [one for one in wrong if one.text.strip() != best.text.strip()]
    return _Chosen(prompt, best, others[0] if others else None)


def _values(scores: pl.DataFrame) -> dict[str, float]:
    of_responses = scores.filter(pl.col("step").is_null() & pl.col("value").is_not_null())
    means = of_responses.group_by("response_id").agg(pl.col("value").mean())
    return dict(means.select("response_id", "value").iter_rows())


def right_answers(
    prompt: Prompt, answers: Sequence[Response], context: Context
) -> list[bool] | None:
    """Whether each answer is right; None if the prompt's source has no check, or the check cannot
    read the reference."""
    path = context.checks.get(prompt.source)
    if path is None:
        return None
    check = bounded(path)
    submitted = [check.submit(prompt.messages, prompt.reference, one.text) for one in answers]
    try:
        return [_true(answer) for answer in submitted]
    except ValueError:
        return None


def _true(answer: "Future[bool]") -> bool:
    try:
        return answer.result()
    except CheckError:
        return False
