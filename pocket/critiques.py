"""What judges say: critiques of a solution, and what a user answers to it."""

import random

from .judges import Opinion
from .judging import split_steps
from .reasoning import Habit

PLEASED = ("Thank you, that is right.", "That makes sense, thank you.")
"""What users say to a response that they take for right."""
DISPLEASED = "That is not right."
"""What they say to any other, where they do not say what is wrong with it."""

_COMPLAINTS: dict[Habit, str] = {
    "others": "You counted what belongs to others.",
    "slips": "Please check your sums.",
}
_NOT_DONE = "You did not do what the problem says."
_VAGUE = 0.3


def critique(text: str, opinion: Opinion) -> str:
    """A sentence on the first step of a response that a judge takes for wrong."""
    if not opinion.attempted:
        return "It does not solve the problem."
    if opinion.fault is None:
        return "No step is wrong." if opinion.right else "It has no answer."
    line = split_steps(text)[opinion.fault]
    return f"Step {opinion.fault + 1} {fault_of(line, opinion.habit)}."


def follow_up(opinion: Opinion, rng: random.Random) -> str:
    """What a user who holds the opinion says next."""
    if opinion.right:
        return rng.choice(PLEASED)
    return DISPLEASED if rng.random() < _VAGUE else complaint(opinion)


def complaint(opinion: Opinion) -> str:
    """The complaint of a user who names what is wrong, as far as that can be named."""
    if not opinion.attempted or opinion.fault is None:
        return DISPLEASED
    return _COMPLAINTS.get(opinion.habit, _NOT_DONE) if opinion.habit else _NOT_DONE


def pleased(text: str) -> bool:
    """Whether a user's turn says that the response is right."""
    return text.strip() in PLEASED


def fault_of(line: str, habit: Habit | None) -> str:
    """What is wrong with a line, as far as the habit behind it says."""
    match habit:
        case "twos" if " + " in line:
            return "adds two where it should double"
        case "twos":
            return "takes away two where it should halve"
        case "others":
            return "counts what belongs to others"
        case "bags":
            return "adds the bags where it should multiply"
        case "slips":
            return "has a wrong sum"
        case _:
            return "does not do what the problem says"
