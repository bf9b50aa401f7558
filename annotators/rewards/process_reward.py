"""Rewards of the steps of a response, by a trained head."""

import asyncio
import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import polars as pl
from pydantic import model_validator

from annotators.probes.repeated_steps import outcome_drift, repeats
from annotators.rewards.trained_reward import TrainedReward
from engines.chat.tokenizer import tokenizing
from engines.context import Context
from engines.model import Models
from engines.operators.scores import Score
from engines.operators.step_ends import Steps, step_ends
from engines.protocol import RowError
from engines.rows import Prompt, Response
from schemas import ModelDefault, StageReport, canonical

Rule = Literal["min", "product", "mean", "last"]
NAME = "process_reward"


class ProcessReward(TrainedReward):
    """Scores every step of a response by a process reward model, all steps in one forward pass. The
    model is a token classification model as trained by `trainers.PRM` and `trainers.ValueHead`. A
    reward is the probability that the step is right or, for a value head, the value of the partial
    answer.

    The reward of a step depends only on that step and what comes before it, so a partial answer has
    the same rewards as in the complete one. ``aggregate`` combines the rewards into the score of
    the whole response (``min``: a solution is as good as its worst step, Lightman et al. 2023,
    arXiv:2305.20050); None gives no such score.

    The steps are those of the response. A response without steps is cut into ``steps``, by default
    as the profile of ``model`` says (`engines.operators.step_ends`). A cut inside a token moves to
    its end. The score is an error for a response without words or longer than the model's limit.

    Findings: the share of responses whose lowest reward is on the last step, which is high if the
    reward follows the outcome and not the steps (Zhang et al. 2025, arXiv:2501.07301); and how
    often repeating a right step raised the aggregate (Gao et al. 2024, arXiv:2410.15115).
    """

    steps: Annotated[Steps, ModelDefault()] = "line"
    aggregate: Rule | None = "min"
    # Such a model was not trained on answers without steps, so failed probes are only reported.
    probes: Literal["block", "warn", "off"] = "warn"

    @model_validator(mode="before")
    @classmethod
    def _no_probes_without_aggregate(cls, fields: Any) -> Any:
        if isinstance(fields, Mapping) and fields.get("aggregate", "min") is None:
            return {"probes": "off", **fields}
        return fields

    @model_validator(mode="after")
    def _aggregate_for_probes(self) -> "ProcessReward":
        if self.aggregate is None and self.probes != "off":
            raise ValueError("probes compare whole responses: set 'aggregate', or probes: off")
        return self

    def conclusions(
        self, tables: Mapping[str, pl.DataFrame], kept: pl.DataFrame, context: Context
    ) -> StageReport:
        """The results of the probes, and the findings about steps."""
        report = super().conclusions(tables, kept, context)
        if kept.is_empty():
            return report
        drift = outcome_drift(kept)
        if drift is not None:
            report += StageReport(findings={"outcome drift": drift})
        if self.aggregate is None:
            return report
        with self.session(tables, context) as scorer:
            return report + repeats(
                scorer.score,
                tables[self.of],
                tables[self.prompts],
                kept,
                scorer.context,
                most=self.probe_prompts,
            )

    async def score(
        self, prompt: Prompt, responses: Sequence[Response], models: Models
    ) -> list[Score]:
        """For each response one score per step, then one of the whole; or one error."""
        all_scores = await asyncio.gather(
            *(self._scores(prompt, response, models) for response in responses)
        )
        return [score for scores in all_scores for score in scores]

    async def _scores(self, prompt: Prompt, response: Response, models: Models) -> list[Score]:
        model = models.about(response.response_id)[self.model]

        def score(value: float | None, **fields: Any) -> Score:
            return Score(response.response_id, NAME, value, model=model.reward_revision(), **fields)

        if response.turns is not None:
            return [score(None, error="a transcript is several turns, and its steps are not known")]
        ends = self._step_ends(response, models.context)
        if not response.text.strip() or not ends:
            return [score(None, error="a response without words has no step")]
        try:
            rewards = await model.reward(prompt.messages, response.text, step_ends=ends)
        except RowError as error:
            return [score(None, error=str(error))]
        scores = [score(reward, step=step) for step, reward in enumerate(rewards)]
        if self.aggregate is not None:
            parameters = canonical({"aggregate": self.aggregate})
            scores.append(score(aggregated(rewards, self.aggregate), parameters=parameters))
        return scores

    def _step_ends(self, response: Response, context: Context) -> list[int]:
        if response.steps is not None:
            return [span.end for span in response.steps]
        tokens = tokenizing(context.roles[self.model])
        return [end for end, _ in tokens.cuts(response.text, step_ends(response.text, self.steps))]


def aggregated(rewards: Sequence[float], rule: Rule) -> float:
    """The rewards of a solution's steps (at least one) as one number."""
    match rule:
        case "min":
            return min(rewards)
        case "product":
            return math.prod(rewards)
        case "mean":
            return math.fsum(rewards) / len(rewards)
        case "last":
            return rewards[-1]
