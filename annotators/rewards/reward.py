"""The reward of each response, by a trained head."""

import asyncio
from collections.abc import Mapping, Sequence
from math import fsum
from typing import Literal

from pydantic import Field

from annotators.rewards.trained_reward import TrainedReward
from engines.model import Models
from engines.operators.scores import Score
from engines.protocol import Dropout, EngineError, RowError
from engines.reward_heads import of_heads
from engines.rows import Prompt, Response
from engines.runtime.seeds import sample_seed
from engines.weights import reward_outputs
from schemas import canonical


class Reward(TrainedReward):
    """Scores a response by a reward model: a sequence classification model with one label, or with
    several heads, as `trainers.RewardModel` trains it. The unit is the model's (nats of preference,
    for that trainer). A response that was cut off is read at its last token, without the end of the
    turn that it does not have. A transcript is read at the end of the assistant's last turn.

    Of a model with several heads, each is an annotator: ``reward/head-0`` and so on. The score is
    the mean of the head's distribution, and ``raw`` has its variance, in JSON. ``head: surest``
    gives the score of the head with the lowest variance alone, which may be another one for each
    response: the nominal reward of Yan et al. 2024 (arXiv:2409.15360).

    Of a model of attributes (`trainers.AttributeRegression`), each is an annotator by its name:
    ``reward/correctness``. With ``weights``, the one reward is their weighted sum, in which an
    attribute that is not named counts nothing and one may count against a response; ``raw`` has the
    attributes, in JSON. Which count is a choice (Wang et al. 2024, HelpSteer2, arXiv:2406.08673).

    With ``passes`` above 1, each response has so many scores, ``reward/pass-0`` and so on, each
    with another dropout mask. ``dropout`` is the share of the values that leave each feed-forward
    layer and enter the head that is set to 0; the rest is scaled up, and the mask is the same at
    every token. The spread of the scores shows how certain the model is (Gal & Ghahramani 2016,
    arXiv:1506.02142, and 1512.05287 for one mask per sequence). A mask depends on the run's seed,
    the prompt and the pass, so both sides of a pair have the same mask. Such passes run in this
    process, whatever the engine of the role is, so the role needs weights.
    """

    head: Literal["each", "surest"] = "each"
    weights: Mapping[str, float] = Field(default_factory=dict)
    passes: int = Field(default=1, ge=1)
    dropout: float = Field(default=0.1, gt=0, lt=1)

    async def score(
        self, prompt: Prompt, responses: Sequence[Response], models: Models
    ) -> list[Score]:
        """One score per response, pass and head. A response that is too long for the model has an
        error."""
        outputs = reward_outputs(models.context.roles[self.model])
        each_scores = await asyncio.gather(
            *(
                self._scores(prompt, response, number, models, outputs)
                for number in range(self.passes)
                for response in responses
            )
        )
        return [score for scores in each_scores for score in scores]

    async def _scores(
        self,
        prompt: Prompt,
        response: Response,
        number: int,
        models: Models,
        outputs: Sequence[str],
    ) -> list[Score]:
        name, dropout = "reward", None
        if self.passes > 1:
            name = f"reward/pass-{number}"
            seed = sample_seed(models.context.seed, prompt.prompt_id, name, number)
            dropout = Dropout(self.dropout, seed)
        model = models.about(response.response_id)[self.model]
        error = None
        read: list[tuple[str, float | None, str | None]] = [(name, None, None)]
        try:
            *before, last = response.messages()
            values = await model.reward(
                [*prompt.messages, *before],
                last["content"],
                dropout=dropout,
                end=response.finish == "stop",
            )
        except RowError as refusal:
            error = str(refusal)
        else:
            read = (
                self._attributes(name, dict(zip(outputs, values, strict=True)))
                if outputs
                else self._read(name, *of_heads(values))
            )
        return [
            Score(
                response.response_id,
                annotator,
                value,
                raw=raw,
                error=error,
                model=model.reward_revision(dropout=dropout),
                parameters=canonical(
                    ({} if dropout is None else {"dropout": self.dropout})
                    | ({"weights": dict(self.weights)} if self.weights else {})
                ),
                seed=None if dropout is None else dropout.seed,
            )
            for annotator, value, raw in read
        ]

    def _attributes(
        self, name: str, values: Mapping[str, float]
    ) -> list[tuple[str, float | None, str | None]]:
        """As `_read`, of a model of attributes."""
        if unknown := self.weights.keys() - values.keys():
            raise EngineError(
                f"weights name {', '.join(sorted(unknown))}, but the model of role {self.model!r} "
                f"gives {', '.join(values)}"
            )
        if not self.weights:
            return [(f"{name}/{attribute}", value, None) for attribute, value in values.items()]
        total = fsum(weight * values[attribute] for attribute, weight in self.weights.items())
        return [(name, total, canonical(values))]

    def _read(
        self, name: str, rewards: Sequence[float], variances: Sequence[float]
    ) -> list[tuple[str, float | None, str | None]]:
        """Annotator, value and raw text of each score."""
        # Before the training of a stage that is only tried, the reward is 0.
        if self.weights and any(rewards):
            raise EngineError(
                f"weights are of attributes, which the model of role {self.model!r} does not give: "
                "train one with trainers.AttributeRegression, or leave out weights"
            )
        if not variances:
            return [(name, rewards[0], None)]
        raws = [canonical({"variance": variance}) for variance in variances]
        if self.head == "surest":
            surest = min(range(len(rewards)), key=variances.__getitem__)
            return [(name, rewards[surest], raws[surest])]
        return [
            (f"{name}/head-{number}", reward, raw)
            for number, (reward, raw) in enumerate(zip(rewards, raws, strict=True))
        ]
