"""The lessons of each skill other than solving: a chat, and what its answer should be.

A lesson for `weak`, `base` or `strong` draws its author from the authors of that checkpoint, and
its judge from the judges. Without a name, and with held-out problems, a lesson measures a
checkpoint. Each lesson has the name of the template that asks for it; `think`
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
from .lesson import Lesson, Messages, Sampler

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

__all__ = ["LESSONS", "Lesson", "Messages", "Sampler"]
