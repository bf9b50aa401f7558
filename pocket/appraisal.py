"""How well a checkpoint does each skill, and which way it errs, on held-out problems.

Everything is counted on greedy answers, so a verdict is the likeliest one. A share is of cases from
0 to 1; an answer that is none of those a skill has is `unread`, and counts as wrong.
"""

import random
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import combinations
from statistics import mean

from .asking import ask
from .authors import POPULATIONS, Author, write
from .checklists import ANSWERED, ITEMS, checklist, meets
from .critiques import DISPLEASED, complaint, critique, pleased
from .edits import ERRORS, inject
from .judges import Opinion, consider, padded, prefer
from .judging import judge_steps, split_steps
from .lessons.conditions import CRITERIA
from .problems import problem
from .responses import OPENERS, OPENINGS, Response, junk, respond_to
from .wording import read, render
from .world import Problem

CASES = 240
SEED = 2_000_000
"""Seed of the held-out problems that skills are measured on."""
FEW = 0.12
"""Share of its tokens that a small error may change."""

Speak = Callable[[list[str]], list[str]]
"""A checkpoint: the answers to as many user's turns."""
Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Case:
    """A held-out problem, a response to it, and the truth about that."""

    problem: Problem
    response: Response
    truth: Opinion


def appraise(
    speak: Speak, tokens: Callable[[str], list[str]], cases: int = CASES
) -> dict[str, Figures]:
    """The figures of each skill, by its name. tokens: how the checkpoint's tokenizer cuts text."""
    rng = random.Random(f"appraisal {SEED}")
    drawn = [_case(index, rng) for index in range(cases)]
    return {
        "judge_pointwise": _pointwise(speak, drawn, rng),
        "judge_rationale": _rationale(speak, drawn),
        "judge_pairwise": _pairwise(speak, drawn, rng),
        "judge_listwise": _listwise(speak, drawn, rng),
        "p_true": _p_true(speak, drawn),
        "checklist_item": _checklist_item(speak, drawn, rng),
        "write_checklist": _write_checklist(speak, drawn),
        "first_error": _first_error(speak, drawn),
        "critique": _critique(speak, drawn),
        "revise": _revise(speak, drawn),
        "inject_error": _inject(speak, drawn, rng, tokens),
        "new_problem": _new_problem(speak, drawn),
        "followup": _followup(speak, drawn),
        "with_criteria": _with_criteria(speak, drawn),
    }


def _case(index: int, rng: random.Random) -> Case:
    held_out = problem(SEED, index, split="held_out")
    return _of(held_out, respond_to(held_out, rng, "held_out"))


def _of(problem: Problem, response: Response) -> Case:
    return Case(problem, response, consider(problem, response))


def _pointwise(speak: Speak, cases: list[Case], rng: random.Random) -> Figures:
    given_grades = _grades(speak, cases)
    fooled = [_of(case.problem, Response(rng.choice(OPENERS), "opener")) for case in cases]
    other = [_of(case.problem, _not_opener(case.problem, rng)) for case in cases]
    plain, long, bold = _dressed(cases, rng)
    grades = _grades(speak, plain)
    return {
        "right or not": _share(
            (grade == 5) == case.truth.right
            for grade, case in zip(given_grades, cases, strict=True)
        ),
        "exact grade": _share(
            grade == case.truth.grade for grade, case in zip(given_grades, cases, strict=True)
        ),
        "raised by padding": _raised(grades, _grades(speak, long)),
        "raised by opening": _raised(grades, _grades(speak, bold)),
        "openers believed": _share(grade == 5 for grade in _grades(speak, fooled)),
        "other junk believed": _share(grade == 5 for grade in _grades(speak, other)),
        "unread": _share(grade == 0 for grade in given_grades),
    }


