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
from .lesson import Lesson, Messages, Sampler, chat, exact, only_where


def judge_pointwise(sampler: Sampler) -> Messages:
    """A grade from 1 to 5."""
    problem, response, judge = _draw(sampler)
    question = ask("judge_pointwise", prompt=render(problem), response=response.text, criteria=None)
    return chat(question, str(consider(problem, response, judge).grade))


def judge_reference(sampler: Sampler) -> Messages:
    """A grade of one who is shown the right answer, and so overlooks less."""
    problem, response, _ = _draw(sampler)
    grade = consider(problem, response, sampler.judge(DIRECTLY)).grade
    question = ask(
        "judge_reference", prompt=render(problem), response=response.text, reference=answer(problem)
    )
    return chat(question, str(grade))


def judge_rationale(sampler: Sampler) -> Messages:
    """A critique, then the grade."""
    problem, response, judge = _draw(sampler)
    opinion = consider(problem, response, judge)
    question = ask("judge_rationale", prompt=render(problem), response=response.text, criteria=None)
    return chat(question, f"{critique(response.text, opinion)} Score: {opinion.grade}")


def judge_pairwise(sampler: Sampler) -> Messages:
    """The better of two, or C for neither."""
    problem, a, judge = _draw(sampler)
    b = sampler.response(problem)
    question = ask("judge_pairwise", prompt=render(problem), a=a.text, b=b.text, criteria=None)
    return chat(question, prefer(problem, a, b, judge))


def pairwise_rationale(sampler: Sampler) -> Messages:
    """A critique of each of two, then the better."""
    problem, a, judge = _draw(sampler)
    b = sampler.response(problem)
    question = ask("pairwise_rationale", prompt=render(problem), a=a.text, b=b.text)
    critiques = [
        f"{letter}: {critique(each.text, consider(problem, each, judge))}"
        for letter, each in (("A", a), ("B", b))
    ]
    return chat(question, "\n".join([*critiques, f"Verdict: {prefer(problem, a, b, judge)}"]))


def judge_listwise(sampler: Sampler) -> Messages:
    """Two or three responses from best to worst."""
    problem, _, judge = _draw(sampler)
    responses = [sampler.response(problem) for _ in range(sampler.rng.randint(2, 3))]
    texts = [response.text for response in responses]
    question = ask("judge_listwise", prompt=render(problem), responses=texts, criteria=None)
    return chat(question, " ".join("ABC"[place] for place in order(problem, responses, judge)))


def checklist_item(sampler: Sampler) -> Messages:
    """Yes or no to an item; most fit the problem."""
    problem, response, judge = _draw(sampler, DIRECTLY)
    items = checklist(problem) if sampler.rng.random() < 0.7 else [*ITEMS.values(), ANSWERED]
    item = sampler.rng.choice(items)
    question = ask("checklist_item", prompt=render(problem), response=response.text, item=item)
    return chat(question, "yes" if meets(problem, response, item, judge) else "no")


def write_checklist(sampler: Sampler) -> Messages:
    """The items that fit a problem."""
    problem, _, judge = _draw(sampler, DIRECTLY)
    question = ask("write_checklist", prompt=render(problem))
    return chat(question, "\n".join(checklist(problem, judge)))


def p_true(sampler: Sampler) -> Messages:
    """Whether a response is right."""
    problem, response, judge = _draw(sampler)
    question = ask("p_true", prompt=render(problem), response=response.text, samples=[])
    return chat(question, str(consider(problem, response, judge).right))


def first_error(sampler: Sampler) -> Messages:
    """The number of the first wrong step, from 1, or none."""
    problem, response, judge = _draw(sampler)
    fault = consider(problem, response, judge).fault
    question = ask("first_error", prompt=render(problem), steps=split_steps(response.text))
    return chat(question, "none" if fault is None else str(fault + 1))


def say_critique(sampler: Sampler) -> Messages:
    """A critique alone."""
    problem, response, judge = _draw(sampler)
    question = ask("critique", prompt=render(problem), response=response.text)
    return chat(question, critique(response.text, consider(problem, response, judge)))


def merge_critiques(sampler: Sampler) -> Messages:
    """Of critiques by several judges, with the right answer in view, the one that is true."""
    problem, response, _ = _draw(sampler)
    lenient = [sampler.judge() for _ in range(2)]
    question = ask(
        "merge_critiques",
        prompt=render(problem),
        response=response.text,
        reference=answer(problem),
        critiques=[critique(response.text, consider(problem, response, one)) for one in lenient],
    )
    judge = sampler.judge(DIRECTLY)
    return chat(question, critique(response.text, consider(problem, response, judge)))


def followup(sampler: Sampler) -> Messages:
    """What the user says next."""
    problem, response, judge = _draw(sampler)
    question = ask("followup", prompt=render(problem), response=response.text)
    return chat(question, follow_up(consider(problem, response, judge), sampler.rng))


def verdict(text: str) -> str:
    """The last word of an answer."""
    return (text.split() or [""])[-1]


def _verdict(messages: Messages, text: str) -> bool:
    return verdict(text) == verdict(messages[-1]["content"])


def _unequal(messages: Messages) -> bool:
    return verdict(messages[-1]["content"]) in ("A", "B")


LESSONS = {
    "judge_pointwise": Lesson(0.05, judge_pointwise),
    "judge_reference": Lesson(0.03, judge_reference, {"exact grade": exact}),
    "judge_rationale": Lesson(0.04, judge_rationale),
    "judge_pairwise": Lesson(0.2, judge_pairwise),
    "pairwise_rationale": Lesson(
        0.05,
        pairwise_rationale,
        {"right": _verdict, "right where one is better": only_where(_unequal, _verdict)},
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


def _draw(sampler: Sampler, lenience: float = 1.0) -> tuple[Problem, Response, Judge]:
    """A problem, a response to it, and who judges it."""
    problem = sampler.problem()
    return problem, sampler.response(problem), sampler.judge(lenience)
