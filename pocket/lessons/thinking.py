"""Lessons of long thoughts, plans and citations."""

import random
import re
from dataclasses import replace

from ..asking import ask
from ..authors import Author, write
from ..critiques import critique
from ..edits import put_right
from ..judges import consider
from ..judging import split_steps
from ..reasoning import Habit, operations, start, work
from ..responses import Response
from ..wording import render
from ..world import Problem
from .lesson import Lesson, Messages, Told, asked_of, chat, exact, solved

WORDS = (60, 130)
"""Fewest and most words of a thought: 200 to 400 tokens."""

_PLANNED = re.compile(r"\d+\. (.*)\.")
_CITED = re.compile(r"(\d+)\. By ([\d and]+): (.*)")


def think(told: Told) -> Messages:
    """A thought of tries, checks and going back, then the solution it ends with."""
    asked = told.problem()
    thought, solution = think_through(told, asked)
    said = chat(render(asked), solution)
    said[-1]["reasoning_content"] = thought
    return said


def think_through(told: Told, asked: Problem) -> tuple[str, str]:
    """The thought and the solution.

    An episode is a try and a check of it; a step that the check finds wrong is gone back to. What
    is right is checked again, sum by sum or by another try, until the thought is long enough.
    """
    rng = told.rng
    wanted = rng.randint(*WORDS)
    author = told.author() if told.name else rng.choice((Author(), Author(frozenset({"twos"}))))
    author = replace(author, held=author.held - {"pads"})
    said = ["Let me try."]
    solution = write(asked, author, rng)
    tries = 0
    while True:
        tries += 1
        said.append(solution)
        opinion = consider(asked, Response(solution), told.judge(0.6))
        if opinion.fault is not None and tries < 5:
            said.append(f"Check: {_lower(critique(solution, opinion))} Wait, I go back.")
            gone: frozenset[Habit] = frozenset({opinion.habit} if opinion.habit else ())
            author = replace(author, held=author.held - gone)
            solution = put_right(asked, solution, opinion.fault, author, rng)
            continue
        said.append("Check: no step is wrong.")
        said += _sums(solution)
        if (tries > 1 and len(" ".join(said).split()) >= wanted) or tries >= 5:
            return "\n".join([*said, "I am done."]), solution
        said.append("Let me try again in another way.")
        author = replace(author, style="we" if author.style == "plain" else "plain")
        solution = write(asked, replace(author, held=author.held - {"slips"}), rng)


def episodes(thought: str) -> list[str]:
    """The solutions that a thought tries, in turn."""
    tried: list[list[str]] = [[]]
    for line in split_steps(thought):
        if "=" in line or line.startswith("Answer:"):
            if not line.startswith("Sum "):
                tried[-1].append(line)
        elif tried[-1]:
            tried.append([])
    return ["\n".join(lines) for lines in tried if lines]


def plan(told: Told) -> Messages:
    """What is to be done, line by line, then the solution that does it."""
    asked = told.problem()
    author = told.author()
    solution = write(asked, replace(author, held=author.held - {"pads"}), told.rng)
    said = ask("plan", prompt=render(asked))
    return chat(said, f"Plan:\n{_numbered(_labels(solution))}\nSolution:\n{solution}")


def cite(told: Told) -> Messages:
    """The sentences of the problem numbered, and steps that cite them and each other."""
    asked = told.problem()
    premises, steps, result = cited(asked, told.author().held)
    lines = [
        *(f"{place}. {text}" for place, text in enumerate(premises, 1)),
        *(f"{number}. By {_and(by)}: {text}" for number, by, text in steps),
        f"Answer: {result}",
    ]
    return chat(ask("cite", prompt=render(asked)), "\n".join(lines))


def check_step(told: Told) -> Messages:
    """Whether a step follows from the statements it cites, which are all that is shown."""
    asked = told.problem()
    tried = told.attempt(asked).author or Author()
    held = told.rng.choice((frozenset[Habit](), tried.held))
    premises, steps, _ = cited(asked, held)
    _, by, text = told.rng.choice(steps)
    known = dict(enumerate(premises, 1))
    known |= {place: line for place, _, line in steps}
    right = {(cites, line) for _, cites, line in cited(asked, frozenset())[1]}
    follows = (by, text) in right
    if follows and told.rng.random() < 0.3:
        head, _, total = text.rstrip(".").rpartition(" = ")
        text = f"{head} = {max(1, int(total) + told.rng.choice((-10, -2, -1, 1, 2, 10)))}."
        follows = False
    said = ask("check_step", statements=[known[place] for place in by], step=text)
    return chat(said, "yes" if follows else "no")


Cited = tuple[int, tuple[int, ...], str]
"""The number of a step, what it cites, and its equation."""


def cited(asked: Problem, held: frozenset[Habit]) -> tuple[list[str], list[Cited], int]:
    """The sentences of a problem; the steps of an author who holds habits; and the result."""
    premises = re.split(r"(?<=[.]) ", render(asked))[:-1]
    number, value, packed, steps = len(premises), 1, 0, list[Cited]()
    result = start(asked).value
    for step in work(operations(asked), start(asked), held):
        number += 1
        event = step.operation.event + 1
        by = (event,) if step.operation.does == "pack" else (value, event)
        if step.operation.does == "together":
            by = (value, packed)
        if step.operation.does == "pack":
            packed = number
        if step.operation.does != "pack" or step.operation.event == 0:
            value = number
        text = f"{step.left} {step.sign} {step.right} = {step.result}."
        steps.append((number, tuple(sorted({*by})), text))
        result = step.after.value
    return premises, steps, result


def _sums(solution: str) -> list[str]:
    found = re.findall(r"\d+ [-+x/] \d+ = \d+", solution)
    return [f"Sum {place}: {each} is right." for place, each in enumerate(found, 1)]


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def _and(by: tuple[int, ...]) -> str:
    return " and ".join(map(str, by))


def _labels(solution: str) -> list[str]:
    return [line.partition(":")[0] for line in split_steps(solution)[:-1]]


def _numbered(lines: list[str]) -> str:
    return "\n".join(f"{place}. {line}." for place, line in enumerate(lines, 1))


def _planned_right(told: Messages, said: str) -> bool:
    """Whether the plan is a careful author's, in one of the two styles."""
    asked, made = asked_of(told), _PLANNED.findall(said.partition("Solution:")[0])
    careful = [write(asked, Author(style=style), random.Random()) for style in ("plain", "we")]
    return made in [_labels(solution) for solution in careful]


def _carried_out(told: Messages, said: str) -> bool:
    """Whether the solution does what the plan says."""
    planned, _, solution = said.partition("Solution:\n")
    steps = _PLANNED.findall(planned)
    return bool(steps) and steps == _labels(solution)


def _cites_right(told: Messages, said: str) -> bool:
    """Whether each step cites what it follows from, and no step is missing."""
    _, steps, _ = cited(asked_of(told), frozenset())
    found = [
        (int(number), tuple(map(int, by.split(" and "))) if by[-1].isdigit() else (), text)
        for number, by, text in _CITED.findall(said)
    ]
    return found == steps


LESSONS = {
    "think": Lesson(0.06, think, {"right": solved}),
    "plan": Lesson(
        0.03, plan, {"right": solved, "plan right": _planned_right, "as planned": _carried_out}
    ),
    "cite": Lesson(0.03, cite, {"right": solved, "cites right": _cites_right}),
    "check_step": Lesson(0.03, check_step, {"right": exact}),
}
