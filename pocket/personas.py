"""Simulated annotators: what each values is a known function of a response's text.

A value is a function ``(messages, reference, text) -> float`` in [0, 1], higher is better; a taste
is a function ``(messages, reference, text, other) -> float``, the share of a win of ``text`` over
``other``, so it may be cyclic. ``annotators.Simulated`` takes both by their import path
(`pocket.personas.short`), with noise; so it does any function of yours.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from .judges import has_padding, opened
from .judging import JudgedStep, in_steps, judge_steps, split_steps
from .principles import Principle, context_of
from .reasoning import difficulty
from .wording import read
from .world import Problem

Messages = Sequence[Mapping[str, str]]
Value = Callable[[Messages, str | None, str], float]
Persona = TypeVar("Persona", bound=Callable[..., object])

_USUAL = 40
"""Words of a usual solution: `short` gives it one half."""
_MANY = 4
"""Steps of a usual solution: `many_steps` gives it one half."""
_COMPUTES = re.compile(r"\d+ [-+x/] \d+ = \d+")
_WE = re.compile(r"\bWe (?:count|add|take|double|halve)\b")


def _of_this_world(persona: Persona) -> Persona:
    """Says whose problems, or whose wording, an annotator reads; the others read any text."""
    persona.world = "pocket.check"  # type: ignore[attr-defined]  # as `pocket.check` has `steps`
    return persona


@_of_this_world
def right(messages: Messages, reference: str | None, text: str) -> float:
    """1 if the final answer is right, else 0. Raises ValueError for a prompt of another world."""
    return float(judge_steps(_problem(messages), text).correct)


def short(messages: Messages, reference: str | None, text: str) -> float:
    """Falls with the number of words: 1 for none, 1/2 for `_USUAL`."""
    return _USUAL / (_USUAL + len(text.split()))


@_of_this_world
def worked_out(messages: Messages, reference: str | None, text: str) -> float:
    """Share of the problem's operations for which the text computes something, at most 1."""
    return min(1.0, _computed(text) / difficulty(_problem(messages)))


@_of_this_world
def many_steps(messages: Messages, reference: str | None, text: str) -> float:
    """Rises with the number of computing lines: 0 for none, 1/2 for `_MANY`."""
    steps = _computed(text)
    return steps / (_MANY + steps)


@_of_this_world
def plain(messages: Messages, reference: str | None, text: str) -> float:
    """1 if no step speaks of "we", else 0."""
    return float(_WE.search(text) is None)


@_of_this_world
def unpadded(messages: Messages, reference: str | None, text: str) -> float:
    """Share of lines that say no more than is needed; 1 for an empty text."""
    lines = split_steps(text)
    return 1 - sum(map(has_padding, lines)) / len(lines) if lines else 1.0


@_of_this_world
def modest(messages: Messages, reference: str | None, text: str) -> float:
    """0 for a text that begins with a confident opening, else 1."""
    return float(not opened(text))


@_of_this_world
def in_context(messages: Messages, reference: str | None, text: str) -> float:
    """What a context line of the prompt asks for (`pocket.principles`), else `right`."""
    stated = (context_of(turn["content"]) for turn in messages if turn["role"] != "assistant")
    principle = next(filter(None, stated), None)
    return valued(principle or Principle("right", ""), messages, reference, text)


def valued(principle: Principle, messages: Messages, reference: str | None, text: str) -> float:
    """The value that a principle names, or 1 less it where the principle is negated."""
    value = VALUES[principle.value](messages, reference, text)
    return 1 - value if principle.negated else value


@_of_this_world
def cyclic(messages: Messages, reference: str | None, text: str, other: str) -> float:
    """A taste without a best: padded beats "we", "we" beats plain, plain beats padded.

    1 if ``text`` wins over ``other``, 0 if it loses, 1/2 if both are of one manner.
    """
    return {0: 0.5, 1: 1.0, 2: 0.0}[(_manner(other) - _manner(text)) % 3]


def _manner(text: str) -> int:
    """0: padded, 1: "we", 2: plain."""
    return 0 if any(map(has_padding, split_steps(text))) else 1 if _WE.search(text) else 2


@_of_this_world
def counts_own(
    messages: Messages, reference: str | None, steps: Sequence[str]
) -> list[bool | None]:
    """Of each step, whether it counts nothing that belongs to somebody else."""
    return _labelled(messages, steps, lambda step: step.habit != "others")


@_of_this_world
def computes(messages: Messages, reference: str | None, steps: Sequence[str]) -> list[bool | None]:
    """Of each step, whether it computes rightly what it says, whatever it counts."""
    return _labelled(messages, steps, lambda step: step.right or step.habit == "others")


@_of_this_world
def needed(messages: Messages, reference: str | None, steps: Sequence[str]) -> list[bool | None]:
    """Of each step, whether it says no more than is needed."""
    return _labelled(messages, steps, lambda step: not has_padding(step.text))


def _labelled(
    messages: Messages, steps: Sequence[str], free: Callable[[JudgedStep], bool]
) -> list[bool | None]:
    lines = judge_steps(_problem(messages), "".join(steps)).steps
    return in_steps(steps, [free(line) for line in lines])


VALUES: dict[str, Value] = {
    "right": right,
    "short": short,
    "worked_out": worked_out,
    "many_steps": many_steps,
    "plain": plain,
    "unpadded": unpadded,
    "modest": modest,
}
"""Each value by its name."""


def _computed(text: str) -> int:
    return sum(_COMPUTES.search(line) is not None for line in split_steps(text))


def _problem(messages: Messages) -> Problem:
    """The problem that the last line of a user's turn words."""
    turns = (turn["content"].splitlines() for turn in messages if turn["role"] == "user")
    problem = next(filter(None, (read(lines[-1]) for lines in turns if lines)), None)
    if problem is None:
        raise ValueError("the prompt words no problem of the pocket world")
    return problem
