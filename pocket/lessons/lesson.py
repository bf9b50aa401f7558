"""What a lesson is: a chat about a problem that is drawn, with an answer that a program knows."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..authors import POPULATIONS, Author, Population, write
from ..judges import JUDGES, Judge
from ..judging import judge_steps, split_steps
from ..problems import Split, problem
from ..responses import Response, attempt, respond_to
from ..wording import read
from ..world import Problem

Message = dict[str, Any]
"""``role`` and ``content``. An assistant's may have a thought (``reasoning_content``), and
``given``: how many characters at the beginning of its content are not learned."""
Messages = list[Message]
"""A chat. The last turn is the assistant's."""


@dataclass(frozen=True, slots=True)
class Sampler:
    """Draws the problems, responses, authors and judges of a lesson.

    With the ``name`` of a checkpoint, authors are of its population and judges have its leanings.
    Without one, authors are careful and judges know the truth: a checkpoint is measured by that.
    """

    rng: random.Random
    name: str | None = None
    split: Split = "train"

    def problem(self, operations: tuple[int, int] = (2, 5)) -> Problem:
        """A problem of the split."""
        return problem(self.rng.getrandbits(48), 0, split=self.split, operations=operations)

    def response(self, problem: Problem) -> Response:
        """A response to a problem, well or badly."""
        return respond_to(problem, self.rng, self.split)

    def attempt(self, problem: Problem, *, wrong: bool = False) -> Response:
        """An attempt of any author; a wrong one if asked for."""
        while True:
            tried = attempt(problem, self.rng)
            if not wrong or not judge_steps(problem, tried.text).correct:
                return tried

    def judge(self, lenience: float = 1.0) -> Judge:
        """Who judges. lenience: what a chance to overlook a misconception is multiplied by."""
        return JUDGES[self.name].judge(self.rng, lenience) if self.name else Judge()

    def author(self, *, careful: float = 1.0) -> Author:
        """Who writes. careful: what is left of the chance of each misconception."""
        if self.name is None:
            return Author(style=self.rng.choice(("plain", "we")))
        return more_careful(POPULATIONS[self.name], careful).author(self.rng)

    def solution(self, problem: Problem, *, careful: float = 1.0) -> str:
        """What an author writes."""
        return write(problem, self.author(careful=careful), self.rng)


def more_careful(population: Population, careful: float) -> Population:
    """The population with the chance of each misconception times ``careful``."""
    return Population(
        twos=careful * population.twos,
        others=careful * population.others,
        bags=careful * population.bags,
        slips=population.slips,
        pads=population.pads,
    )


Tell = Callable[[Sampler], Messages]
Mark = Callable[[Messages, str], bool | None]
"""Whether an answer to a chat of the truth is right; None where it does not count."""


def exact(chat: Messages, text: str) -> bool:
    """Whether the answer is the truth, word for word."""
    return bool(text.strip() == chat[-1]["content"])


def solved(chat: Messages, text: str) -> bool:
    """Whether the answer solves the problem of the chat."""
    return judge_steps(problem_of(chat), text).correct


def only_where(counts: Callable[[Messages], bool], mark: Mark) -> Mark:
    """A mark of those chats alone for which ``counts``."""
    return lambda chat, text: mark(chat, text) if counts(chat) else None


@dataclass(frozen=True, slots=True)
class Lesson:
    """A skill: its chats, and how answers are marked."""

    share: float
    """Of the mixture, relative to the others."""
    tell: Tell
    marks: dict[str, Mark] = field(default_factory=dict)
    """By figure. Without any, the skill is measured by `pocket.appraisal`."""


def chat(*turns: str) -> Messages:
    """Turns of the user and the assistant, one after the other."""
    roles = ("user", "assistant")
    return [{"role": roles[place % 2], "content": content} for place, content in enumerate(turns)]


def problem_of(chat: Messages) -> Problem:
    """The first problem that a line of a chat words. Raises ValueError if none does."""
    lines = (
        line.partition("Problem: ")[2] or line
        for turn in chat
        for line in split_steps(turn["content"])
    )
    problem = next(filter(None, map(read, lines)), None)
    if problem is None:
        raise ValueError("the chat words no problem of the pocket world")
    return problem
