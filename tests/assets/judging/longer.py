"""A judge whose verdicts are a plain function of the texts that it is shown."""

import math
import re
from collections.abc import Sequence
from typing import Any

from engines.protocol import Choice, Engine, Generation, Rendered, Sampling
from schemas import Message

MASS = 0.75
WORDS = 9


def preferred(a: str, b: str) -> str:
    """The longer answer; of nearly equal ones the first; of equal ones neither."""
    if len(a) == len(b):
        return "C"
    return "A" if len(a) > len(b) or len(b) - len(a) < 3 else "B"


def graded(text: str) -> int:
    """The grade of an answer: its length, 5 at most."""
    return min(len(text), 5)


def first_odd(steps: Sequence[str]) -> int:
    """The first step that ends with an odd digit, from 1; 0 if there is none."""
    return next((at for at, step in enumerate(steps, 1) if step.rstrip(".")[-1] in "13579"), 0)


class Longer(Engine):
    """Prefers the longer answer, leans to one that says so without preferring it, and names the
    first step that ends with an odd digit."""

    name = "longer"
    generates = chooses = True
    revision = "1"

    def __init__(self, binding: Any) -> None:
        pass

    def render(self, messages: Sequence[Message]) -> Rendered:
        return Rendered(tuple(messages), "\n".join(each["content"] for each in messages))

    async def choose(self, prompt: Rendered, options: Sequence[Sequence[str]]) -> Choice:
        if len(options) == 5:
            grade = str(graded(*re.findall(r"<answer>\n(.*?)\n</answer", prompt.text, re.S)))
            shares = [0.96 if option[0] == grade else 0.01 for option in options]
            return Choice(tuple(map(math.log, shares)), math.log(MASS))
        answers = _answers(prompt.text)
        if any("leans" in each for each in answers):
            a, b = (0.4 if "leans" in each else 0.1 for each in answers)
            return Choice(tuple(map(math.log, (a, b, 0.5))), math.log(MASS))
        chosen = preferred(*answers)
        shares = [0.9 if option[0] == chosen else 0.05 for option in options]
        return Choice(tuple(map(math.log, shares)), math.log(MASS))

    async def generate(self, prompt: Rendered, sampling: Sampling, seed: int) -> Generation:
        if "<step number" in prompt.text:
            steps = re.findall(r"<step number=\"\d+\">\n(.*?)\n</step>", prompt.text, re.S)
            return _generation(f"First wrong step: {first_odd(steps) or 'none'}")
        answers = _answers(prompt.text)
        return _generation("Hm." if "mumble" in "".join(answers) else preferred(*answers))

    async def close(self) -> None: ...


class First(Longer):
    """Prefers what it is shown first, and finds no step wrong."""

    name = "first"

    async def choose(self, prompt: Rendered, options: Sequence[Sequence[str]]) -> Choice:
        return Choice(tuple(math.log(share) for share in (0.9, 0.05, 0.05)), math.log(MASS))

    async def generate(self, prompt: Rendered, sampling: Sampling, seed: int) -> Generation:
        return _generation("First wrong step: none")


class Wordy(Longer):
    """Writes nine tokens for a verdict, where `Longer` writes one."""

    name = "wordy"
    revision = "2"

    async def generate(self, prompt: Rendered, sampling: Sampling, seed: int) -> Generation:
        said = await super().generate(prompt, sampling, seed)
        return Generation(said.text, (1,) * WORDS, (0.0,) * WORDS, "stop")


def _answers(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"<answer [AB]>\n(.*?)\n</answer", text, re.S))


def _generation(text: str) -> Generation:
    return Generation(text, (1,), (0.0,), "stop")
