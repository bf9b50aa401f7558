"""P(IK): how probably a model knows the answer, read from the question alone."""

from collections.abc import Sequence
from typing import Literal

from annotators.rewards.trained_reward import TrainedReward
from engines.model import Models
from engines.operators.scores import Score
from engines.protocol import RowError
from engines.rows import Prompt, Response


class PIK(TrainedReward):
    """P(IK), in [0, 1]: the probability that an answer to the prompt is right, by a head that reads
    the prompt and nothing after it (`trainers.PRM` with ``loss: soft``, of
    `filters.PromptValues`). All responses to a prompt have the same score, and it is asked once.

    Probes compare responses, of which this annotator reads none; so there are none.

    Source: Kadavath et al. 2022, Language Models (Mostly) Know What They Know (arXiv:2207.05221),
    section 5.
    """

    probes: Literal["off"] = "off"

    async def score(
        self, prompt: Prompt, responses: Sequence[Response], models: Models
    ) -> list[Score]:
        """One score per response. A prompt that is too long for the model has errors."""
        model = models[self.model]
        value, error = None, None
        try:
            (value,) = await model.reward(prompt.messages, "", step_ends=[0])
        except RowError as refusal:
            error = str(refusal)
        return [
            Score(one.response_id, "p_ik", value, error=error, model=model.reward_revision())
            for one in responses
        ]