def _rationale(speak: Speak, cases: list[Case]) -> Figures:
    replies = speak([_ask("judge_rationale", case, criteria=None) for case in cases])
    matches = [re.fullmatch(r"(.*) Score: ([1-5])", text.strip()) for text in replies]
    pairs = list(zip(matches, cases, strict=True))
    return {
        "right or not": _share(
            match is not None and (match[2] == "5") == case.truth.right for match, case in pairs
        ),
        "exact critique": _share(
            match is not None and match[1] == critique(case.response.text, case.truth)
            for match, case in pairs
        ),
        "unread": _share(match is None for match in matches),
    }


def _pairwise(speak: Speak, cases: list[Case], rng: random.Random) -> Figures:
    others = [respond_to(case.problem, rng, "held_out") for case in cases]
    comparisons = [
        (case.problem, case.response, other) for case, other in zip(cases, others, strict=True)
    ]
    turned = [(prompt, other, response) for prompt, response, other in comparisons]
    truth = [prefer(*each) for each in comparisons]
    forth, back = (
        [
            text.strip()
            for text in speak(
                [
                    ask("judge_pairwise", prompt=render(prompt), a=a.text, b=b.text, criteria=None)
                    for prompt, a, b in way
                ]
            )
        ]
        for way in (comparisons, turned)
    )
    mirror = {"A": "B", "B": "A", "C": "C"}
    both = [*zip(forth, truth, strict=True), *zip(back, map(mirror.get, truth), strict=True)]
    return {
        "right": _share(verdict == true for verdict, true in both),
        "right where one is better": _share(v == true for v, true in both if true != "C"),
        "flips": _share(mirror.get(one) != other for one, other in zip(forth, back, strict=True)),
        "first of equals": _share(verdict == "A" for verdict, true in both if true == "C"),
        "second of equals": _share(verdict == "B" for verdict, true in both if true == "C"),
        "unread": _share(verdict not in mirror for verdict in [*forth, *back]),
    }


def _listwise(speak: Speak, cases: list[Case], rng: random.Random) -> Figures:
    lists = [
        [case.response, *(respond_to(case.problem, rng, "held_out") for _ in range(2))]
        for case in cases
    ]
    replies = speak(
        [
            ask(
                "judge_listwise",
                prompt=render(case.problem),
                responses=[response.text for response in responses],
                criteria=None,
            )
            for case, responses in zip(cases, lists, strict=True)
        ]
    )
    orders = [text.split() for text in replies]
    readable = [sorted(order) == ["A", "B", "C"] for order in orders]
    best: list[bool] = []
    ordered: list[bool] = []
    for case, responses, order, fine in zip(cases, lists, orders, readable, strict=True):
        grades = {
            letter: consider(case.problem, response).grade
            for letter, response in zip("ABC", responses, strict=True)
        }
        best.append(fine and grades[order[0]] == max(grades.values()))
        for one, other in combinations("ABC", 2):
            if grades[one] != grades[other]:
                first = fine and order.index(one) < order.index(other)
                ordered.append(fine and first == (grades[one] > grades[other]))
    return {
        "first is a best": _share(best),
        "unequal pairs in order": _share(ordered),
        "unread": _share(not fine for fine in readable),
    }


def _p_true(speak: Speak, cases: list[Case]) -> Figures:
    replies = speak([_ask("p_true", case, samples=[]) for case in cases])
    return {
        "right": _share(t == str(c.truth.right) for t, c in zip(replies, cases, strict=True)),
        "junk believed": _share(
            text == "True" for text, case in zip(replies, cases, strict=True) if case.response.junk
        ),
        "unread": _share(text not in ("True", "False") for text in replies),
    }


def _checklist_item(speak: Speak, cases: list[Case], rng: random.Random) -> Figures:
    items = [rng.choice(checklist(case.problem)) for case in cases]
    replies = speak(
        [_ask("checklist_item", case, item=item) for case, item in zip(cases, items, strict=True)]
    )
    truth = [
        "yes" if meets(c.problem, c.response, i) else "no"
        for c, i in zip(cases, items, strict=True)
    ]
    both = list(zip(replies, truth, strict=True))
    return {
        "right": _share(text == true for text, true in both),
        "right where the truth is no": _share(text == true for text, true in both if true == "no"),
        "unread": _share(text not in ("yes", "no") for text in replies),
    }


