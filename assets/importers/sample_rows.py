"""Turns a sample of a published dataset into rows of tables."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from assets.importers.joining import extra_fields
from assets.importers.shapes import Preference, Sample, SampleScore, Solution
from generators.sources.chats import whole_text
from schemas import (
    Demonstrations,
    Pairs,
    Prompts,
    Responses,
    Scores,
    StepLabels,
    Table,
    canonical,
    content_id,
    prompt_id,
)


@dataclass(frozen=True)
class Origin:
    """Where rows come from: the shape, and the prompts' source, its revision and licence."""

    shape: str
    name: str
    revision: str
    licence: str


TableRow = tuple[type[Table], dict[str, Any] | str]
"""A table, and a row of it. If the row is refused, a text with the reason."""


def sample_rows(sample: Sample, origin: Origin, where: str) -> Iterator[TableRow]:
    """Yield the rows that ``sample`` gives. ``where`` is its place in the file.

    Raises:
        ValueError: The prompt cannot be stored.
    """
    for number, turn in enumerate(sample.prompt):
        if turn["content"] or not (turn["role"] == "tool" or "tool_calls" in turn):
            whole_text(turn["content"], f"message {number} of the prompt")
    prompt_key = prompt_id(sample.prompt)
    reference = sample.reference
    yield (
        Prompts,
        {
            "prompt_id": prompt_key,
            "messages": sample.prompt,
            "reference": None if reference is None else whole_text(reference, "the reference"),
            "source": origin.name,
            "source_revision": origin.revision,
            "licence": origin.licence,
            **extra_fields(where),
        },
    )
    ids: list[str | None] = []
    for solution in sample.solutions:
        if not isinstance(solution, str):
            solution = _storable(solution)
        if isinstance(solution, str):
            ids.append(None)
            yield Responses, solution
            continue
        about = canonical(dict(solution.made))
        thought = [] if solution.reasoning is None else [solution.reasoning]
        calls = [list(solution.calls)] if solution.calls else []
        turns = [] if solution.turns is None else [list(map(list, solution.turns))]
        parts = (prompt_key, list(solution.steps), solution.model, about, *thought, *calls, *turns)
        ids.append(solution.response_id or content_id(*parts))
        if solution.calls:
            yield from _refused_of_call(solution, sample)
        else:
            yield from _solution(solution, str(ids[-1]), prompt_key, sample, origin, about, where)
    if sample.preference is not None:
        yield Pairs, _pair(sample, sample.preference, ids, prompt_key, where)
    for opinion in sample.opinions:
        if isinstance(opinion, str):
            yield Pairs, opinion
        else:
            yield Pairs, _pair(sample, opinion, ids, prompt_key, where)
    if sample.demonstration is not None:
        yield Demonstrations, _demonstration(sample, ids, prompt_key, where)


def _refused_of_call(solution: Solution, sample: Sample) -> Iterator[TableRow]:
    """What of a response that calls tools has no table: its scores, and the response itself if it
    is neither a demonstration nor a side of a pair."""
    named = ", ".join(call["name"] for call in solution.calls)
    reason = f"a response that calls tools ({named}) has no text to score"
    if sample.preference is None and not sample.opinions and sample.demonstration is None:
        yield Responses, reason
    for _ in solution.scores:
        yield Scores, reason


def _storable(solution: Solution) -> Solution | str:
    try:
        if not solution.calls:
            whole_text(solution.text, "a response")
        for step in solution.steps:
            step.encode()
    except ValueError as error:
        return str(error)
    return solution


