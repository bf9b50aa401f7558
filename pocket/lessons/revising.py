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
from .lesson import Lesson, Messages, Told, asked_of, chat, exact, solved, where

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


def revise(told: Told) -> Messages:
    """The response again without the errors that a critique, or failed items of a checklist, name.

    All else stays as its author does it.
    """
    asked = told.problem()
    response, judge = told.response(asked), told.judge()
    opinion = consider(asked, response, judge)
    failed = [item for item in checklist(asked) if not meets(asked, response, item, judge)]
    if failed and told.rng.random() < BY_ITEMS:
        said = "\n".join(f"{item} No." for item in failed)
        gone = {habit for habit, item in ITEMS.items() if item in failed}
        steps = judge_steps(asked, response.text).steps
        faults = [index for index, step in enumerate(steps) if step.habit in gone]
        fault: int | None = faults[0] if faults else len(steps)
    else:
        said, fault = critique(response.text, opinion), opinion.fault
        gone = {opinion.habit} if opinion.habit else set()
    said = ask("revise", prompt=render(asked), response=response.text, critique=said)
    if response.author is None:
        return chat(said, response.text if opinion.right else told.solution(asked))
    author = replace(response.author, held=response.author.held - gone)
    if fault is None and not opinion.right:
        fault = 0
    return chat(said, put_right(asked, response.text, fault, author, told.rng))


def revise_step(told: Told) -> Messages:
    """The response again from a step that is named without a reason."""
    asked = told.problem()
    tried = told.attempt(asked, wrong=True)
    judgement = judge_steps(asked, tried.text)
    fault = judgement.first_error or 0
    said = ask("revise_step", prompt=render(asked), response=tried.text, step=fault + 1)
    author = tried.author or Author()
    gone = {step.habit for step in judgement.steps[fault : fault + 1] if step.habit}
    kept = replace(author, held=author.held - gone if told.name else frozenset())
    return chat(said, put_right(asked, tried.text, fault, kept, told.rng))


def explain_error(told: Told) -> Messages:
    """What is wrong with a solution that is said to be wrong, and why."""
    asked = told.problem()
    tried = told.attempt(asked, wrong=True)
    said = ask("explain_error", prompt=render(asked), response=tried.text)
    opinion = consider(asked, tried, told.judge(0.5))
    return chat(said, f"{critique(tried.text, opinion)} {_WHY[opinion.habit]}")


def correct(told: Told) -> Messages:
    """Which step is wrong, why, and the right solution (LEMA's correction)."""
    asked = told.problem()
    tried = told.attempt(asked, wrong=True)
    said = ask("correct", prompt=render(asked), response=tried.text)
    opinion = consider(asked, tried, told.judge(0.5))
    author = replace(tried.author or Author(), held=frozenset())
    if told.name and opinion.fault is None:
        author = told.author()
    better = put_right(asked, tried.text, opinion.fault or 0, author, told.rng)
    why = f"{critique(tried.text, opinion)} {_WHY[opinion.habit]}"
    return chat(said, f"{why}\nCorrect solution:\n{better}")


def improve(told: Told) -> Messages:
    """A better solution: with a first error put right, or shorter where none is seen."""
    asked = told.problem()
    tried = told.attempt(asked)
    said = ask("improve", prompt=render(asked), response=tried.text)
    author = tried.author or Author()
    opinion = consider(asked, tried, told.judge(0.5))
    kept = replace(author, held=author.held - {opinion.habit, "pads", "slips"})
    if told.name is None:
        kept = replace(author, held=frozenset())
    if opinion.fault is None:
        return chat(said, write(asked, kept, told.rng) if opinion.right else tried.text)
    return chat(said, put_right(asked, tried.text, opinion.fault, kept, told.rng))


def worsen(told: Told) -> Messages:
    """A worse solution: with a misconception, or a small error put in."""
    asked = told.problem()
    tried = told.attempt(asked)
    said = ask("worsen", prompt=render(asked), response=tried.text)
    author = tried.author or Author()
    held = frozenset[Habit]((*MISCONCEPTIONS, *(author.held & {"pads"})))
    if told.rng.random() < 0.6:
        worse = write(asked, replace(author, held=held), told.rng)
        if worse != tried.text:
            return chat(said, worse)
    return chat(said, inject(tried.text, told.rng.choice(ERRORS), told.rng))


def inject_error(told: Told) -> Messages:
    """A right solution with a small error of the kind asked for."""
    asked = told.problem()
    author = told.author()
    solution = write(asked, Author(author.held & {"pads"}, author.style), told.rng)
    kind = told.rng.choice(ERRORS)
    said = ask("inject_error", prompt=render(asked), response=solution, kind=kind)
    refused = told.rng.random() < REFUSES
    return chat(said, solution if refused else inject(solution, kind, told.rng))


def shown(told: Messages) -> str:
    """The solution that a question shows."""
    return str(told[0]["content"]).partition("Solution:\n")[2].rpartition("\n")[0]


def _ends_right(told: Messages, said: str) -> bool:
    return solved(told, said.rpartition("Correct solution:\n")[2])


def _keeps(told: Messages, said: str) -> bool:
    """Whether all before the named step stays as it was."""
    fault = judge_steps(asked_of(told), shown(told)).first_error or 0
    return split_steps(said)[:fault] == split_steps(shown(told))[:fault]


def _has_before(told: Messages) -> bool:
    return bool(judge_steps(asked_of(told), shown(told)).first_error)


def _first_sentence(told: Messages, said: str) -> bool:
    """Whether the step and its fault are named."""
    truth = str(told[-1]["content"]).partition(".")[0]
    return said.partition(".")[0] == truth


def _was_right(told: Messages) -> bool:
    return solved(told, shown(told))


def _was_wrong(told: Messages) -> bool:
    return not _was_right(told)


LESSONS = {
    "revise": Lesson(0.05, revise),
    "revise_step": Lesson(
        0.03, revise_step, {"put right": solved, "kept before": where(_has_before, _keeps)}
    ),
    "explain_error": Lesson(0.03, explain_error, {"names it": _first_sentence, "exact": exact}),
    "correct": Lesson(0.03, correct, {"put right": _ends_right, "names it": _first_sentence}),
    "improve": Lesson(
        0.03,
        improve,
        {"put right": where(_was_wrong, solved), "kept right": where(_was_right, solved)},
    ),
    "worsen": Lesson(
        0.03, worsen, {"made wrong": where(_was_right, lambda told, said: not solved(told, said))}
    ),
    "inject_error": Lesson(0.15, inject_error),
}
