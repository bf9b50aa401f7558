"""A small closed world of worded problems with known truth, and small models that live in it."""

from pathlib import Path
from typing import Literal, get_args

from .asking import TEMPLATES, ask
from .authors import POPULATIONS, Author, Population, write
from .checklists import checklist, meets
from .critiques import critique, pleased
from .edits import Error, inject
from .judges import JUDGES, Judge, Leanings, Opinion, consider, order, prefer
from .judging import JudgedStep, Judgement, check, final_answer, judge_steps, split_steps
from .problems import Split, problem, split_of
from .reasoning import MISCONCEPTIONS, Habit, Step, answer, brought_out, difficulty
from .responses import Response
from .skills import Skill, skills, solve
from .sources import Problems, Twins
from .wording import read, render
from .world import VERSION, Event, Problem

__all__ = [
    "JUDGES",
    "MISCONCEPTIONS",
    "POPULATIONS",
    "TEMPLATES",
    "VERSION",
    "Author",
    "Checkpoint",
    "Error",
    "Event",
    "Habit",
    "Judge",
    "JudgedStep",
    "Judgement",
    "Leanings",
    "Opinion",
    "Population",
    "Problem",
    "Problems",
    "Response",
    "Skill",
    "Split",
    "Step",
    "Twins",
    "answer",
    "ask",
    "brought_out",
    "check",
    "checklist",
    "checkpoint",
    "consider",
    "critique",
    "difficulty",
    "final_answer",
    "inject",
    "judge_steps",
    "meets",
    "order",
    "pleased",
    "prefer",
    "problem",
    "read",
    "render",
    "skills",
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
