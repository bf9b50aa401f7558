"""How an answer that was begun may go on by one step."""

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from engines.model import Model, SampledText
from engines.operators.line_steps import line_ends
from engines.operators.rollouts import Rollouts, begun, continuation
from engines.operators.row_operator import sampling_parameters
from engines.protocol import Sampling
from engines.rows import Prompt

Cut = Callable[[str], tuple[str, bool]]
"""From a continuation to its first step, and whether that is all of it."""

AHEAD = 48
"""Tokens that are drawn for a step at first, where nobody uses what comes after it."""
_PLAN = re.compile(r"\s*[^:\n]*:")


@dataclass(frozen=True, slots=True)
class Proposed:
    """A next step. ``share``: of all proposals, those that were this one. ``ended``: the answer
    ends with it; ``finish`` is then how. ``model``, ``parameters`` and ``seed`` are those of the
    first text that it was taken from."""

    step: str
    share: float
    ended: bool
    finish: Literal["stop", "length"]
    model: str
    parameters: str
    seed: int | None


class Proposer(BaseModel):
    """``n`` next steps drawn from the model; equal ones are one, which has their share for its
    prior, and what says nothing is none.

    A step is a line with its newline (`engines.operators.line_steps`). Engines do not tell whether
    a text stopped at a newline or had come to its end, so more than the line is drawn, and the
    first line used. What is drawn are the prefix's first rollouts (`engines.operators.rollouts`),
    whole: where rollouts with the same sampling value it, they are paid for once. Where nothing
    does, ``lookahead`` (left out: `AHEAD`) is the number of tokens that are drawn at first; a text
    that has no whole step then, and did not come to its end, is drawn again whole, from the same
    seed. The steps are the same.

    ``steps: plan``: a step is a plan of the form "what to do:", up to its colon, and then what
    carries it out, the rest of the line, of which there is one, written greedily. So siblings
    differ in what they plan and never in how it is carried out. This is how CPL (Wang et al. 2024,
    arXiv:2409.08642) is read where plan and solution are not written apart: there all plan steps
    come first and the solution after them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    n: int = Field(default=4, ge=1)
    steps: Literal["line", "plan"] = "line"
    temperature: float = Field(default=1.0, ge=0)
    max_tokens: int = Field(default=256, ge=1)
    lookahead: int | None = Field(default=None, ge=1)

    def beside(self, scorer: object) -> "Proposer":
        """This proposer where ``scorer`` values the steps: it draws whole texts only if that draws
        rollouts with the same sampling, as `annotators.RolloutValue` does."""
        rollouts = getattr(scorer, "rollouts", None)
        shared = isinstance(rollouts, Rollouts) and rollouts.sampling == self._whole
        if shared or self.lookahead is not None:
            return self
        return self.model_copy(update={"lookahead": AHEAD})

    async def next_steps(self, prompt: Prompt, text: str, model: Model) -> list[Proposed]:
        """The steps that may follow ``text``, the first drawn first."""
        if self.steps == "plan" and planned(text):
            sampling = Sampling(temperature=0.0, max_tokens=self.max_tokens)
            written = await model.generate(
                begun(prompt.messages, text), sampling=sampling, call=f"carrying out {text}"
            )
            return merged(written, first_line)
        cut = first_plan if self.steps == "plan" else first_line
        written = await asyncio.gather(
            *(self._written(prompt, text, model, number, cut) for number in range(self.n))
        )
        return merged(written, cut)

    async def _written(
        self, prompt: Prompt, text: str, model: Model, number: int, cut: Cut
    ) -> SampledText:
        """The continuation that proposal ``number`` is taken from."""
        whole = self._whole
        if self.lookahead is not None and self.lookahead < self.max_tokens:
            short = replace(whole, max_tokens=self.lookahead)
            written = await continuation(prompt, text, model, number, sampling=short)
            _, ended = cut(written.text)
            if written.finish == "stop" or not ended:
                return written
        return await continuation(prompt, text, model, number, sampling=whole)

    @property
    def _whole(self) -> Sampling:
        return Sampling(temperature=self.temperature, max_tokens=self.max_tokens)

    def drawn(self, text: str) -> int:
        """How many continuations of ``text`` are drawn."""
        return 1 if self.steps == "plan" and planned(text) else self.n


def planned(text: str) -> bool:
    """Whether ``text`` ends with a plan that is yet to be carried out."""
    line = text.rpartition("\n")[2]
    return bool(line.strip()) and _PLAN.fullmatch(line) is not None


def first_line(text: str) -> tuple[str, bool]:
    """The first line of ``text`` with its newline, and whether it is all of it. A text without
    words is no step."""
    ends = line_ends(text)
    if len(ends) < 2:
        return (text if ends else "", True)
    return text[: ends[0]], False


def first_plan(text: str) -> tuple[str, bool]:
    """The first line of ``text`` up to its colon, if it has one, and whether that is all."""
    step, ended = first_line(text)
    found = _PLAN.match(step)
    if found is None:
        return step, ended
    return found[0], ended and len(found[0]) == len(step)


def merged(written: Sequence[SampledText], cut: Cut) -> list[Proposed]:
    """The different steps that ``written`` begin with. One with which some ended and others did not
    is gone on with."""
    steps: dict[str, list[tuple[SampledText, bool]]] = {}
    for one in written:
        step, ended = cut(one.text)
        if step.strip():
            steps.setdefault(step, []).append((one, ended))
    return [
        Proposed(
            step,
            len(same) / len(written),
            all(ended for _, ended in same),
            same[0][0].finish,
            same[0][0].model,
            sampling_parameters(same[0][0].sampling),
            same[0][0].seed,
        )
        for step, same in steps.items()
    ]