def _solution(
    solution: Solution,
    identity: str,
    prompt_key: str,
    sample: Sample,
    origin: Origin,
    about: str,
    where: str,
) -> Iterator[TableRow]:
    spans = _spans(solution.steps)
    labelled = solution.labels is not None
    origin_record: dict[str, Any] = {
        "operator": f"import {origin.shape}",
        "model": solution.model,
        "parameters": about,
        "seed": None,
        "parents": [],
    }
    yield (
        Responses,
        {
            "response_id": identity,
            "prompt_id": prompt_key,
            "text": solution.text,
            "reasoning": solution.reasoning,
            "steps": spans if labelled else None,
            "turns": solution.turns
            and [dict(zip(("role", "start", "end"), turn, strict=True)) for turn in solution.turns],
            "finish": "stop",
            "tokens": spans[-1]["token_end"],
            "origin": origin_record,
            **extra_fields(
                where, content_id(prompt_key, solution.text) if solution.response_id else ""
            ),
        },
    )
    for score in solution.scores:
        if isinstance(score, str):
            yield Scores, score
            continue
        row = {"response_id": identity, **_score(score), "origin": origin_record | {"model": None}}
        yield Scores, row | extra_fields(where)
    if solution.labels is not None:
        wrong = [step for step, label in enumerate(solution.labels) if label is False]
        yield (
            StepLabels,
            {
                "response_id": identity,
                "prompt_id": prompt_key,
                "prompt": sample.prompt,
                "completions": solution.steps,
                "spans": spans,
                "labels": solution.labels,
                "values": solution.values,
                "first_error": wrong[0] if wrong else None,
                **extra_fields(where, content_id(solution.labels, solution.values)),
            },
        )


def _score(score: SampleScore) -> dict[str, Any]:
    return {
        "step": score.step,
        "annotator": score.annotator,
        "value": score.value,
        "raw": score.raw,
        "error": score.error,
    }


def _pair(
    sample: Sample, preference: Preference, ids: list[str | None], prompt_key: str, where: str
) -> dict[str, Any] | str:
    solutions = sample.solutions[:2]
    refused = [one for one in solutions if isinstance(one, str)]
    if refused:
        return f"a side is refused: {refused[0]}"
    one, other = (solution for solution in solutions if not isinstance(solution, str))
    if one.messages == other.messages:
        return "both answers are the same"
    preferred = preference.chosen or 0
    chosen, rejected = (one, other) if preferred == 0 else (other, one)
    sides = ids[preferred], ids[1 - preferred]
    whose = [] if preference.annotator is None else [preference.annotator]
    says = "tie" if preference.chosen is None else "own" if preference.pair_id else ""
    return {
        "pair_id": preference.pair_id or content_id(prompt_key, *sides, *whose),
        "prompt_id": prompt_key,
        "prompt": sample.prompt,
        "chosen": chosen.messages,
        "rejected": rejected.messages,
        "chosen_id": sides[0],
        "rejected_id": sides[1],
        "margin": preference.margin,
        "weight": preference.weight,
        "shared_prefix": preference.shared_prefix,
        "token_weights": preference.token_weights,
        "ends": preference.ends,
        "annotator": preference.annotator,
        **extra_fields(where, says),
    }


def _demonstration(
    sample: Sample, ids: list[str | None], prompt_key: str, where: str
) -> dict[str, Any] | str:
    demonstration, solution = sample.demonstration, sample.solutions[0]
    assert demonstration is not None
    if isinstance(solution, str):
        return f"the answer is refused: {solution}"
    return {
        "demonstration_id": demonstration.demonstration_id or content_id(prompt_key, ids[0]),
        "prompt_id": prompt_key,
        "messages": [*sample.prompt, *solution.messages],
        "response_id": None if solution.calls else ids[0],
        "loss_spans": demonstration.loss_spans,
        "condition": demonstration.condition,
        "weight": demonstration.weight,
        **extra_fields(where),
    }


def _spans(steps: Iterable[str]) -> list[dict[str, int]]:
    """The spans of the steps in the text. There is no tokenizer, so a word counts as a token, and a
    step has one at least."""
    spans, start, token = [], 0, 0
    for step in steps:
        end, token_end = start + len(step), token + max(1, len(step.split()))
        spans.append({"start": start, "end": end, "token_start": token, "token_end": token_end})
        start, token = end, token_end
    return spans
