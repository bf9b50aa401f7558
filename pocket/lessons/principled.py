"""Lessons of judges who go by a stated principle, or by what a reader wants."""

from ..asking import ask
from ..judges import Judge, consider
from ..personas import valued
from ..principles import Principle, contexts, draw_principle
from ..responses import Response
from ..wording import render
from ..world import Problem
from .lesson import Lesson, Messages, Sampler, chat, exact, only_where

_EQUAL = 0.02
"""Values that differ by less are equal."""
_LOW, _HIGH = 1, 5


def principle_pairwise(sampler: Sampler) -> Messages:
    """The better of two by a principle, or C for neither."""
    problem, a, b, judge = _two(sampler)
    principle = draw_principle(sampler.rng, sampler.split)
    question = ask(
        "principle_pairwise", prompt=render(problem), a=a.text, b=b.text, principle=principle.text
    )
    return chat(question, _better(problem, a, b, judge, principle))


def context_pairwise(sampler: Sampler) -> Messages:
    """The better of two for a reader, or C for neither."""
    problem, a, b, judge = _two(sampler)
    principle = sampler.rng.choice(contexts())
    question = ask(
        "context_pairwise", prompt=render(problem), a=a.text, b=b.text, context=principle.text
    )
    return chat(question, _better(problem, a, b, judge, principle))


def principle_pointwise(sampler: Sampler) -> Messages:
    """A grade from 1 to 5 by a principle."""
    problem, response, _, judge = _two(sampler)
    principle = draw_principle(sampler.rng, sampler.split)
    question = ask(
        "principle_pointwise",
        prompt=render(problem),
        response=response.text,
        principle=principle.text,
    )
    value = worth(problem, response, judge, principle)
    return chat(question, str(_LOW + round(value * (_HIGH - _LOW))))


def worth(problem: Problem, response: Response, judge: Judge, principle: Principle) -> float:
    """What a response is worth to a judge by a principle, from 0 to 1: whether it is right is
    seen as the judge sees it, all else as it is."""
    if principle.value == "right":
        value = (consider(problem, response, judge).grade - _LOW) / (_HIGH - _LOW)
        return 1 - value if principle.negated else value
    messages = [{"role": "user", "content": render(problem)}]
    return valued(principle, messages, None, response.text)


def _two(sampler: Sampler) -> tuple[Problem, Response, Response, Judge]:
    problem = sampler.problem()
    return problem, sampler.response(problem), sampler.response(problem), sampler.judge()


def _better(problem: Problem, a: Response, b: Response, judge: Judge, principle: Principle) -> str:
    difference = worth(problem, a, judge, principle) - worth(problem, b, judge, principle)
    return "C" if abs(difference) < _EQUAL else "A" if difference > 0 else "B"


def _unequal(messages: Messages) -> bool:
    return messages[-1]["content"] in ("A", "B")


_FIGURES = {"right": exact, "right where one is better": only_where(_unequal, exact)}

LESSONS = {
    "principle_pairwise": Lesson(0.1, principle_pairwise, _FIGURES),
    "context_pairwise": Lesson(0.06, context_pairwise, _FIGURES),
    "principle_pointwise": Lesson(0.05, principle_pointwise, {"exact grade": exact}),
}