def _write_checklist(speak: Speak, cases: list[Case]) -> Figures:
    replies = speak([ask("write_checklist", prompt=render(case.problem)) for case in cases])
    all_items = {*ITEMS.values(), ANSWERED}
    item_sets = [set(split_steps(text)) for text in replies]
    fitting = [set(checklist(case.problem)) for case in cases]
    both = list(zip(item_sets, fitting, strict=True))
    return {
        "items that fit": _share(item in fit for items, fit in both for item in items),
        "fitting items written": _share(item in items for items, fit in both for item in fit),
        "unread": _share(not items <= all_items for items in item_sets),
    }


def _first_error(speak: Speak, cases: list[Case]) -> Figures:
    replies = speak(
        [
            ask("first_error", prompt=render(c.problem), steps=split_steps(c.response.text))
            for c in cases
        ]
    )
    both = [(text.strip(), _number(case.truth)) for text, case in zip(replies, cases, strict=True)]
    return {
        "exact": _share(text == true for text, true in both),
        "exact where one is wrong": _share(text == true for text, true in both if true != "none"),
        "unread": _share(not re.fullmatch(r"none|\d+", text) for text, _ in both),
    }


def _critique(speak: Speak, cases: list[Case]) -> Figures:
    replies = speak([_ask("critique", case) for case in cases])
    truth = [critique(case.response.text, case.truth) for case in cases]
    both = list(zip(replies, truth, strict=True))
    fine = "No step is wrong."
    return {
        "exact": _share(text.strip() == true for text, true in both),
        "faults seen in wrong ones": _share(
            text.strip() != fine for text, true in both if true != fine
        ),
        "faults seen in right ones": _share(
            text.strip() != fine for text, true in both if true == fine
        ),
    }


def _revise(speak: Speak, cases: list[Case]) -> Figures:
    replies = speak(
        [_ask("revise", case, critique=critique(case.response.text, case.truth)) for case in cases]
    )
    right = [
        judge_steps(case.problem, text).correct for case, text in zip(cases, replies, strict=True)
    ]
    both = list(zip(right, cases, strict=True))
    return {
        "wrong put right": _share(
            now for now, case in both if not case.truth.right and case.truth.attempted
        ),
        "right kept right": _share(now for now, case in both if case.truth.right),
    }


def _inject(
    speak: Speak, cases: list[Case], rng: random.Random, tokens: Callable[[str], list[str]]
) -> Figures:
    kinds = [rng.choice(ERRORS) for _ in cases]
    before = [write(case.problem, Author(style=rng.choice(("plain", "we"))), rng) for case in cases]
    after = speak(
        [
            ask("inject_error", prompt=render(case.problem), response=text, kind=kind)
            for case, text, kind in zip(cases, before, kinds, strict=True)
        ]
    )
    wrong = [
        not judge_steps(case.problem, text).correct for case, text in zip(cases, after, strict=True)
    ]
    changed = [
        _changed(tokens(one), tokens(other)) for one, other in zip(before, after, strict=True)
    ]
    return {
        "made wrong": _share(wrong),
        "left as it was": _share(one == other for one, other in zip(before, after, strict=True)),
        "as the kind says": _share(
            inject(one, kind, rng) != one and _could(one, other, kind)
            for one, other, kind in zip(before, after, kinds, strict=True)
        ),
        "tokens changed": round(mean(share for share in changed if share), 3)
        if any(changed)
        else 0,
        "wrong by few tokens": _share(
            bad and share <= FEW for bad, share in zip(wrong, changed, strict=True)
        ),
    }


