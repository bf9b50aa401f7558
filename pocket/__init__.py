"""A small closed world of worded problems with known truth, and small models that live in it."""

from pathlib import Path
from typing import Literal, get_args

from .authors import POPULATIONS, Author, Population, write
from .judging import JudgedStep, Judgement, check, final_answer, judge_steps, split_steps
from .problems import Split, problem, split_of
from .reasoning import MISCONCEPTIONS, Habit, Step, answer, brought_out, difficulty
from .skills import Skill, solve
from .sources import Problems
from .wording import read, render
from .world import VERSION, Event, Problem

__all__ = [
    "MISCONCEPTIONS",
    "POPULATIONS",
    "VERSION",
    "Author",
    "Checkpoint",
    "Event",
    "Habit",
    "JudgedStep",
    "Judgement",
    "Population",
    "Problem",
    "Problems",
    "Skill",
    "Split",
    "Step",
    "answer",
    "brought_out",
    "check",
    "checkpoint",
    "difficulty",
    "final_answer",
    "judge_steps",
    "problem",
    "read",
    "render",
    "solve",
    "split_of",
    "split_steps",
    "write",
]

Checkpoint = Literal["weak", "base", "strong"]


def checkpoint(name: Checkpoint) -> Path:
    """The folder of a shipped model, for `from_pretrained`. Raises ValueError for another name."""
    if name not in get_args(Checkpoint):
        raise ValueError(f"pocket ships the models weak, base and strong, not {name!r}")
    return Path(__file__).parent / "checkpoints" / name
