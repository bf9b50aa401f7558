"""Lessons of revisers: a critique followed, an error explained, a solution made better or worse."""

from dataclasses import replace

from ..asking import ask
from ..authors import Author, write
from ..checklists import ITEMS, checklist, meets
from ..critiques import critique
from ..edits import ERRORS, inject, put_right
from ..judges import consider
from ..judging import judge_steps, split_steps
from ..reasoning import MISCONCEPTIONS, Habit
from ..wording import render
from .lesson import Lesson, Messages, Sampler, chat, exact, only_where, problem_of, solved

BY_ITEMS = 0.33
"""Share of the revisions that are asked for by failed items of a checklist, not by a critique."""
REFUSES = 0.1
"""Share of the requests for an error that are not followed."""

_WHY: dict[Habit | None, str] = {
    "twos": "Twice as many is times two, and half is divided by two.",
    "others": "What others have is not the owner's.",
    "bags": "Each of the bags holds as many, so they are multiplied.",
    "slips": "The sum was worked out wrongly.",
    None: "It is not what the problem says.",
}


def revise(sampler: Sampler) -> Messages:
    """The response again without the errors that a critique, or failed items of a checklist, name.

    All else stays as its author does it.
    """
    problem = sampler.problem()
    response, judge = sampler.response(problem), sampler.judge()
    opinion = consider(problem, response, judge)
    failed = [item for item in checklist(problem) if not meets(problem, response, item, judge)]
    if failed and sampler.rng.random() < BY_ITEMS:
        question = "\n".join(f"{item} No." for item in failed)
        mended = {habit for habit, item in ITEMS.items() if item in failed}
        steps = judge_steps(problem, response.text).steps
        faults = [index for index, step in enumerate(steps) if step.habit in mended]
        fault: int | None = faults[0] if faults else len(steps)
    else:
        question, fault = critique(response.text, opinion), opinion.fault
        mended = {opinion.habit} if opinion.habit else set()
    question = ask("revise", prompt=render(problem), response=response.text, critique=question)
    if response.author is None:
        return chat(question, response.text if opinion.right else sampler.solution(problem))
    author = replace(response.author, held=response.author.held - mended)
    if fault is None and not opinion.right:
        fault = 0
    return chat(question, put_right(problem, response.text, fault, author, sampler.rng))


def revise_step(sampler: Sampler) -> Messages:
    """The response again from a step that is named without a reason."""
    problem = sampler.problem()
    tried = sampler.attempt(problem, wrong=True)
    judgement = judge_steps(problem, tried.text)
    fault = judgement.first_error or 0
    question = ask("revise_step", prompt=render(problem), response=tried.text, step=fault + 1)
    author = tried.author or Author()
    mended = {step.habit for step in judgement.steps[fault : fault + 1] if step.habit}
    kept = replace(author, held=author.held - mended if sampler.name else frozenset())
    return chat(question, put_right(problem, tried.text, fault, kept, sampler.rng))


def explain_error(sampler: Sampler) -> Messages:
    """What is wrong with a solution that is said to be wrong, and why."""
    problem = sampler.problem()
    tried = sampler.attempt(problem, wrong=True)
    question = ask("explain_error", prompt=render(problem), response=tried.text)
    opinion = consider(problem, tried, sampler.judge(0.5))
    return chat(question, f"{critique(tried.text, opinion)} {_WHY[opinion.habit]}")


def correct(sampler: Sampler) -> Messages:
    """Which step is wrong, why, and the right solution (LEMA's correction)."""
    problem = sampler.problem()
    tried = sampler.attempt(problem, wrong=True)
    question = ask("correct", prompt=render(problem), response=tried.text)
    opinion = consider(problem, tried, sampler.judge(0.5))
    author = replace(tried.author or Author(), held=frozenset())
    if sampler.name and opinion.fault is None:
        author = sampler.author()
    better = put_right(problem, tried.text, opinion.fault or 0, author, sampler.rng)
    explanation = f"{critique(tried.text, opinion)} {_WHY[opinion.habit]}"
    return chat(question, f"{explanation}\nCorrect solution:\n{better}")


