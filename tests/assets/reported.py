"""Tables for reports, written as stages would have written them, as many rows as wanted."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from random import Random
from typing import Annotated, Any, ClassVar

from assets.storage.tables import Tables
from filters import Filter
from schemas import (
    Criteria,
    Demonstrations,
    Evaluations,
    Nodes,
    Pairs,
    Prompts,
    Responses,
    Scores,
    Split,
    StepLabels,
    Table,
    Takes,
    TokenScores,
    dropped,
    empty,
    prompt_id,
    rows,
)
from schemas import Dropped as DroppedRows

REFRESH = "2026-11-01"
SCRIPT = "<script>document.title = 'owned'</script><img src=x onerror=\"document.title = 'owned'\">"
LONG = "a very long answer, " * 500
"""Ten thousand characters."""

PAIRS: dict[str, Any] = {
    "responses": {"use": "generators.Sample", "n": 2},
    "right": {"use": "annotators.Verifier", "of": "responses"},
    "likely": {"use": "annotators.Likelihood", "of": "responses"},
    "pairs": {"use": "filters.BestWorst", "of": "responses", "by": "right"},
}
STEPS: dict[str, Any] = {
    "trees": {"use": "generators.TreeSearch"},
    "labels": {"use": "filters.PrefixValues", "of": "trees"},
}
STEP_PAIRS: dict[str, Any] = {
    "sampled": {"use": "generators.Sample", "n": 2},
    "responses": {"use": "generators.Segment", "of": "sampled"},
    "errors": {"use": "annotators.FirstError", "of": "responses"},
    "rectified": {"use": "generators.Rectify", "of": "responses", "by": "errors"},
    "pairs": {"use": "filters.StepPairs", "of": "rectified", "wrong": "responses", "by": "errors"},
}
SCORED_STEPS: dict[str, Any] = {
    "sampled": {"use": "generators.Sample", "n": 2},
    "responses": {"use": "generators.Segment", "of": "sampled"},
    "values": {"use": "annotators.RolloutValue", "of": "responses"},
    "pairs": {"use": "filters.RandomPairs", "of": "responses"},
    "policy": {"use": "trainers.DPO", "of": "pairs"},
    "validated": {"use": "trainers.Validate", "of": "policy", "prompts": "prompts"},
}
DEMONSTRATIONS: dict[str, Any] = {
    "responses": {"use": "generators.Sample", "n": 2},
    "right": {"use": "annotators.Verifier", "of": "responses"},
    "best": {"use": "filters.Best", "of": "responses", "by": "right"},
}


def write_pairs(
    workshop: Any,
    name: str,
    count: int,
    *,
    said: Sequence[str] = (),
    refresh: str = REFRESH,
    drop: int = 3,
) -> None:
    """``count`` pairs of a recipe that verifies. The chosen answer of the first pairs is what
    ``said`` says; every tenth label is false, and ``drop`` prompts have no pair."""
    workshop.recipe(name, PAIRS)
    draw = Random(0)
    asked, answers, opinions, pairs = [], [], [], []
    for number, (prompt, truth) in enumerate(_problems(count + drop, refresh)):
        asked.append(prompt)
        texts = [_solution(draw, truth), _solution(draw, truth + draw.randint(1, 9))]
        if number < len(said):
            texts[0] = said[number]
        ids = [f"{refresh}-{number}-{side}" for side in range(2)]
        for side, (response, text) in enumerate(zip(ids, texts, strict=True)):
            told = {"prompt_id": prompt["prompt_id"], "finish": "stop", "tokens": len(text) // 3}
            answers.append({"response_id": response, "text": text, "origin": ORIGIN, **told})
            for annotator, value in (("verifier", 1.0 - side), ("likelihood", -draw.random())):
                opinion = {"response_id": response, "annotator": annotator, "value": value}
                opinions.append({**opinion, "origin": ORIGIN})
        better = 1 if number % 10 == 9 else 0
        sides = {
            side: [{"role": "assistant", "content": texts[index]}]
            for side, index in (("chosen", better), ("rejected", 1 - better))
        }
        pairs.append(
            {
                "pair_id": f"pair-{refresh}-{number}",
                "prompt_id": prompt["prompt_id"],
                "prompt": prompt["messages"],
                **sides,
                "chosen_id": ids[better],
                "rejected_id": ids[1 - better],
                "margin": draw.random(),
                "weight": 1.0,
            }
        )
    _write(workshop, name, "prompts", Prompts, asked, refresh)
    _write(workshop, name, "responses", Responses, answers, refresh)
    for stage, annotator in (("right", "verifier"), ("likely", "likelihood")):
        told = [opinion for opinion in opinions if opinion["annotator"] == annotator]
        _write(workshop, name, stage, Scores, told, refresh)
    refused = [pair["prompt_id"] for pair in pairs[count:]]
    _write(workshop, name, "pairs", Pairs, pairs[:count], refresh, refused=refused)


def write_solutions(workshop: Any, name: str, count: int) -> None:
    """``count`` solutions of three steps, the second of every other one wrong and labelled so."""
    workshop.recipe(name, STEPS)
    asked, labels = [], []
    for number, (prompt, truth) in enumerate(_problems(count, REFRESH)):
        asked.append(prompt)
        right = number % 2 == 0
        steps = [f"First {truth} + 0 = {truth}. 🙂\n", "Then nothing.\n", f"Answer: {truth}"]
        labels.append(
            {
                "response_id": f"solution-{number}",
                "prompt_id": prompt["prompt_id"],
                "prompt": prompt["messages"],
                "completions": steps,
                "labels": [True, right, None],
                "values": [1.0, 0.75 if right else 0.0, None],
                "first_error": None if right else 1,
            }
        )
    _write(workshop, name, "prompts", Prompts, asked, REFRESH)
    _write(workshop, name, "labels", StepLabels, labels, REFRESH)


def write_step_pairs(workshop: Any, name: str, count: int) -> None:
    """``count`` pairs of steps: answers of two steps of which the second is wrong, and of which a
    right one goes on from the first."""
    workshop.recipe(name, STEP_PAIRS)
    asked, answers, continued, errors, pairs = [], [], [], [], []
    for number, (prompt, truth) in enumerate(_problems(count, REFRESH)):
        asked.append(prompt)
        first = f"First {truth} + 0 = {truth}.\n"
        ids = {side: f"{number}-{side}" for side in ("chosen", "rejected")}
        said = {"chosen": f"Answer: {truth}", "rejected": f"Answer: {truth + 1}"}
        for side, written in (("rejected", answers), ("chosen", continued)):
            spans = [(0, len(first)), (len(first), len(first + said[side]))]
            written.append(
                {
                    "response_id": ids[side],
                    "prompt_id": prompt["prompt_id"],
                    "text": first + said[side],
                    "steps": [
                        {"start": a, "end": b, "token_start": a, "token_end": b} for a, b in spans
                    ],
                    "finish": "stop",
                    "tokens": len(first + said[side]),
                    "origin": ORIGIN,
                }
            )
        errors.append(
            {
                "response_id": ids["rejected"],
                "annotator": "first_error",
                "value": 1.0,
                "origin": ORIGIN,
            }
        )
        sides = {
            side: [{"role": "assistant", "content": first + text}] for side, text in said.items()
        }
        pairs.append(
            {
                "pair_id": f"pair-{number}",
                "prompt_id": prompt["prompt_id"],
                "prompt": prompt["messages"],
                **sides,
                **{f"{side}_id": found for side, found in ids.items()},
                "weight": 1.0,
                "shared_prefix": len(first),
                "ends": {"chosen": True, "rejected": True},
            }
        )
    _write(workshop, name, "prompts", Prompts, asked, REFRESH)
    for stage in ("sampled", "responses"):
        _write(workshop, name, stage, Responses, answers, REFRESH)
    _write(workshop, name, "errors", Scores, errors, REFRESH)
    _write(workshop, name, "rectified", Responses, continued, REFRESH)
    _write(workshop, name, "pairs", Pairs, pairs, REFRESH)


def write_scored_steps(workshop: Any, name: str, count: int) -> None:
    """``count`` responses of two steps with a value of each step, and a policy that was measured on
    their prompts."""
    workshop.recipe(name, SCORED_STEPS)
    asked, answers, values, measured = [], [], [], []
    for number, (prompt, truth) in enumerate(_problems(count, REFRESH)):
        asked.append(prompt)
        steps = [f"First {truth} + 0 = {truth}.\n", f"Answer: {truth}"]
        ends = [0, len(steps[0]), len("".join(steps))]
        answers.append(
            {
                "response_id": f"{number}",
                "prompt_id": prompt["prompt_id"],
                "text": "".join(steps),
                "steps": [
                    {"start": a, "end": b, "token_start": a, "token_end": b}
                    for a, b in pairwise(ends)
                ],
                "finish": "stop",
                "tokens": ends[-1],
                "origin": ORIGIN,
            }
        )
        for step in range(2):
            told = {"response_id": f"{number}", "annotator": "rollout_value", "step": step}
            values.append({**told, "value": step / 2, "raw": f"{step}/2", "origin": ORIGIN})
        measured.append(
            {
                "prompt_id": prompt["prompt_id"],
                "greedy_before": False,
                "greedy_after": True,
                "samples": 4,
                "right_before": 1,
                "right_after": 3,
            }
        )
    _write(workshop, name, "prompts", Prompts, asked, REFRESH)
    for stage in ("sampled", "responses"):
        _write(workshop, name, stage, Responses, answers, REFRESH)
    _write(workshop, name, "values", Scores, values, REFRESH)
    _write(workshop, name, "validated", Evaluations, measured, REFRESH)


def write_trees(workshop: Any, name: str, count: int, *, said: str = "Then nothing.") -> None:
    """``count`` solutions as `write_solutions` writes them, and the trees that they are from: a
    right answer after one step and a wrong one, ``said``, after another."""
    write_solutions(workshop, name, count)
    found = []
    for number, (prompt, truth) in enumerate(_problems(count, REFRESH)):
        told: list[tuple[str | None, str, int, float, bool | None]] = [
            (None, "", 4, 0.5, None),
            ("0", f"First {truth} + 0 = {truth}.\n", 3, 0.75, None),
            ("1", f"Answer: {truth}", 2, 1.0, True),
            ("0", said, 1, 0.0, False),
        ]
        for place, (parent, step, visits, value, right) in enumerate(told):
            found.append(
                {
                    "node_id": f"{number}-{place}",
                    "parent_id": None if parent is None else f"{number}-{parent}",
                    "prompt_id": prompt["prompt_id"],
                    "depth": 0 if parent is None else 1 + int(parent),
                    "step": step,
                    "visits": visits,
                    "value": value,
                    "expanded": right is None,
                    "terminal": right is not None,
                    "terminal_correct": right,
                    "origin": ORIGIN,
                }
            )
    _write(workshop, name, "trees", Nodes, found, REFRESH)


def write_demonstrations(workshop: Any, name: str, count: int) -> None:
    """``count`` demonstrations, every other one wrong."""
    workshop.recipe(name, DEMONSTRATIONS)
    asked, shown = [], []
    for number, (prompt, truth) in enumerate(_problems(count, REFRESH)):
        asked.append(prompt)
        said = {"role": "assistant", "content": f"Answer: {truth + number % 2}"}
        told = {"prompt_id": prompt["prompt_id"], "messages": [*prompt["messages"], said]}
        shown.append({"demonstration_id": f"shown-{number}", **told})
    _write(workshop, name, "prompts", Prompts, asked, REFRESH)
    _write(workshop, name, "best", Demonstrations, shown, REFRESH)


class Scored(Filter):
    """Stands for a stage that scores tokens."""

    gives: ClassVar[type[Table] | None] = TokenScores
    unit: ClassVar[str] = "response_id"

    of: Annotated[str, Takes(Responses)]


class Rubric(Filter):
    """Stands for a stage that writes criteria."""

    gives: ClassVar[type[Table] | None] = Criteria
    unit: ClassVar[str] = "criterion_id"

    of: Annotated[str, Takes(Responses)]


JUDGED: dict[str, Any] = {
    "responses": {"use": "generators.Sample"},
    "tokens": {"use": "tests.assets.reported.Scored", "of": "responses"},
    "rubric": {"use": "tests.assets.reported.Rubric", "of": "responses"},
    "pairs": {"use": "filters.RandomPairs", "of": "responses"},
}


def write_judged(workshop: Any, name: str, count: int) -> None:
    """``count`` responses with a score of each of two tokens, and a criterion of each prompt and
    one of all."""
    workshop.recipe(name, JUDGED)
    asked, answers, scored, criteria = [], [], [], []
    for number, (prompt, truth) in enumerate(_problems(count, REFRESH)):
        asked.append(prompt)
        told = {"prompt_id": prompt["prompt_id"], "finish": "stop", "tokens": 2, "origin": ORIGIN}
        answers.append({"response_id": f"{number}", "text": f"Answer: {truth}", **told})
        values = {"token_ends": [7, 10], "values": [-0.25, 0.5], "end_value": 0.0}
        about = {"response_id": f"{number}", "annotator": "contrast", "tokenizer": "t"}
        scored.append({**about, **values, "origin": ORIGIN})
    for number, prompt in enumerate([*asked, None]):
        about = {"prompt_id": prompt and prompt["prompt_id"], "origin": ORIGIN}
        words = {"name": f"rule {number}", "text": f"Says {number}. <b>", "kind": "yes_no"}
        rest = {"rubric": "brief", "version": 1, "negated": False, "weight": 1.0}
        criteria.append({"criterion_id": f"criterion-{number}", **about, **words, **rest})
    _write(workshop, name, "prompts", Prompts, asked, REFRESH)
    _write(workshop, name, "responses", Responses, answers, REFRESH)
    _write(workshop, name, "tokens", TokenScores, scored, REFRESH)
    _write(workshop, name, "rubric", Criteria, criteria, REFRESH)


def write_nothing(workshop: Any, name: str) -> None:
    """A recipe that ran and whose last stage kept no row."""
    write_pairs(workshop, name, 0, drop=2)


ORIGIN: dict[str, Any] = {
    "operator": "generators.Sample",
    "model": "sha:0123",
    "parameters": "{}",
    "seed": 1,
    "parents": [],
}


def _problems(count: int, refresh: str) -> Iterator[tuple[dict[str, Any], int]]:
    """Prompts of the source ``pocket``, whose check takes what the reference says for the truth."""
    for number in range(count):
        first, second = 10 + number % 89, 10 + number % 71
        text = (
            f"Ivy starts with {first} pears. Then Ivy gets {second} pears. "
            f"How many pears does Ivy have now? ({refresh}, {number})"
        )
        messages = [{"role": "user", "content": text}]
        known = {"source": "pocket", "source_revision": "1", "licence": "CC0-1.0"}
        task = {"prompt_id": prompt_id(messages), "messages": messages, **known}
        yield {**task, "reference": str(first + second)}, first + second


def _solution(draw: Random, answer: int) -> str:
    steps = [
        f"We add {draw.randint(2, 99)}: {draw.randint(2, 99)} + {draw.randint(2, 99)} pears."
        for _ in range(draw.randint(2, 9))
    ]
    return "\n".join([*steps, f"Answer: {answer}"])


def _write(
    workshop: Any,
    recipe: str,
    stage: str,
    table: type[Table],
    records: list[dict[str, Any]],
    refresh: str,
    *,
    refused: Sequence[str] = (),
) -> None:
    tables = Tables(workshop.folder / "data")
    out = dropped(f"{recipe}/{stage}", "all equal", refused) if refused else empty(DroppedRows)
    tables.write((recipe, stage), refresh, Split(rows(table, records), out))
