"""The reward of each response by a mixture of rewards: for a prompt, for contexts, or for each
annotator."""

import asyncio
import math
from collections.abc import Mapping, Sequence
from typing import Any

from annotators.rewards.trained_reward import TrainedReward
from engines.model import Models
from engines.operators.scores import Score
from engines.protocol import EngineError, RowError
from engines.rows import Prompt, Response
from engines.weights import reward_mixture
from schemas import Message, canonical

Weighed = tuple[float | None, Sequence[float] | None]
"""A reward, and the weights by which it is a mixture."""

_NOTHING: Weighed = (None, None)


class MixtureReward(TrainedReward):
    """Scores a response by the rewards and weights that `trainers.MixtureReward` trained.

    By prompt: the score is Σ w_k(x)·r_k, with the router's weights of the prompt. With ``contexts``
    there is a score for each of them, whose name is the annotator: the context is put before the
    prompt as a system turn, for the router and for the rewards. By annotator: there is a score for
    each annotator whose weights are known, under his name. ``raw`` has the weights, in JSON.

    The unit is nats of preference. A response that is too long for the model has an error. Rewards
    are asked once for all annotators.

    Sources: Shen et al. 2025, MiCRo (arXiv:2505.24846); Chen et al. 2024, PAL (arXiv:2406.08469).
    """

    contexts: tuple[str, ...] = ()

    async def score(
        self, prompt: Prompt, responses: Sequence[Response], models: Models
    ) -> list[Score]:
        """One score per response and context, or annotator."""
        mixture = reward_mixture(models.context.roles[self.model])
        if self.contexts and mixture.get("by", "prompt") != "prompt":
            raise EngineError(
                f"contexts are read by a router, but the model of role {self.model!r} weighs its "
                "rewards by annotator: leave out contexts"
            )
        if self.contexts and any(turn["role"] == "system" for turn in prompt.messages):
            raise RowError("its prompt has a system turn of its own")
        prompts: list[tuple[str, list[Message]]] = [
            (name, [{"role": "system", "content": name}, *prompt.messages])
            for name in self.contexts
        ] or [("reward", list(prompt.messages))]
        scores_of_prompts = await asyncio.gather(
            *(
                self._score_prompt(name, messages, responses, models, mixture)
                for name, messages in prompts
            )
        )
        return [score for scores in scores_of_prompts for score in scores]

    async def _score_prompt(
        self,
        name: str,
        messages: Sequence[Message],
        responses: Sequence[Response],
        models: Models,
        mixture: Mapping[str, Any],
    ) -> list[Score]:
        """The scores of responses to ``messages``."""
        model = models[self.model]

        async def outputs(text: str, *, end: bool) -> tuple[float, ...] | str:
            try:
                return await model.reward(messages, text, end=end)
            except RowError as refusal:
                return str(refusal)

        routed = mixture.get("by") == "prompt"
        # The router reads the prompt alone.
        read = [outputs("", end=False)] if routed else []
        read += [outputs(one.text, end=one.finish == "stop") for one in responses]
        values = await asyncio.gather(*read)
        router = values.pop(0) if routed else None
        scores = []
        for response, value in zip(responses, values, strict=True):
            error, by_annotator = None, dict.fromkeys(mixture.get("weights") or (name,), _NOTHING)
            if isinstance(value, str) or isinstance(router, str):
                error = value if isinstance(value, str) else str(router)
            else:
                by_annotator = self._weighed(name, value, router, mixture)
            scores += [
                Score(
                    response.response_id,
                    annotator,
                    reward,
                    raw=None if weights is None else canonical({"weights": list(weights)}),
                    error=error,
                    model=model.reward_revision(dropout=None),
                )
                for annotator, (reward, weights) in by_annotator.items()
            ]
        return scores

    def _weighed(
        self,
        name: str,
        outputs: Sequence[float],
        router: Sequence[float] | None,
        mixture: Mapping[str, Any],
    ) -> dict[str, Weighed]:
        """The rewards of a response by the names of who has them, each with its weights."""
        if router is not None:
            weights = softmax(router[len(router) // 2 :])
            return {name: (personal(outputs[: len(weights)], weights, None), weights)}
        if mixture:
            return {
                annotator: (personal(outputs, weights, mixture.get("prototypes")), weights)
                for annotator, weights in mixture["weights"].items()
            }
        # Before the training of a stage that is only tried, there is one reward of 0.
        if any(outputs):
            raise EngineError(
                f"the model of role {self.model!r} is no mixture of rewards: train one with "
                "trainers.MixtureReward, or use annotators.Reward"
            )
        return {name: (0.0, None)}


def personal(
    outputs: Sequence[float],
    weights: Sequence[float],
    prototypes: Sequence[Sequence[float]] | None,
) -> float:
    """The reward for an annotator: Σ w_k·r_k or, with prototypes p_k, −|z − Σ w_k·p_k|²."""
    if prototypes is None:
        return math.fsum(w * r for w, r in zip(weights, outputs, strict=True))
    point = [
        math.fsum(w * each[axis] for w, each in zip(weights, prototypes, strict=True))
        for axis in range(len(outputs))
    ]
    return -math.fsum((z - p) ** 2 for z, p in zip(outputs, point, strict=True))


def softmax(logits: Sequence[float]) -> list[float]:
    """Weights that sum to 1."""
    top = max(logits)
    parts = [math.exp(each - top) for each in logits]
    return [each / math.fsum(parts) for each in parts]
