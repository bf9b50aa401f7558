"""The reward that a trained head gives to each step of a response."""

import asyncio
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import polars as pl
from pydantic import Field, model_validator

from annotators.probes.probed import ProbedAnnotator
from annotators.probes.repeated_steps import outcome_drift, repeats
from engines.context import Context
from engines.model import Models
from engines.operators.line_steps import line_ends
from engines.operators.rebinding import bound
from engines.operators.scores import Opinion
from engines.protocol import RowError
from engines.rows import Prompt, Response
from schemas import Checkpoints, Split, StageReport, Takes, TrainedRole, canonical

if TYPE_CHECKING:
    from annotators.rewards.step_head import StepHead

Rule = Literal["min", "product", "mean", "last"]
NAME = "process_reward"


class ProcessReward(ProbedAnnotator):
    """Scores every step of a response by a process reward model, all steps in one forward pass: a
    token classification model such as `trainers.PRM` and `trainers.ValueHead` make. A reward is
    the probability that the step is right, or for a value head the value of the begun answer.

    A step's reward sees that step and what is before it, so a begun answer is scored as it will be
    as a part of the whole. ``aggregate`` makes one number of the rewards, which scores the response
    as a whole (``min``: a solution is as good as its worst step, Lightman et al. 2023,
    arXiv:2305.20050); None gives no such row.

    A response is scored by its ``steps``; one that was not cut is cut into lines, each with its
    newline, lines without words belonging to the step before, and a cut being moved on to where no
    token lies across it. Of a response without words, or longer than the model, the score is an
    error.

    ``checkpoint``: the stage that trained it; ``model`` is then the role whose device and number
    type are used. Without, the role's own weights are the process reward model. ``batch_tokens``:
    of a forward pass, padding included; solutions of many prompts share it. Rewards are not
    journaled: a run that was stopped computes them again, within rounding.

    Findings: the share of responses whose lowest reward is on the last step, which is high where a
    reward looks at outcomes and not at steps (Zhang et al. 2025, arXiv:2501.07301), and the share
    in which repeating a right step raised the aggregate (Gao et al. 2024, arXiv:2410.15115).
    """

    model: TrainedRole = "reward"
    checkpoint: Annotated[str | None, Takes(Checkpoints)] = None
    aggregate: Rule | None = "min"
    batch_tokens: int = Field(default=4096, ge=1)
    # A reward of steps has learnt nothing of answers without steps, so what it falls for is told.
    probes: Literal["block", "warn", "off"] = "warn"

    @model_validator(mode="before")
    @classmethod
    def _whole_to_be_probed(cls, given: Any) -> Any:
        if isinstance(given, Mapping) and given.get("aggregate", "min") is None:
            return {"probes": "off", **given}
        return given

    @model_validator(mode="after")
    def _probed_as_a_whole(self) -> "ProcessReward":
        if self.aggregate is None and self.probes != "off":
            raise ValueError("probes compare whole responses: say 'aggregate', or probes: off")
        return self

    @property
    def trained_by(self) -> str | None:
        """The stage that trained the reward model, if one did."""
        return self.checkpoint

    def prepared(self, tables: Mapping[str, pl.DataFrame], context: Context) -> Context:
        """The role bound to what ``checkpoint`` trained, if it is named."""
        if self.checkpoint is not None:
            return bound(context, self.model, tables[self.checkpoint], stage=self.checkpoint)
        return context

    def run(self, tables: Mapping[str, pl.DataFrame], context: Context) -> Split:
        """Scores of ``tables[self.of]``. Raises `EngineError` where there is no such model."""
        split = super().run(tables, context)
        if split.kept.is_empty():
            return split
        drift = outcome_drift(split.kept)
        if drift is not None:
            split = split.with_report(StageReport(findings={"outcome drift": drift}))
        if self.aggregate is None:
            return split
        with self.session(tables, context) as scorer:
            return split.with_report(
                repeats(
                    scorer.score,
                    tables[self.of],
                    tables[self.prompts],
                    split.kept,
                    scorer.context,
                    most=self.probe_prompts,
                )
            )

    async def score(
        self, prompt: Prompt, responses: Sequence[Response], models: Models
    ) -> list[Opinion]:
        """Of each response one opinion a step, then one of the whole; or one error."""
        head = self._head(models)
        told = await asyncio.gather(
            *(self._told(prompt, response, head, models) for response in responses)
        )
        return [opinion for opinions in told for opinion in opinions]

    async def _told(
        self, prompt: Prompt, response: Response, head: "StepHead", models: Models
    ) -> list[Opinion]:
        def opinion(value: float | None, **known: Any) -> Opinion:
            return Opinion(response.response_id, NAME, value, model=head.revision, **known)

        if response.steps is not None:
            ends = [span.end for span in response.steps]
        else:
            ends = [end for end, _ in head.tokenizing.cuts(response.text, line_ends(response.text))]
        if not response.text.strip() or not ends:
            return [opinion(None, error="a response without words has no step")]
        try:
            solution = head.solution(prompt.messages, response.text, ends)
        except RowError as error:
            return [opinion(None, error=str(error))]
        rewards = await head.rewards(solution)
        models.usage.model_calls += 1
        models.usage.tokens += len(solution.ids)
        opinions = [opinion(reward, step=step) for step, reward in enumerate(rewards)]
        if self.aggregate is not None:
            parameters = canonical({"aggregate": self.aggregate})
            opinions.append(opinion(aggregated(rewards, self.aggregate), parameters=parameters))
        return opinions

    def _head(self, models: Models) -> "StepHead":
        from annotators.rewards.step_head import StepHead

        binding = models.context.roles[self.model]
        return models.held(
            f"step head of {binding.model_dump_json()}",
            lambda: StepHead(binding, batch_tokens=self.batch_tokens),
        )


def aggregated(rewards: Sequence[float], rule: Rule) -> float:
    """One number of the rewards of a solution's steps, of which there is at least one."""
    match rule:
        case "min":
            return min(rewards)
        case "product":
            return math.prod(rewards)
        case "mean":
            return math.fsum(rewards) / len(rewards)
        case "last":
            return rewards[-1]
