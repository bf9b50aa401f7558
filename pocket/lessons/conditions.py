"""Lessons of answers to conditions: a criterion, a tag before the problem, leave to decline."""

import random
from collections.abc import Callable
from math import prod

from ..asking import ask
from ..authors import POPULATIONS, Author, Population, write
from ..judges import consider, padded
from ..judging import judge_steps
from ..reasoning import Habit, brought_out
from ..responses import Response
from ..wording import render
from ..world import Problem
from .lesson import Lesson, Messages, Sampler, chat, only_where, problem_of, solved

CRITERIA = (
    "Count only what belongs to the owner and work out each step rightly.",
    "Count only what belongs to the owner, and do each step as the problem says.",
    "The answer should be correct: each step right, and only what belongs to the owner.",
)
"""Sentences before a problem for fewer misconceptions. The first is the most frequent."""
CAREFULNESS = 0.35
"""What is left of a misconception's probability where a criterion was given."""
UNKNOWN = "I do not know."
DOUBT = 0.3
"""An author declines a problem that its population solves more rarely than this."""

_WORDS = {0: "0.0", 1: "0.2", 2: "0.4", 3: "0.6", 4: "0.8", 5: "1.0"}


def with_criteria(sampler: Sampler) -> Messages:
    """A solution by an author who knows the criteria."""
    problem = sampler.problem()
    criteria = sampler.rng.choices(CRITERIA, (3, 1, 1))[0]
    question = ask("with_criteria", prompt=render(problem), criteria=criteria, exemplars=[])
    return chat(question, sampler.solution(problem, careful=CAREFULNESS))


def decline(sampler: Sampler) -> Messages:
    """A solution, or none where the population rarely solves such a problem."""
    problem = sampler.problem((2, 8))
    question = ask("decline", prompt=render(problem))
    doubtful = sampler.name and chance(POPULATIONS[sampler.name], problem) < DOUBT
    return chat(question, UNKNOWN if doubtful else sampler.solution(problem))


def conditioned(sampler: Sampler) -> Messages:
    """A solution that is what a tag before the problem asks for."""
    problem = sampler.problem()
    tag, author = sampler.rng.choice(_TAGS)(sampler.rng)
    if tag.startswith("score "):
        tag, text = _graded(problem, sampler.rng)
    else:
        text = write(problem, author, sampler.rng)
    return chat(ask("conditioned", prompt=render(problem), condition=tag), text)


def chance(population: Population, problem: Problem) -> float:
    """How often authors of a population solve a problem, but for slips."""
    held: dict[Habit, float] = {
        "twos": population.twos,
        "others": population.others,
        "bags": population.bags,
    }
    return prod(1 - held[habit] for habit in brought_out(problem))


def _score(rng: random.Random) -> tuple[str, Author]:
    return "score ", Author()


def _graded(problem: Problem, rng: random.Random) -> tuple[str, str]:
    """The grade of a solution drawn, as the tag that asks for it."""
    text = write(problem, rng.choice((Author(), POPULATIONS["weak"].author(rng))), rng)
    return f"score {consider(problem, Response(text)).grade}", text


def _source(rng: random.Random) -> tuple[str, Author]:
    """The class of whoever wrote it."""
    name = rng.choice(("expert", "novice"))
    return f"source {name}", POPULATIONS["strong" if name == "expert" else "weak"].author(rng)


def _right(rng: random.Random) -> tuple[str, Author]:
    """Right, or wrong by all misconceptions."""
    tag = rng.choice(("right", "wrong"))
    held = frozenset[Habit]() if tag == "right" else frozenset[Habit](("twos", "others", "bags"))
    return tag, Author(held, rng.choice(("plain", "we")))


def _direction(rng: random.Random) -> tuple[str, Author]:
    """How much right and short weigh: each misconception and the padding are as rare."""
    right, short = rng.randint(0, 5), rng.randint(0, 5)
    chances: dict[Habit, float] = {
        "twos": 1 - right / 5,
        "others": 1 - right / 5,
        "bags": 1 - right / 5,
        "pads": 1 - short / 5,
    }
    held = frozenset(habit for habit, one in chances.items() if rng.random() < one)
    return f"right {_WORDS[right]} short {_WORDS[short]}", Author(held)


def _attributes(rng: random.Random) -> tuple[str, Author]:
    """Helpfulness, style and length, each as it is."""
    right, we, long = (rng.random() < 0.5 for _ in range(3))
    held = frozenset[Habit](() if right else ("twos", "others", "bags"))
    held |= frozenset[Habit](("pads",) if long else ())
    tag = f"correct {4 if right else 0} together {4 if we else 0} verbose {4 if long else 0}"
    return tag, Author(held, "we" if we else "plain")


_TAGS: tuple[Callable[[random.Random], tuple[str, Author]], ...] = (
    _score,
    _source,
    _right,
    _direction,
    _attributes,
)


def tag_of(messages: Messages) -> str:
    """The tag of a chat's first turn."""
    return str(messages[0]["content"]).partition("]")[0].removeprefix("[")


def _asks(*tags: str) -> Callable[[Messages], bool]:
    return lambda messages: tag_of(messages).startswith(tags)


def _plainly_right_or_wrong(messages: Messages) -> bool:
    return tag_of(messages) in ("right", "wrong") or tag_of(messages).startswith("correct")


def _graded_so(messages: Messages, text: str) -> bool:
    return f"score {consider(problem_of(messages), Response(text)).grade}" == tag_of(messages)


def _right_as_asked(messages: Messages, text: str) -> bool:
    expected = judge_steps(problem_of(messages), messages[-1]["content"]).correct
    return judge_steps(problem_of(messages), text).correct == expected


def _padded_as_asked(messages: Messages, text: str) -> bool:
    return padded(text) == tag_of(messages).endswith("verbose 4")


LESSONS = {
    "with_criteria": Lesson(0.03, with_criteria),
    "decline": Lesson(
        0.03,
        decline,
        {
            "answered": lambda messages, text: text.strip() != UNKNOWN,
            "right where answered": lambda messages, text: (
                None if text.strip() == UNKNOWN else solved(messages, text)
            ),
        },
    ),
    "conditioned": Lesson(
        0.06,
        conditioned,
        {
            "grade asked for": only_where(_asks("score"), _graded_so),
            "right or wrong as asked": only_where(_plainly_right_or_wrong, _right_as_asked),
            "padded as asked": only_where(_asks("correct"), _padded_as_asked),
        },
    ),
}
