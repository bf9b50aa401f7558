"""The next steps that a model proposes for a partial answer."""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

from pydantic import Field

from engines.model import Model, SampledText
from engines.operators.rollouts import Rollouts, begun, continuation
from engines.operators.row_operator import sampling_parameters
from engines.operators.sampled import Sampled
from engines.operators.step_ends import line_ends, paragraph_ends
from engines.protocol import Sampling
from engines.rows import Prompt
from schemas import ModelDefault

Cut = Callable[[str], tuple[str, bool]]
"""Gives the first step of a continuation, and whether it is all of the continuation."""

AHEAD = 48
"""Tokens to draw for a step if the rest of the continuation is not used."""
_PLAN = re.compile(r"\s*[^:\n]*:")


@dataclass(frozen=True, slots=True)
class Proposed:
    """A proposed next step. ``share``: the share of all proposals that were this step. ``ended``:
    the answer ends with it; ``finish`` is then how it ended. ``model``, ``parameters`` and ``seed``
    are those of the first text with this step."""

    step: str
    share: float
    ended: bool
    finish: Literal["stop", "length"]
    model: str
    parameters: str
    seed: int | None


class Proposer(Sampled):
    """Draws ``n`` continuations from the model and takes their first steps. Equal steps are one
    step, whose prior is its share. A continuation without words is not a step.

    A step is a line or a paragraph (`engines.operators.step_ends`). An engine does not say whether
    a text stopped at a newline or at its end. So a full continuation is drawn and its first step is
    used. The continuations are the first rollouts of the prefix
    (`engines.operators.rollouts`): if rollouts with the same sampling value it, they are generated
    once for both. If not, ``lookahead`` tokens are drawn first (default: `AHEAD`). If these contain
    no full step and the answer did not end, the full continuation is drawn with the same seed. The
    steps are the same either way.

    ``steps: plan``: a step is a plan of the form "what to do:", up to its colon. The next step is
    the rest of the line, one only, written greedily. So siblings differ in their plans and never in
    how a plan is carried out. This applies CPL (Wang et al. 2024, arXiv:2409.08642) to answers in
    which plan and solution alternate; in the paper all plan steps come first.
    """

    n: int = Field(default=4, ge=1)
    steps: Annotated[Literal["line", "paragraph", "plan"], ModelDefault()] = "line"
    lookahead: int | None = Field(default=None, ge=1)

    def for_scorer(self, scorer: object) -> "Proposer":
        """This proposer with a lookahead, unless it has one or ``scorer`` values prefixes by
        rollouts with the same sampling (`annotators.RolloutValue`). With such rollouts, full
        continuations are generated once for both."""
        rollouts = getattr(scorer, "rollouts", None)
        shared = isinstance(rollouts, Rollouts) and rollouts.sampling == self.sampling
        if shared or self.lookahead is not None:
            return self
        return self.model_copy(update={"lookahead": AHEAD})

    async def next_steps(self, prompt: Prompt, text: str, model: Model) -> list[Proposed]:
        """The steps that may follow ``text``, in the order in which they were first drawn."""
        if self.steps == "plan" and planned(text):
            sampling = Sampling(temperature=0.0, max_tokens=self.max_tokens)
            sampled = await model.generate(
                begun(prompt.messages, text), sampling=sampling, call=f"carrying out {text}"
            )
            return merged(sampled, first_line)
        cut = _CUTS[self.steps]
        sampled = await asyncio.gather(
            *(self._continuation(prompt, text, model, number, cut) for number in range(self.n))
        )
        return merged(sampled, cut)

    async def _continuation(
        self, prompt: Prompt, text: str, model: Model, number: int, cut: Cut
    ) -> SampledText:
        """The continuation of proposal ``number``."""
        full = self.sampling
        if self.lookahead is not None and self.lookahead < self.max_tokens:
            short = replace(full, max_tokens=self.lookahead)
            sampled = await continuation(prompt, text, model, number, sampling=short)
            _, ended = cut(sampled.text)
            if sampled.finish == "stop" or not ended:
                return sampled
        return await continuation(prompt, text, model, number, sampling=full)

    def draws(self, text: str) -> int:
        """The number of continuations of ``text`` that are drawn."""
        return 1 if self.steps == "plan" and planned(text) else self.n


def planned(text: str) -> bool:
    """Whether ``text`` ends with a plan that is not carried out yet."""
    line = text.rpartition("\n")[2]
    return bool(line.strip()) and _PLAN.fullmatch(line) is not None


def first_line(text: str) -> tuple[str, bool]:
    """The first line of ``text`` with its newline, and whether it is all of ``text``. A text
    without words gives an empty step."""
    return _first(text, line_ends(text))


def first_paragraph(text: str) -> tuple[str, bool]:
    """As `first_line`, for the first paragraph."""
    return _first(text, paragraph_ends(text))


def first_plan(text: str) -> tuple[str, bool]:
    """The first line of ``text`` up to its colon, if it has one, and whether that is all of
    ``text``."""
    step, ended = first_line(text)
    plan = _PLAN.match(step)
    if plan is None:
        return step, ended
    return plan[0], ended and len(plan[0]) == len(step)


_CUTS: Mapping[str, Cut] = {
    "line": first_line,
    "paragraph": first_paragraph,
    "plan": first_plan,
}


def _first(text: str, ends: Sequence[int]) -> tuple[str, bool]:
    if len(ends) < 2:
        return (text if ends else "", True)
    return text[: ends[0]], False


def merged(sampled: Sequence[SampledText], cut: Cut) -> list[Proposed]:
    """The different first steps of ``sampled``. A step ends the answer only if it does so in every
    text that has it."""
    steps: dict[str, list[tuple[SampledText, bool]]] = {}
    for one in sampled:
        step, ended = cut(one.text)
        if step.strip():
            steps.setdefault(step, []).append((one, ended))
    return [
        Proposed(
            step,
            len(same) / len(sampled),
            all(ended for _, ended in same),
            same[0][0].finish,
            same[0][0].model,
            sampling_parameters(same[0][0].sampling),
            same[0][0].seed,
        )
        for step, same in steps.items()
    ]
