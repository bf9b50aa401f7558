"""Checklists: what a solution of a problem must do, item by item."""

from .judges import Judge
from .judging import judge_steps
from .reasoning import Habit, brought_out
from .responses import Response
from .world import Problem

ITEMS: dict[Habit, str] = {
    "others": "Does it count only what belongs to the owner?",
    "bags": "Does it multiply bags by items?",
    "twos": "Does it double and halve by two?",
    "slips": "Is each sum correct?",
}
"""A question for each habit that makes errors."""
ANSWERED = "Does it have an answer?"
MOST = 4
"""Most items of a checklist."""


def checklist(problem: Problem, judge: Judge | None = None) -> list[str]:
    """2 to 4 items that fit a problem. A judge does not ask for what it would overlook."""
    judge = judge or Judge()
    pitfalls = brought_out(problem) - judge.overlooks
    items = [item for habit, item in ITEMS.items() if habit in pitfalls or habit == "slips"]
    return [*items, ANSWERED][:MOST]


def meets(problem: Problem, response: Response, item: str, judge: Judge | None = None) -> bool:
    """Whether a judge says yes to an item; without a judge, the truth.

    Junk meets no item. What the problem does not ask for, an attempt does not get wrong.
    Raises KeyError for an item that is none of the world's.
    """
    judge = judge or Judge()
    if response.junk:
        return response.kind == "opener" and judge.credulous
    judgement = judge_steps(problem, response.text)
    if item == ANSWERED:
        return judgement.answer is not None
    asks = {text: habit for habit, text in ITEMS.items()}[item]
    return asks in judge.overlooks or all(step.habit != asks for step in judgement.steps)
