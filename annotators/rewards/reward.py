"""The reward that a trained head gives to each response."""

import asyncio
from collections.abc import Sequence

from pydantic import Field

from annotators.rewards.trained_reward import TrainedReward
from engines.model import Models
from engines.operators.scores import Score
from engines.protocol import Dropout, RowError
from engines.rows import Prompt, Response
from engines.runtime.seeds import sample_seed
from schemas import canonical


class Reward(TrainedReward):
    """Scores a response by a reward model: a sequence classification model of one label, such as
    `trainers.RewardModel` trains. The unit is its own (nats of preference, for that trainer). Every
    answer is read as ended, as in training.

    ``passes`` above 1 gives as many opinions of each response, ``reward/pass-0`` on, each under
    another dropout (the share ``dropout`` of the numbers that leave each feed-forward layer and
    that enter the head, the rest scaled up, the same at every token): how far they differ says how
    sure the model is (Gal & Ghahramani 2016, arXiv:1506.02142, and 1512.05287 for one mask a
    sequence). A mask follows from the run's seed, the prompt and the pass, so both sides of a pair
    are scored with the same mask. Such passes are run in this process, whatever engine the role
    names, so the role needs weights.
    """

    passes: int = Field(default=1, ge=1)
    dropout: float = Field(default=0.1, gt=0, lt=1)

    async def score(
        self, prompt: Prompt, responses: Sequence[Response], models: Models
    ) -> list[Score]:
        """One opinion a response and pass; of one that is too long for the model an error."""
        return await asyncio.gather(
            *(
                self._opinion(prompt, response, number, models)
                for number in range(self.passes)
                for response in responses
            )
        )

    async def _opinion(
        self, prompt: Prompt, response: Response, number: int, models: Models
    ) -> Score:
        name, dropout = "reward", None
        if self.passes > 1:
            name = f"reward/pass-{number}"
            seed = sample_seed(models.context.seed, prompt.prompt_id, name, number)
            dropout = Dropout(self.dropout, seed)
        model = models[self.model]
        value = error = None
        try:
            (value,) = await model.reward(prompt.messages, response.text, dropout=dropout)
        except RowError as refusal:
            error = str(refusal)
        return Score(
            response.response_id,
            name,
            value,
            error=error,
            model=model.reward_revision(dropout=dropout),
            parameters=canonical({} if dropout is None else {"dropout": self.dropout}),
            seed=None if dropout is None else dropout.seed,
        )
