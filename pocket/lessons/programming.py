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
from .lesson import Lesson, Mark, Messages, Told, asked_of, chat, where

_FIXED = "Repaired:\n"


def write_program(told: Told) -> Messages:
    """The program of an author."""
    asked = told.problem()
    return chat(ask("program", prompt=render(asked)), program(asked, _held(told)))


def write_expression(told: Told) -> Messages:
    """The expression of an author."""
    asked = told.problem()
    return chat(ask("expression", prompt=render(asked)), expression(asked, _held(told)))


def debug(told: Told) -> Messages:
    """Why a program prints something else than it should, and the program repaired."""
    asked, wrong, habit = _broken(told, program, run)
    said = ask(
        "debug", prompt=render(asked), program=wrong, printed=run(wrong), expected=answer(asked)
    )
    right = program(asked)
    lines = list(zip(wrong.splitlines(), right.splitlines(), strict=False))
    place = next((at for at, (one, other) in enumerate(lines) if one != other), 0)
    why = f"Line {place + 1} {fault_of(wrong.splitlines()[place], habit)}."
    return chat(said, f"{why} {_FIXED}{right}")


def mend_expression(told: Told) -> Messages:
    """An expression with a small error, put right."""
    asked, wrong, _ = _broken(told, expression, evaluate)
    return chat(ask("mend_expression", prompt=render(asked), expression=wrong), expression(asked))


def _held(told: Told) -> frozenset[Habit]:
    return frozenset(told.author().held) & frozenset(MISCONCEPTIONS)


def _broken(
    told: Told, form: Callable[..., str], value: Callable[[str], int]
) -> tuple[Problem, str, Habit | None]:
    """A problem, a wrong form of it, and the misconception behind that; None for a small edit."""
    while True:
        asked = told.problem()
        pitfalls = sorted(brought_out(asked))
        habit = told.rng.choice(pitfalls) if pitfalls and told.rng.random() < 0.6 else None
        wrong = form(asked, frozenset({habit})) if habit else _edited(form(asked), told.rng)
        try:
            if value(wrong) != answer(asked):
                return asked, wrong, habit
        except ValueError:
            continue


def _edited(text: str, rng: random.Random) -> str:
    """The text with a number or a sign changed."""
    signs = list(re.finditer(r" (\+|-|\*|//) ", text))
    numbers = list(re.finditer(r"\d+", text))
    if signs and rng.random() < 0.5:
        found = rng.choice(signs)
        new = f" {rng.choice([sign for sign in ('+', '-', '*') if sign != found[1]])} "
    else:
        found = rng.choice(numbers)
        new = str(max(1, int(found[0]) + rng.choice((-2, -1, 1, 2))))
    return text[: found.start()] + new + text[found.end() :]


def _comes_to(value: Callable[[str], int], after: str = "") -> Mark:
    """Whether what stands after a mark comes to the right answer."""

    def mark(told: Messages, said: str) -> bool:
        text = said.partition(after)[2] if after else said
        try:
            return value(text) == answer(asked_of(told))
        except ValueError:
            return False

    return mark


def _runs(told: Messages, said: str) -> bool:
    try:
        run(said)
    except ValueError:
        return False
    return True


def _explained(told: Messages, said: str) -> bool:
    return said.partition(".")[0] == str(told[-1]["content"]).partition(".")[0]


def _has_pitfall(told: Messages) -> bool:
    return bool(brought_out(asked_of(told)))


LESSONS = {
    "program": Lesson(
        0.03,
        write_program,
        {
            "runs": _runs,
            "right": _comes_to(run),
            "right with a pitfall": where(_has_pitfall, _comes_to(run)),
        },
    ),
    "expression": Lesson(0.02, write_expression, {"right": _comes_to(evaluate)}),
    "debug": Lesson(0.03, debug, {"repaired": _comes_to(run, _FIXED), "explained": _explained}),
    "mend_expression": Lesson(0.02, mend_expression, {"mended": _comes_to(evaluate)}),
}
