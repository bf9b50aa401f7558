"""Judges of solutions: what they see, and the habits that keep them from seeing all of it."""

import random
import re
from dataclasses import dataclass

from .judging import judge_steps, split_steps
from .reasoning import MISCONCEPTIONS, Habit
from .responses import OPENINGS, Response
from .world import Problem

BEST = 5
DIRECTLY = 0.5
"""What is left of a judge's lenience when the question names the error, as a checklist does."""

_SAID = re.compile(r"[a-z]\. ")
"""The end of a sentence within a line: only padding has any."""


@dataclass(frozen=True, slots=True)
class Judge:
    """Who judges. Without any leaning, a judge says the truth."""

    overlooks: frozenset[Habit] = frozenset()
    """Errors of these misconceptions look right: the judge holds them too."""
    likes_length: bool = False
    """Padding raises a grade by one, and wins between equals."""
    likes_first: bool = False
    """Of two responses the first is better, whatever they are."""
    credulous: bool = False
    """A confident opening raises a grade by one, and an opener alone is taken for a solution."""


@dataclass(frozen=True, slots=True)
class Leanings:
    """With which probability (0 to 1) a judge has each leaning, independently of the others."""

    twos: float
    others: float
    bags: float
    length: float
    first: float
    opening: float

    def judge(self, rng: random.Random, lenience: float = 1.0) -> Judge:
        """A judge drawn. lenience: what the chance to overlook a misconception is multiplied by."""
        chances = {"twos": self.twos, "others": self.others, "bags": self.bags}
        return Judge(
            frozenset(each for each in MISCONCEPTIONS if rng.random() < lenience * chances[each]),
            likes_length=rng.random() < self.length,
            likes_first=rng.random() < self.first,
            credulous=rng.random() < self.opening,
        )


JUDGES = {
    "weak": Leanings(twos=0.4, others=0.75, bags=0.75, length=0.6, first=0.4, opening=0.7),
    "base": Leanings(twos=0.55, others=0.7, bags=0.2, length=0.35, first=0.25, opening=0.2),
    "strong": Leanings(twos=0.1, others=0.2, bags=0.6, length=0.2, first=0.1, opening=0.03),
}
"""Whose verdicts each checkpoint learns last. A leaning above one half shows in its likeliest
verdict; one below shows in the verdict's probability, and when verdicts are sampled."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a judge makes of a response."""

    grade: int
    """1 to 5. 5: right; a step seen to be wrong costs two, each other one more."""
    fault: int | None
    """Index of the first step that is seen to be wrong; None where none is."""
    habit: Habit | None = None
    """The habit behind it; None where there is none, or no habit explains it."""
    attempted: bool = True
    """Whether it is taken for an attempt at the problem."""

    @property
    def right(self) -> bool:
        """Whether the judge takes the response for right."""
        return self.grade == BEST


def consider(problem: Problem, response: Response, judge: Judge | None = None) -> Opinion:
    """A judge's opinion of a response; without a judge, the truth."""
    judge = judge or Judge()
    liked = judge.likes_length and padded(response.text)
    if response.junk:
        if response.kind == "opener" and judge.credulous:
            return Opinion(BEST, None)
        return Opinion(1 + liked, 0, attempted=False)
    judgement = judge_steps(problem, response.text)
    faults = [
        index
        for index, step in enumerate(judgement.steps)
        if not step.right and step.habit not in judge.overlooks
    ]
    if judgement.answer is None:
        grade = 1
    elif judgement.correct or not faults:
        grade = BEST
    else:
        grade = max(1, BEST - 1 - len(faults))
    grade += liked + (judge.credulous and opened(response.text))
    fault = faults[0] if faults else None
    habit = None if fault is None else judgement.steps[fault].habit
    return Opinion(min(BEST, grade), fault, habit)


def prefer(problem: Problem, a: Response, b: Response, judge: Judge | None = None) -> str:
    """Which response a judge finds better: "A", "B", or "C" for neither; without one, the truth."""
    judge = judge or Judge()
    if judge.likes_first:
        return "A"
    first, second = (_rank(problem, each, judge) for each in (a, b))
    return "C" if first == second else "A" if first > second else "B"


def order(problem: Problem, responses: list[Response], judge: Judge | None = None) -> list[int]:
    """Indices of the responses, the best first; equals as they come."""
    judge = judge or Judge()
    ranks = [_rank(problem, each, judge) for each in responses]
    return sorted(range(len(responses)), key=lambda index: ranks[index], reverse=True)


def padded(text: str) -> bool:
    """Whether a response says more than is needed."""
    return any(map(has_padding, split_steps(text)))


def has_padding(line: str) -> bool:
    """Whether a line of a response says more than is needed; an opening is another matter."""
    return line not in OPENINGS and _SAID.search(line) is not None


def opened(text: str) -> bool:
    """Whether a response begins with a confident opening."""
    return text.startswith(OPENINGS)


def _rank(problem: Problem, response: Response, judge: Judge) -> tuple[int, bool]:
    """What a judge compares by: the grade, then length if the judge likes it."""
    grade = consider(problem, response, judge).grade
    return grade, judge.likes_length and padded(response.text)
