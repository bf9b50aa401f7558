"""What a begun answer is worth: how often a model that goes on from it ends right."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from annotators.truth.reference_check import CheckedAnnotator
from engines.checks import BoundedCheck
from engines.model import Model, Models
from engines.operators.cut_off import Cut
from engines.operators.rollouts import Adaptive, Estimate, Rollout, Rollouts
from engines.operators.row_operator import sampling_parameters
from engines.operators.scores import Score
from engines.protocol import RowError, Sampling
from engines.rows import Prompt, Response
from schemas import Findings, GeneratingRole

UNCUT = "the response is not cut into steps: put a stage {use: generators.Segment} before"


class RolloutAnnotator(CheckedAnnotator):
    """Values prefixes by up to ``k`` continuations that ``model`` draws of each and the prompt's
    check tells right from wrong (`engines.operators.rollouts`); by fewer where ``adaptive`` is
    given.

    Operators that ask for the same prefixes of the same prompts with the same sampling pay once.
    A continuation that was cut off is neither right nor wrong and counts in no value, unless
    ``cut: read``, which checks it as if it were whole.
    """

    model: GeneratingRole = "policy"
    k: int = Field(default=16, ge=1)
    temperature: float = Field(default=1.0, gt=0)
    max_tokens: int = Field(default=256, ge=1)
    adaptive: Adaptive | None = None
    cut: Cut = "refuse"

    @property
    def rollouts(self) -> Rollouts:
        """How a prefix is valued."""
        sampling = Sampling(temperature=self.temperature, max_tokens=self.max_tokens)
        return Rollouts(k=self.k, sampling=sampling, adaptive=self.adaptive, cut=self.cut)

    def findings(self, counts: Mapping[str, int]) -> Findings:
        """How many solutions were valued, and how many rollouts that took."""
        if not counts.get("solutions"):
            return {}
        return {**counts, "rollouts a solution": counts["rollouts"] / counts["solutions"]}


class RolloutValue(RolloutAnnotator):
    """Scores every prefix of a response by the share of its rollouts that end right, the estimate
    of Math-Shepherd (Wang et al. 2024, arXiv:2312.08935, section 3.2). ``raw`` has the counts, as
    "3/16".

    The value of a prefix stands at its last step; that of the prompt alone at step −1. ``steps:
    last`` values the response as far as it goes only, and takes one that is not cut: the score is
    then of the whole. A response that its author ended is checked, and not continued. Where no
    rollout can be checked, the score is an error.

    ``force`` is put after each prefix that is gone on with ("Answer: "), so that the value is that
    of the best guess so far, and not of thinking on: MRT's (Qu et al. 2025, arXiv:2503.07572),
    which ends the thinking by telling the model that its time is up.

    Findings: solutions, rollouts asked for in all, and on average (a prefix that several responses
    share counts for each).
    """

    steps: Literal["all", "last"] = "all"
    force: str = ""

    async def score(
        self, prompt: Prompt, responses: Sequence[Response], models: Models
    ) -> list[Score]:
        """Of each response one opinion a prefix, or one error."""
        told = Prefixes(
            self.rollouts, prompt, models, self.model, self.check_of(models.context, prompt.source)
        )
        scored = await asyncio.gather(*(self._told(response, told) for response in responses))
        return [opinion for opinions in scored for opinion in opinions]

    async def _told(self, response: Response, told: "Prefixes") -> list[Score]:
        if self.steps == "last":
            step = None if response.steps is None else len(response.steps) - 1
            prefixes: list[tuple[int | None, str]] = [(step, response.text)]
        elif response.steps is None:
            return [told.opinion(response, "rollout_value", None, error=UNCUT)]
        else:
            ends = [0, *(span.end for span in response.steps)]
            prefixes = [(number - 1, response.text[:end]) for number, end in enumerate(ends)]
        whole = response.text if response.finish == "stop" else None
        found = await asyncio.gather(
            *(
                told.value(prefix, ended=True)
                if prefix == whole
                else told.value(prefix + self.force)
                for _, prefix in prefixes
            )
        )
        count(told.model.counts, sum(one.asked for one in found))
        return [
            told.opinion(response, "rollout_value", one.value, step=step, raw=raw(one), of=one)
            for (step, _), one in zip(prefixes, found, strict=True)
        ]


class Prefixes:
    """The values of prefixes of one prompt's responses, each asked for once."""

    def __init__(
        self, rollouts: Rollouts, prompt: Prompt, models: Models, role: str, check: BoundedCheck
    ) -> None:
        self.model: Model = models.at(prompt.prompt_id)[role]
        self.parameters = sampling_parameters(rollouts.sampling)
        self._rollouts, self._prompt, self._check = rollouts, prompt, check
        self._asked: dict[tuple[str, bool], asyncio.Task[Estimate]] = {}

    async def value(self, prefix: str, *, ended: bool = False) -> Estimate:
        """What ``prefix`` is worth; ``ended``: it is a whole answer."""
        if (prefix, ended) not in self._asked:
            self._asked[prefix, ended] = asyncio.ensure_future(self._estimate(prefix, ended))
        return await self._asked[prefix, ended]

    async def _estimate(self, prefix: str, ended: bool) -> Estimate:
        try:
            return await self._rollouts.estimate(
                self._prompt, prefix, self.model, self._check, ended=ended
            )
        except RowError as refusal:
            # What is too long to be gone on with has no value, and the other prefixes have theirs.
            return Estimate((Rollout(prefix, None, error=f"not answered: {refusal}"),), asked=0)

    def opinion(
        self,
        response: Response,
        name: str,
        value: float | None,
        *,
        of: Estimate | None = None,
        error: str | None = None,
        **known: Any,
    ) -> Score:
        """An opinion of ``response``; ``of`` is what tells why there is no value."""
        if value is None and error is None and of is not None:
            error = of.error
        return Score(
            response.response_id,
            name,
            value,
            error=error,
            model=self.model.revision,
            parameters=self.parameters,
            **known,
        )


def raw(estimate: Estimate) -> str:
    """The counts of an estimate: how many of its rollouts were right."""
    return f"{estimate.right}/{estimate.of}"


def count(counts: Counter[str], asked: int) -> None:
    """One more solution was valued, for which ``asked`` rollouts were asked for."""
    counts["solutions"] += 1
    counts["rollouts"] += asked