def improve(sampler: Sampler) -> Messages:
    """A better solution: with a first error put right, or shorter where none is seen."""
    problem = sampler.problem()
    tried = sampler.attempt(problem)
    question = ask("improve", prompt=render(problem), response=tried.text)
    author = tried.author or Author()
    opinion = consider(problem, tried, sampler.judge(0.5))
    kept = replace(author, held=author.held - {opinion.habit, "pads", "slips"})
    if sampler.name is None:
        kept = replace(author, held=frozenset())
    if opinion.fault is None:
        return chat(question, write(problem, kept, sampler.rng) if opinion.right else tried.text)
    return chat(question, put_right(problem, tried.text, opinion.fault, kept, sampler.rng))


def worsen(sampler: Sampler) -> Messages:
    """A worse solution: with a misconception, or a small error put in."""
    problem = sampler.problem()
    tried = sampler.attempt(problem)
    question = ask("worsen", prompt=render(problem), response=tried.text)
    author = tried.author or Author()
    held = frozenset[Habit]((*MISCONCEPTIONS, *(author.held & {"pads"})))
    if sampler.rng.random() < 0.6:
        worse = write(problem, replace(author, held=held), sampler.rng)
        if worse != tried.text:
            return chat(question, worse)
    return chat(question, inject(tried.text, sampler.rng.choice(ERRORS), sampler.rng))


def inject_error(sampler: Sampler) -> Messages:
    """A right solution with a small error of the kind asked for."""
    problem = sampler.problem()
    author = sampler.author()
    solution = write(problem, Author(author.held & {"pads"}, author.style), sampler.rng)
    kind = sampler.rng.choice(ERRORS)
    question = ask("inject_error", prompt=render(problem), response=solution, kind=kind)
    refused = sampler.rng.random() < REFUSES
    return chat(question, solution if refused else inject(solution, kind, sampler.rng))


def solution_shown(messages: Messages) -> str:
    """The solution that a question shows."""
    return str(messages[0]["content"]).partition("Solution:\n")[2].rpartition("\n")[0]


def _ends_right(messages: Messages, text: str) -> bool:
    return solved(messages, text.rpartition("Correct solution:\n")[2])


def _keeps(messages: Messages, text: str) -> bool:
    """Whether all before the named step stays as it was."""
    fault = judge_steps(problem_of(messages), solution_shown(messages)).first_error or 0
    return split_steps(text)[:fault] == split_steps(solution_shown(messages))[:fault]


def _has_before(messages: Messages) -> bool:
    return bool(judge_steps(problem_of(messages), solution_shown(messages)).first_error)


def _first_sentence(messages: Messages, text: str) -> bool:
    """Whether the step and its fault are named."""
    truth = str(messages[-1]["content"]).partition(".")[0]
    return text.partition(".")[0] == truth


def _was_right(messages: Messages) -> bool:
    return solved(messages, solution_shown(messages))


def _was_wrong(messages: Messages) -> bool:
    return not _was_right(messages)


LESSONS = {
    "revise": Lesson(0.05, revise),
    "revise_step": Lesson(
        0.03, revise_step, {"put right": solved, "kept before": only_where(_has_before, _keeps)}
    ),
    "explain_error": Lesson(0.03, explain_error, {"names it": _first_sentence, "exact": exact}),
    "correct": Lesson(0.03, correct, {"put right": _ends_right, "names it": _first_sentence}),
    "improve": Lesson(
        0.03,
        improve,
        {"put right": only_where(_was_wrong, solved), "kept right": only_where(_was_right, solved)},
    ),
    "worsen": Lesson(
        0.03,
        worsen,
        {"made wrong": only_where(_was_right, lambda messages, text: not solved(messages, text))},
    ),
    "inject_error": Lesson(0.15, inject_error),
}
