"""How often a checkpoint's answers to true, held-out lessons are marked right, with intervals."""

import random
from collections.abc import Callable
from math import sqrt

from .lessons import LESSONS, Messages, Sampler

SEED = 3_000_000
_Z = 1.96

SpeakChats = Callable[[list[Messages]], list[str]]
"""A checkpoint: what it says next in each chat."""
Figure = tuple[float, float, float, int]
"""A share of cases, the ends of its 95 % interval, and the number of cases."""


def wilson(right: int, cases: int) -> Figure:
    """Wilson's score interval of a share (Wilson 1927)."""
    if not cases:
        return 0.0, 0.0, 1.0, 0
    share = right / cases
    spread = _Z**2 / cases
    middle = (share + spread / 2) / (1 + spread)
    half = _Z / (1 + spread) * sqrt(share * (1 - share) / cases + spread / 4 / cases)
    return round(share, 3), round(max(0, middle - half), 3), round(min(1, middle + half), 3), cases


def mark_lessons(speak: SpeakChats, cases: int) -> dict[str, dict[str, Figure]]:
    """The figures of each skill whose lesson says how it is marked."""
    figures: dict[str, dict[str, Figure]] = {}
    for name, lesson in LESSONS.items():
        if not lesson.marks:
            continue
        rng = random.Random(f"{name} {SEED}")
        chats = [lesson.tell(Sampler(rng, split="held_out")) for _ in range(cases)]
        replies = speak(chats)
        figures[name] = {}
        for figure, mark in lesson.marks.items():
            marked = [mark(chat, text) for chat, text in zip(chats, replies, strict=True)]
            counted = [right for right in marked if right is not None]
            figures[name][figure] = wilson(sum(counted), len(counted))
    return figures