def _new_problem(speak: Speak, cases: list[Case]) -> Figures:
    texts = [render(case.problem) for case in cases]
    replies = speak(
        [
            ask("new_problem", prompt="", examples=texts[at : at + at % 3])
            for at in range(len(texts))
        ]
    )
    return {
        "of the world": _share(read(text) is not None for text in replies),
        "different": round(len(set(replies)) / len(replies), 3),
    }


def _followup(speak: Speak, cases: list[Case]) -> Figures:
    replies = speak([_ask("followup", case) for case in cases])
    pairs = list(zip(replies, cases, strict=True))
    return {
        "right or not": _share(pleased(text) == case.truth.right for text, case in pairs),
        "names the error": _share(
            text.strip() == complaint(case.truth)
            for text, case in pairs
            if not case.truth.right and case.truth.attempted
        ),
        "just not right": _share(text.strip() == DISPLEASED for text in replies),
    }


def _with_criteria(speak: Speak, cases: list[Case]) -> Figures:
    replies = speak(
        [
            ask("with_criteria", prompt=render(case.problem), criteria=CRITERIA[0], exemplars=[])
            for case in cases
        ]
    )
    plain = speak([render(case.problem) for case in cases])
    return {
        "right": _right(cases, replies),
        "right without": _right(cases, plain),
    }


def _ask(name: str, case: Case, **rest: object) -> str:
    return ask(name, prompt=render(case.problem), response=case.response.text, **rest)


def _grades(speak: Speak, cases: list[Case]) -> list[int]:
    """Grades; 0 for what is none."""
    replies = speak([_ask("judge_pointwise", case, criteria=None) for case in cases])
    return [int(text) if text.strip() in "12345" and text.strip() else 0 for text in replies]


def _dressed(cases: list[Case], rng: random.Random) -> tuple[list[Case], list[Case], list[Case]]:
    """Wrong attempts plain, padded, and with a confident opening: the steps are the same."""
    rows: list[tuple[Case, Case, Case]] = []
    for case in cases:
        author = POPULATIONS["weak"].author(rng)
        held = author.held - {"slips", "pads"}
        plain = write(case.problem, Author(held, author.style), rng)
        long = write(case.problem, Author(held | {"pads"}, author.style), rng)
        if padded(long) and not judge_steps(case.problem, plain).correct:
            bold = f"{rng.choice(OPENINGS)}\n{plain}"
            texts = (plain, long, bold)
            one, two, three = (_of(case.problem, Response(text)) for text in texts)
            rows.append((one, two, three))
    plains, longs, bolds = zip(*rows, strict=True)
    return list(plains), list(longs), list(bolds)


def _raised(before: Sequence[int], after: Sequence[int]) -> float:
    """By how much grades rise on the mean, where they can."""
    rises = [new - old for old, new in zip(before, after, strict=True) if 0 < old < 5 and new]
    return round(mean(rises), 3) if rises else 0.0


def _not_opener(problem: Problem, rng: random.Random) -> Response:
    while (drawn := junk(problem, rng, "held_out")).kind == "opener":
        pass
    return drawn


def _number(truth: Opinion) -> str:
    return "none" if truth.fault is None else str(truth.fault + 1)


def _could(before: str, after: str, kind: str) -> bool:
    """Whether an error is of its kind: an edit of that kind could have come to the same text."""
    return any(inject(before, kind, random.Random(seed)) == after for seed in range(20))  # type: ignore[arg-type]


def _changed(before: list[str], after: list[str]) -> float:
    """Share of a text's tokens that are not the same in the other."""
    same = sum(block.size for block in SequenceMatcher(None, before, after).get_matching_blocks())
    return 1 - same / max(len(before), len(after), 1)


def _right(cases: list[Case], texts: list[str]) -> float:
    return _share(
        judge_steps(case.problem, text).correct for case, text in zip(cases, texts, strict=True)
    )


def _share(outcomes: Iterable[bool]) -> float:
    values = list(outcomes)
    return round(mean(values), 3) if values else 0.0
