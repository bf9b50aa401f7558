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
from .lesson import Lesson, Messages, Told, asked_of, chat, solved, where

CRITERIA = (
    "Count only what belongs to the owner and work out each step rightly.",
    "Count only what belongs to the owner, and do each step as the problem says.",
    "The answer should be correct: each step right, and only what belongs to the owner.",
)
"""What to say before a problem for fewer misconceptions; the first is the one that is said most."""
CAREFULNESS = 0.35
"""What is left of a misconception's probability where a criterion was given."""
UNKNOWN = "I do not know."
DOUBT = 0.3
"""An author declines a problem that its population solves more rarely than this."""

_WORDS = {0: "0.0", 1: "0.2", 2: "0.4", 3: "0.6", 4: "0.8", 5: "1.0"}


def with_criteria(told: Told) -> Messages:
    """A solution by an author who was told what counts."""
    asked = told.problem()
    criteria = told.rng.choices(CRITERIA, (3, 1, 1))[0]
    said = ask("with_criteria", prompt=render(asked), criteria=criteria, exemplars=[])
    return chat(said, told.solution(asked, careful=CAREFULNESS))


def decline(told: Told) -> Messages:
    """A solution, or none where the population rarely solves such a problem."""
    asked = told.problem((2, 8))
    said = ask("decline", prompt=render(asked))
    doubtful = told.name and chance(POPULATIONS[told.name], asked) < DOUBT
    return chat(said, UNKNOWN if doubtful else told.solution(asked))


def conditioned(told: Told) -> Messages:
    """A solution that is what a tag before the problem asks for."""
    asked = told.problem()
    tag, author = told.rng.choice(_TAGS)(told.rng)
    if tag.startswith("score "):
        tag, text = _graded(asked, told.rng)
    else:
        text = write(asked, author, told.rng)
    return chat(ask("conditioned", prompt=render(asked), condition=tag), text)


def chance(population: Population, asked: Problem) -> float:
    """How often authors of a population solve a problem, but for slips."""
    held: dict[Habit, float] = {
        "twos": population.twos,
        "others": population.others,
        "bags": population.bags,
    }
    return prod(1 - held[habit] for habit in brought_out(asked))


def _score(rng: random.Random) -> tuple[str, Author]:
    return "score ", Author()


def _graded(asked: Problem, rng: random.Random) -> tuple[str, str]:
    """The grade of a solution drawn, as the tag that asks for it."""
    text = write(asked, rng.choice((Author(), POPULATIONS["weak"].author(rng))), rng)
    return f"score {consider(asked, Response(text)).grade}", text


def _source(rng: random.Random) -> tuple[str, Author]:
    """The class of whoever wrote it."""
    name = rng.choice(("expert", "novice"))
    return f"source {name}", POPULATIONS["strong" if name == "expert" else "weak"].author(rng)


def _right(rng: random.Random) -> tuple[str, Author]:
    """Right, or wrong by all misconceptions."""
    wanted = rng.choice(("right", "wrong"))
    held = frozenset[Habit]() if wanted == "right" else frozenset[Habit](("twos", "others", "bags"))
    return wanted, Author(held, rng.choice(("plain", "we")))


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


def tag_of(told: Messages) -> str:
    """The tag of a chat's first turn."""
    return str(told[0]["content"]).partition("]")[0].removeprefix("[")


def _asks(*tags: str) -> Callable[[Messages], bool]:
    return lambda told: tag_of(told).startswith(tags)


def _plainly_right_or_wrong(told: Messages) -> bool:
    return tag_of(told) in ("right", "wrong") or tag_of(told).startswith("correct")


def _graded_so(told: Messages, said: str) -> bool:
    return f"score {consider(asked_of(told), Response(said)).grade}" == tag_of(told)


def _right_as_asked(told: Messages, said: str) -> bool:
    wanted = judge_steps(asked_of(told), told[-1]["content"]).correct
    return judge_steps(asked_of(told), said).correct == wanted


def _padded_as_asked(told: Messages, said: str) -> bool:
    return padded(said) == tag_of(told).endswith("verbose 4")


LESSONS = {
    "with_criteria": Lesson(0.03, with_criteria),
    "decline": Lesson(
        0.03,
        decline,
        {
            "answered": lambda told, said: said.strip() != UNKNOWN,
            "right where answered": lambda told, said: (
                None if said.strip() == UNKNOWN else solved(told, said)
            ),
        },
    ),
    "conditioned": Lesson(
        0.06,
        conditioned,
        {
            "grade asked for": where(_asks("score"), _graded_so),
            "right or wrong as asked": where(_plainly_right_or_wrong, _right_as_asked),
            "padded as asked": where(_asks("correct"), _padded_as_asked),
        },
    ),
}
