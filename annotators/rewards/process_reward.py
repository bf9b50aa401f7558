"""The reward that a trained head gives to each step of a response."""

import asyncio
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import polars as pl
from pydantic import model_validator

from annotators.probes.repeated_steps import outcome_drift, repeats
from annotators.rewards.trained_reward import TrainedReward
from engines.chat.tokenizer import tokenizing
from engines.context import Context
from engines.model import Models
from engines.operators.line_steps import line_ends
from engines.operators.scores import Score
from engines.protocol import RowError
from engines.rows import Prompt, Response
from schemas import Split, StageReport, canonical

Rule = Literal["min", "product", "mean", "last"]
NAME = "process_reward"


class ProcessReward(TrainedReward):
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

    Findings: the share of responses whose lowest reward is on the last step, which is high where a
    reward looks at outcomes and not at steps (Zhang et al. 2025, arXiv:2501.07301), and the share
    in which repeating a right step raised the aggregate (Gao et al. 2024, arXiv:2410.15115).
    """

    aggregate: Rule | None = "min"
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
    ) -> list[Score]:
        """Of each response one opinion a step, then one of the whole; or one error."""
        found = await asyncio.gather(
            *(self._opinions(prompt, response, models) for response in responses)
        )
        return [opinion for opinions in found for opinion in opinions]

    async def _opinions(self, prompt: Prompt, response: Response, models: Models) -> list[Score]:
        model = models[self.model]

        def opinion(value: float | None, **known: Any) -> Score:
            return Score(response.response_id, NAME, value, model=model.reward_revision(), **known)

        ends = self._step_ends(response, models.context)
        if not response.text.strip() or not ends:
            return [opinion(None, error="a response without words has no step")]
        try:
            rewards = await model.reward(prompt.messages, response.text, step_ends=ends)
        except RowError as error:
            return [opinion(None, error=str(error))]
        opinions = [opinion(reward, step=step) for step, reward in enumerate(rewards)]
        if self.aggregate is not None:
            parameters = canonical({"aggregate": self.aggregate})
            opinions.append(opinion(aggregated(rewards, self.aggregate), parameters=parameters))
        return opinions

    def _step_ends(self, response: Response, context: Context) -> list[int]:
        if response.steps is not None:
            return [span.end for span in response.steps]
        tokens = tokenizing(context.roles[self.model])
        return [end for end, _ in tokens.cuts(response.text, line_ends(response.text))]


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
