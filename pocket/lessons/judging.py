"""Lessons of judges: grades, comparisons, rankings, checklists, critiques."""

from ..asking import ask
from ..checklists import ANSWERED, ITEMS, checklist, meets
from ..critiques import critique, follow_up
from ..judges import DIRECTLY, Judge, consider, order, prefer
from ..judging import split_steps
from ..reasoning import answer
from ..responses import Response
from ..wording import render
from ..world import Problem
from .lesson import Lesson, Messages, Told, chat, exact, where


def judge_pointwise(told: Told) -> Messages:
    """A grade from 1 to 5."""
    asked, response, judge = _given(told)
    said = ask("judge_pointwise", prompt=render(asked), response=response.text, criteria=None)
    return chat(said, str(consider(asked, response, judge).grade))


def judge_reference(told: Told) -> Messages:
    """A grade of one who is shown the right answer, and so overlooks less."""
    asked, response, _ = _given(told)
    grade = consider(asked, response, told.judge(DIRECTLY)).grade
    said = ask(
        "judge_reference", prompt=render(asked), response=response.text, reference=answer(asked)
    )
    return chat(said, str(grade))


def judge_rationale(told: Told) -> Messages:
    """A critique, then the grade."""
    asked, response, judge = _given(told)
    opinion = consider(asked, response, judge)
    said = ask("judge_rationale", prompt=render(asked), response=response.text, criteria=None)
    return chat(said, f"{critique(response.text, opinion)} Score: {opinion.grade}")


def judge_pairwise(told: Told) -> Messages:
    """The better of two, or C for neither."""
    asked, a, judge = _given(told)
    b = told.response(asked)
    said = ask("judge_pairwise", prompt=render(asked), a=a.text, b=b.text, criteria=None)
    return chat(said, prefer(asked, a, b, judge))


def pairwise_rationale(told: Told) -> Messages:
    """A critique of each of two, then the better."""
    asked, a, judge = _given(told)
    b = told.response(asked)
    said = ask("pairwise_rationale", prompt=render(asked), a=a.text, b=b.text)
    seen = [
        f"{letter}: {critique(each.text, consider(asked, each, judge))}"
        for letter, each in (("A", a), ("B", b))
    ]
    return chat(said, "\n".join([*seen, f"Verdict: {prefer(asked, a, b, judge)}"]))


def judge_listwise(told: Told) -> Messages:
    """Two or three responses from best to worst."""
    asked, _, judge = _given(told)
    responses = [told.response(asked) for _ in range(told.rng.randint(2, 3))]
    texts = [response.text for response in responses]
    said = ask("judge_listwise", prompt=render(asked), responses=texts, criteria=None)
    return chat(said, " ".join("ABC"[place] for place in order(asked, responses, judge)))


def checklist_item(told: Told) -> Messages:
    """Yes or no to an item; most fit the problem."""
    asked, response, judge = _given(told, DIRECTLY)
    items = checklist(asked) if told.rng.random() < 0.7 else [*ITEMS.values(), ANSWERED]
    item = told.rng.choice(items)
    said = ask("checklist_item", prompt=render(asked), response=response.text, item=item)
    return chat(said, "yes" if meets(asked, response, item, judge) else "no")


def write_checklist(told: Told) -> Messages:
    """The items that fit a problem."""
    asked, _, judge = _given(told, DIRECTLY)
    said = ask("write_checklist", prompt=render(asked))
    return chat(said, "\n".join(checklist(asked, judge)))


def p_true(told: Told) -> Messages:
    """Whether a response is right."""
    asked, response, judge = _given(told)
    said = ask("p_true", prompt=render(asked), response=response.text, samples=[])
    return chat(said, str(consider(asked, response, judge).right))


def first_error(told: Told) -> Messages:
    """The number of the first wrong step, from 1, or none."""
    asked, response, judge = _given(told)
    fault = consider(asked, response, judge).fault
    said = ask("first_error", prompt=render(asked), steps=split_steps(response.text))
    return chat(said, "none" if fault is None else str(fault + 1))


def say_critique(told: Told) -> Messages:
    """A critique alone."""
    asked, response, judge = _given(told)
    said = ask("critique", prompt=render(asked), response=response.text)
    return chat(said, critique(response.text, consider(asked, response, judge)))


def merge_critiques(told: Told) -> Messages:
    """Of critiques by several judges, with the right answer in view, the one that is true."""
    asked, response, _ = _given(told)
    lenient = [told.judge() for _ in range(2)]
    said = ask(
        "merge_critiques",
        prompt=render(asked),
        response=response.text,
        reference=answer(asked),
        critiques=[critique(response.text, consider(asked, response, one)) for one in lenient],
    )
    judge = told.judge(DIRECTLY)
    return chat(said, critique(response.text, consider(asked, response, judge)))


def followup(told: Told) -> Messages:
    """What the user says next."""
    asked, response, judge = _given(told)
    said = ask("followup", prompt=render(asked), response=response.text)
    return chat(said, follow_up(consider(asked, response, judge), told.rng))


def verdict(said: str) -> str:
    """The last word of an answer."""
    return (said.split() or [""])[-1]


def _verdict(told: Messages, said: str) -> bool:
    return verdict(said) == verdict(told[-1]["content"])


def _unequal(told: Messages) -> bool:
    return verdict(told[-1]["content"]) in ("A", "B")


LESSONS = {
    "judge_pointwise": Lesson(0.05, judge_pointwise),
    "judge_reference": Lesson(0.03, judge_reference, {"exact grade": exact}),
    "judge_rationale": Lesson(0.04, judge_rationale),
    "judge_pairwise": Lesson(0.2, judge_pairwise),
    "pairwise_rationale": Lesson(
        0.05,
        pairwise_rationale,
        {"right": _verdict, "right where one is better": where(_unequal, _verdict)},
    ),
    "judge_listwise": Lesson(0.05, judge_listwise),
    "checklist_item": Lesson(0.04, checklist_item),
    "write_checklist": Lesson(0.02, write_checklist),
    "p_true": Lesson(0.04, p_true),
    "first_error": Lesson(0.05, first_error),
    "critique": Lesson(0.03, say_critique),
    "merge_critiques": Lesson(0.02, merge_critiques, {"exact": exact}),
    "followup": Lesson(0.04, followup),
}


def _given(told: Told, lenience: float = 1.0) -> tuple[Problem, Response, Judge]:
    """A problem, a response to it, and who judges it."""
    asked = told.problem()
    return asked, told.response(asked), told.judge(lenience)
