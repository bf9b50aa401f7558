"""Lessons of programs and expressions: written, explained and repaired."""

import random
import re
from collections.abc import Callable

from ..asking import ask
from ..critiques import fault_of
from ..programs import evaluate, expression, program, run
from ..reasoning import MISCONCEPTIONS, Habit, answer, brought_out
from ..wording import render
from ..world import Problem
from .lesson import Lesson, Mark, Messages, Sampler, chat, only_where, problem_of

_FIXED = "Repaired:\n"


def write_program(sampler: Sampler) -> Messages:
    """The program of an author."""
    problem = sampler.problem()
    return chat(ask("program", prompt=render(problem)), program(problem, _misconceptions(sampler)))


def write_expression(sampler: Sampler) -> Messages:
    """The expression of an author."""
    problem = sampler.problem()
    held = _misconceptions(sampler)
    return chat(ask("expression", prompt=render(problem)), expression(problem, held))


def debug(sampler: Sampler) -> Messages:
    """Why a program prints something else than it should, and the program repaired."""
    problem, wrong, habit = _broken(sampler, program, run)
    question = ask(
        "debug", prompt=render(problem), program=wrong, printed=run(wrong), expected=answer(problem)
    )
    right = program(problem)
    lines = list(zip(wrong.splitlines(), right.splitlines(), strict=False))
    place = next((at for at, (one, other) in enumerate(lines) if one != other), 0)
    explanation = f"Line {place + 1} {fault_of(wrong.splitlines()[place], habit)}."
    return chat(question, f"{explanation} {_FIXED}{right}")


def mend_expression(sampler: Sampler) -> Messages:
    """An expression with a small error, put right."""
    problem, wrong, _ = _broken(sampler, expression, evaluate)
    return chat(
        ask("mend_expression", prompt=render(problem), expression=wrong), expression(problem)
    )


def _misconceptions(sampler: Sampler) -> frozenset[Habit]:
    return frozenset(sampler.author().held) & frozenset(MISCONCEPTIONS)


def _broken(
    sampler: Sampler, form: Callable[..., str], value: Callable[[str], int]
) -> tuple[Problem, str, Habit | None]:
    """A problem, a wrong form of it, and the misconception behind that; None for a small edit."""
    while True:
        problem = sampler.problem()
        pitfalls = sorted(brought_out(problem))
        habit = sampler.rng.choice(pitfalls) if pitfalls and sampler.rng.random() < 0.6 else None
        wrong = form(problem, frozenset({habit})) if habit else _edited(form(problem), sampler.rng)
        try:
            if value(wrong) != answer(problem):
                return problem, wrong, habit
        except ValueError:
            continue


def _edited(text: str, rng: random.Random) -> str:
    """The text with a number or a sign changed."""
    signs = list(re.finditer(r" (\+|-|\*|//) ", text))
    numbers = list(re.finditer(r"\d+", text))
    if signs and rng.random() < 0.5:
        match = rng.choice(signs)
        new = f" {rng.choice([sign for sign in ('+', '-', '*') if sign != match[1]])} "
    else:
        match = rng.choice(numbers)
        new = str(max(1, int(match[0]) + rng.choice((-2, -1, 1, 2))))
    return text[: match.start()] + new + text[match.end() :]


def _comes_to(value: Callable[[str], int], after: str = "") -> Mark:
    """Whether what stands after a mark comes to the right answer."""

    def mark(messages: Messages, text: str) -> bool:
        result = text.partition(after)[2] if after else text
        try:
            return value(result) == answer(problem_of(messages))
        except ValueError:
            return False

    return mark


def _runs(messages: Messages, text: str) -> bool:
    try:
        run(text)
    except ValueError:
        return False
    return True


def _explained(messages: Messages, text: str) -> bool:
    return text.partition(".")[0] == str(messages[-1]["content"]).partition(".")[0]


def _has_pitfall(messages: Messages) -> bool:
    return bool(brought_out(problem_of(messages)))


LESSONS = {
    "program": Lesson(
        0.03,
        write_program,
        {
            "runs": _runs,
            "right": _comes_to(run),
            "right with a pitfall": only_where(_has_pitfall, _comes_to(run)),
        },
    ),
    "expression": Lesson(0.02, write_expression, {"right": _comes_to(evaluate)}),
    "debug": Lesson(0.03, debug, {"repaired": _comes_to(run, _FIXED), "explained": _explained}),
    "mend_expression": Lesson(0.02, mend_expression, {"mended": _comes_to(evaluate)}),
}
