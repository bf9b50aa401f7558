"""Lessons of judges who go by a stated principle, or by what a reader wants."""

from ..asking import ask
from ..judges import Judge, consider
from ..personas import valued
from ..principles import Principle, contexts, draw_principle
from ..responses import Response
from ..wording import render
from ..world import Problem
from .lesson import Lesson, Messages, Told, chat, exact, where

_EQUAL = 0.02
"""Values that differ by less are equal."""
_LOW, _HIGH = 1, 5


def principle_pairwise(told: Told) -> Messages:
    """The better of two by a principle, or C for neither."""
    asked, a, b, judge = _two(told)
    principle = draw_principle(told.rng, told.split)
    said = ask(
        "principle_pairwise", prompt=render(asked), a=a.text, b=b.text, principle=principle.text
    )
    return chat(said, _better(asked, a, b, judge, principle))


def context_pairwise(told: Told) -> Messages:
    """The better of two for a reader, or C for neither."""
    asked, a, b, judge = _two(told)
    principle = told.rng.choice(contexts())
    said = ask("context_pairwise", prompt=render(asked), a=a.text, b=b.text, context=principle.text)
    return chat(said, _better(asked, a, b, judge, principle))


def principle_pointwise(told: Told) -> Messages:
    """A grade from 1 to 5 by a principle."""
    asked, response, _, judge = _two(told)
    principle = draw_principle(told.rng, told.split)
    said = ask(
        "principle_pointwise",
        prompt=render(asked),
        response=response.text,
        principle=principle.text,
    )
    value = worth(asked, response, judge, principle)
    return chat(said, str(_LOW + round(value * (_HIGH - _LOW))))


def worth(asked: Problem, response: Response, judge: Judge, principle: Principle) -> float:
    """What a response is worth to a judge by a principle, from 0 to 1: whether it is right is
    seen as the judge sees it, all else as it is."""
    if principle.value == "right":
        value = (consider(asked, response, judge).grade - _LOW) / (_HIGH - _LOW)
        return 1 - value if principle.negated else value
    messages = [{"role": "user", "content": render(asked)}]
    return valued(principle, messages, None, response.text)


def _two(told: Told) -> tuple[Problem, Response, Response, Judge]:
    asked = told.problem()
    return asked, told.response(asked), told.response(asked), told.judge()


def _better(asked: Problem, a: Response, b: Response, judge: Judge, principle: Principle) -> str:
    apart = worth(asked, a, judge, principle) - worth(asked, b, judge, principle)
    return "C" if abs(apart) < _EQUAL else "A" if apart > 0 else "B"


def _unequal(told: Messages) -> bool:
    return told[-1]["content"] in ("A", "B")


_FIGURES = {"right": exact, "right where one is better": where(_unequal, exact)}

LESSONS = {
    "principle_pairwise": Lesson(0.1, principle_pairwise, _FIGURES),
    "context_pairwise": Lesson(0.06, context_pairwise, _FIGURES),
    "principle_pointwise": Lesson(0.05, principle_pointwise, {"exact grade": exact}),
}
