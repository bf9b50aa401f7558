"""The value of a partial answer: how often continuations of it end right."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from annotators.truth.reference_check import CheckedAnnotator
from engines.checks import BoundedCheck
from engines.model import Model, Models
from engines.operators.cut_off import Cut
from engines.operators.rollouts import Adaptive, Estimate, Rollout, Rollouts
from engines.operators.row_operator import sampling_parameters
from engines.operators.sampled import Varied
from engines.operators.scores import Score
from engines.protocol import RowError
from engines.rows import Prompt, Response
from schemas import Findings, GeneratingRole, ModelDefault, Truth

FORCE = "\n\nTime is up. Without further thought, the final answer is:"
"""The words before a forced answer, for a model whose profile has none."""
UNCUT = "the response is not cut into steps: put a stage {use: generators.Segment} before"


class RolloutAnnotator(Varied, CheckedAnnotator):
    """Base class: values prefixes by up to ``k`` continuations of ``model``, which the prompt's
    check marks as right or wrong (`engines.operators.rollouts`). With ``adaptive``, fewer may be
    drawn.

    Operators that value the same prefixes of the same prompts with the same sampling share the
    rollouts. A continuation that was cut off is neither right nor wrong and does not count, unless
    ``cut: read``, which checks it as if it were complete.
    """

    model: GeneratingRole = "policy"
    k: int = Field(default=16, ge=1)
    adaptive: Adaptive | None = None
    cut: Cut = "refuse"

    def needs_truth(self) -> Truth | None:
        return "rollouts"

    @property
    def rollouts(self) -> Rollouts:
        """How a prefix is valued."""
        return Rollouts(k=self.k, sampling=self.sampling, adaptive=self.adaptive, cut=self.cut)

    def findings(self, counts: Mapping[str, int]) -> Findings:
        """The number of valued solutions and of rollouts."""
        if not counts.get("solutions"):
            return {}
        return {**counts, "rollouts a solution": counts["rollouts"] / counts["solutions"]}


class RolloutValue(RolloutAnnotator):
    """Scores every prefix of a response by the share of its rollouts that end right: the estimate
    of Math-Shepherd (Wang et al. 2024, arXiv:2312.08935, section 3.2). ``raw`` has the counts, such
    as "3/16".

    The value of a prefix is the score of its last step; that of the prompt alone has step −1.
    ``steps: last`` values only the whole response, which needs no steps then. A finished response
    is checked and not continued. If no rollout can be checked, the score is an error.

    ``force`` is added after each prefix that is continued ("Answer: "). The value is then that of
    the best guess so far and not of further thinking: MRT (Qu et al. 2025, arXiv:2503.07572), which
    ends the thinking by telling the model that its time is up. ``forced`` does so with the words of
    the model's profile, or else general ones. A forced continuation is an answer alone, so
    ``max_tokens`` is the model's ``reply_tokens`` by default.

    Findings: the number of solutions, of rollouts, and of rollouts per solution (a prefix that
    several responses share counts for each).
    """

    steps: Literal["all", "last"] = "all"
    forced: bool = False
    force: Annotated[str, ModelDefault()] = Field(
        default_factory=lambda given: FORCE if given.get("forced") else ""
    )

    def model_defaults(self) -> dict[str, str]:
        """Only a forced answer has words before it."""
        names = super().model_defaults()
        if self.forced:
            return names | {"max_tokens": "reply_tokens"}
        del names["force"]
        return names

    async def score(
        self, prompt: Prompt, responses: Sequence[Response], models: Models
    ) -> list[Score]:
        """For each response one score per prefix, or one error."""
        values = Prefixes(
            self.rollouts, prompt, models, self.model, self.check_of(models.context, prompt.source)
        )
        scored = await asyncio.gather(*(self._scores(response, values) for response in responses))
        return [opinion for opinions in scored for opinion in opinions]

    async def _scores(self, response: Response, values: "Prefixes") -> list[Score]:
        if self.steps == "last":
            step = None if response.steps is None else len(response.steps) - 1
            prefixes: list[tuple[int | None, str]] = [(step, response.text)]
        elif response.steps is None:
            return [values.opinion(response, "rollout_value", None, error=UNCUT)]
        else:
            ends = [0, *(span.end for span in response.steps)]
            prefixes = [(number - 1, response.text[:end]) for number, end in enumerate(ends)]
        finished = response.text if response.finish == "stop" else None
        estimates = await asyncio.gather(
            *(
                values.value(prefix, ended=True)
                if prefix == finished
                else values.value(prefix + self.force)
                for _, prefix in prefixes
            )
        )
        count(values.model.counts, sum(one.generated for one in estimates))
        return [
            values.opinion(response, "rollout_value", one.value, step=step, raw=raw(one), of=one)
            for (step, _), one in zip(prefixes, estimates, strict=True)
        ]


class Prefixes:
    """The values of the prefixes of one prompt's responses. Each is computed once."""

    def __init__(
        self, rollouts: Rollouts, prompt: Prompt, models: Models, role: str, check: BoundedCheck
    ) -> None:
        self.model: Model = models.at(prompt.prompt_id)[role]
        self.parameters = sampling_parameters(rollouts.sampling)
        self._rollouts, self._prompt, self._check = rollouts, prompt, check
        self._tasks: dict[tuple[str, bool], asyncio.Task[Estimate]] = {}

    async def value(self, prefix: str, *, ended: bool = False) -> Estimate:
        """The value of ``prefix``. ``ended``: it is a finished answer."""
        if (prefix, ended) not in self._tasks:
            self._tasks[prefix, ended] = asyncio.ensure_future(self._estimate(prefix, ended))
        return await self._tasks[prefix, ended]

    async def _estimate(self, prefix: str, ended: bool) -> Estimate:
        try:
            return await self._rollouts.estimate(
                self._prompt, prefix, self.model, self._check, ended=ended
            )
        except RowError as refusal:
            # A prefix that is too long to continue has no value; the other prefixes keep theirs.
            return Estimate((Rollout(prefix, None, error=f"not answered: {refusal}"),), generated=0)

    def opinion(
        self,
        response: Response,
        name: str,
        value: float | None,
        *,
        of: Estimate | None = None,
        error: str | None = None,
        **fields: Any,
    ) -> Score:
        """A score of ``response``. If there is no ``value``, the error is ``error`` or that of the
        estimate ``of``."""
        if value is None and error is None and of is not None:
            error = of.error
        return Score(
            response.response_id,
            name,
            value,
            error=error,
            model=self.model.revision,
            parameters=self.parameters,
            **fields,
        )


def raw(estimate: Estimate) -> str:
    """The counts of an estimate: right rollouts / checked rollouts."""
    return f"{estimate.right}/{estimate.of}"


def count(counts: Counter[str], rollouts: int) -> None:
    """Count one more solution, and the rollouts that it needed."""
    counts["solutions"] += 1
    counts["rollouts"] += rollouts
