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
from .lesson import Lesson, Messages, Sampler, chat, exact, problem_of, solved

WORDS = (60, 130)
"""Fewest and most words of a thought: 200 to 400 tokens."""

_PLANNED = re.compile(r"\d+\. (.*)\.")
_CITED = re.compile(r"(\d+)\. By ([\d and]+): (.*)")


def think(sampler: Sampler) -> Messages:
    """A thought of tries, checks and going back, then the solution it ends with."""
    problem = sampler.problem()
    thought, solution = think_through(sampler, problem)
    turns = chat(render(problem), solution)
    turns[-1]["reasoning_content"] = thought
    return turns


def think_through(sampler: Sampler, problem: Problem) -> tuple[str, str]:
    """The thought and the solution.

    An episode is a try and a check of it; a step that the check finds wrong is gone back to. What
    is right is checked again, sum by sum or by another try, until the thought is long enough.
    """
    rng = sampler.rng
    length = rng.randint(*WORDS)
    author = (
        sampler.author() if sampler.name else rng.choice((Author(), Author(frozenset({"twos"}))))
    )
    author = replace(author, held=author.held - {"pads"})
    thought = ["Let me try."]
    solution = write(problem, author, rng)
    tries = 0
    while True:
        tries += 1
        thought.append(solution)
        opinion = consider(problem, Response(solution), sampler.judge(0.6))
        if opinion.fault is not None and tries < 5:
            thought.append(f"Check: {_lower(critique(solution, opinion))} Wait, I go back.")
            mended: frozenset[Habit] = frozenset({opinion.habit} if opinion.habit else ())
            author = replace(author, held=author.held - mended)
            solution = put_right(problem, solution, opinion.fault, author, rng)
            continue
        thought.append("Check: no step is wrong.")
        thought += _sums(solution)
        if (tries > 1 and len(" ".join(thought).split()) >= length) or tries >= 5:
            return "\n".join([*thought, "I am done."]), solution
        thought.append("Let me try again in another way.")
        author = replace(author, style="we" if author.style == "plain" else "plain")
        solution = write(problem, replace(author, held=author.held - {"slips"}), rng)


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


def plan(sampler: Sampler) -> Messages:
    """What is to be done, line by line, then the solution that does it."""
    problem = sampler.problem()
    author = sampler.author()
    solution = write(problem, replace(author, held=author.held - {"pads"}), sampler.rng)
    question = ask("plan", prompt=render(problem))
    return chat(question, f"Plan:\n{_numbered(_labels(solution))}\nSolution:\n{solution}")


def cite(sampler: Sampler) -> Messages:
    """The sentences of the problem numbered, and steps that cite them and each other."""
    problem = sampler.problem()
    premises, steps, result = cited(problem, sampler.author().held)
    lines = [
        *(f"{place}. {text}" for place, text in enumerate(premises, 1)),
        *(f"{number}. By {_and(by)}: {text}" for number, by, text in steps),
        f"Answer: {result}",
    ]
    return chat(ask("cite", prompt=render(problem)), "\n".join(lines))


def check_step(sampler: Sampler) -> Messages:
    """Whether a step follows from the statements it cites, which are all that is shown."""
    problem = sampler.problem()
    tried = sampler.attempt(problem).author or Author()
    held = sampler.rng.choice((frozenset[Habit](), tried.held))
    premises, steps, _ = cited(problem, held)
    _, by, text = sampler.rng.choice(steps)
    statements = dict(enumerate(premises, 1))
    statements |= {place: line for place, _, line in steps}
    right = {(cites, line) for _, cites, line in cited(problem, frozenset())[1]}
    follows = (by, text) in right
    if follows and sampler.rng.random() < 0.3:
        head, _, total = text.rstrip(".").rpartition(" = ")
        text = f"{head} = {max(1, int(total) + sampler.rng.choice((-10, -2, -1, 1, 2, 10)))}."
        follows = False
    question = ask("check_step", statements=[statements[place] for place in by], step=text)
    return chat(question, "yes" if follows else "no")


Cited = tuple[int, tuple[int, ...], str]
"""The number of a step, what it cites, and its equation."""


def cited(problem: Problem, held: frozenset[Habit]) -> tuple[list[str], list[Cited], int]:
    """The sentences of a problem; the steps of an author who holds habits; and the result."""
    premises = re.split(r"(?<=[.]) ", render(problem))[:-1]
    number, value, packed, steps = len(premises), 1, 0, list[Cited]()
    result = start(problem).value
    for step in work(operations(problem), start(problem), held):
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
    sums = re.findall(r"\d+ [-+x/] \d+ = \d+", solution)
    return [f"Sum {place}: {each} is right." for place, each in enumerate(sums, 1)]


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def _and(by: tuple[int, ...]) -> str:
    return " and ".join(map(str, by))


def _labels(solution: str) -> list[str]:
    return [line.partition(":")[0] for line in split_steps(solution)[:-1]]


def _numbered(lines: list[str]) -> str:
    return "\n".join(f"{place}. {line}." for place, line in enumerate(lines, 1))


def _planned_right(messages: Messages, text: str) -> bool:
    """Whether the plan is a careful author's, in one of the two styles."""
    problem, planned = problem_of(messages), _PLANNED.findall(text.partition("Solution:")[0])
    careful = [write(problem, Author(style=style), random.Random()) for style in ("plain", "we")]
    return planned in [_labels(solution) for solution in careful]


def _carried_out(messages: Messages, text: str) -> bool:
    """Whether the solution does what the plan says."""
    planned, _, solution = text.partition("Solution:\n")
    steps = _PLANNED.findall(planned)
    return bool(steps) and steps == _labels(solution)


def _cites_right(messages: Messages, text_: str) -> bool:
    """Whether each step cites what it follows from, and no step is missing."""
    _, steps, _ = cited(problem_of(messages), frozenset())
    cited_steps = [
        (int(number), tuple(map(int, by.split(" and "))) if by[-1].isdigit() else (), text)
        for number, by, text in _CITED.findall(text_)
    ]
    return cited_steps == steps


LESSONS = {
    "think": Lesson(0.06, think, {"right": solved}),
    "plan": Lesson(
        0.03, plan, {"right": solved, "plan right": _planned_right, "as planned": _carried_out}
    ),
    "cite": Lesson(0.03, cite, {"right": solved, "cites right": _cites_right}),
    "check_step": Lesson(0.03, check_step, {"right": exact}),
}
