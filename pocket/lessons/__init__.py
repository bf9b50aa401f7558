"""What each skill beside solving sounds like: a chat, and what its answer should be.

A lesson is told in the name of `weak`, `base` or `strong`: who writes is drawn from that population
of authors, and who judges from those judges. Told in nobody's name, of held-out problems, it is
what a checkpoint is measured by. Each lesson has the name of the template that asks for it; `think`
has none, for it answers a plain problem where the chat template opens a thought.
"""

from . import (
    conditions,
    inventing,
    judging,
    principled,
    programming,
    retrying,
    revising,
    thinking,
    tools,
)
from .lesson import Lesson, Messages, Told

LESSONS: dict[str, Lesson] = {
    **judging.LESSONS,
    **principled.LESSONS,
    **revising.LESSONS,
    **retrying.LESSONS,
    **conditions.LESSONS,
    **thinking.LESSONS,
    **programming.LESSONS,
    **tools.LESSONS,
    **inventing.LESSONS,
}
"""Every skill by name, with its share of the mixture relative to the others."""

__all__ = ["LESSONS", "Lesson", "Messages", "Told"]
