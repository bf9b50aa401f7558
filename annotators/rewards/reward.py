"""The reward that a trained head gives to each response."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import polars as pl
from pydantic import Field

from annotators.probes.probed import ProbedAnnotator
from engines.context import Context
from engines.model import Models
from engines.operators.rebinding import bound
from engines.operators.scores import Opinion
from engines.protocol import RowError
from engines.rows import Prompt, Response
from engines.runtime.seeds import sample_seed
from schemas import Checkpoints, Split, Takes, TrainedRole, canonical


class Reward(ProbedAnnotator):
    """Scores a response by a reward model: a sequence classification model of one label, such as
    `trainers.RewardModel` makes. The unit is its own (nats of preference, for that trainer).

    ``checkpoint``: the stage that trained it; ``model`` is then the role whose device and number
    type are used. Without, the role's own weights are the reward model.

    ``passes`` above 1 gives as many opinions of each response, ``reward/pass-0`` on, each under
    another dropout (the share ``dropout`` of the numbers that leave each feed-forward layer and
    that enter the head, the rest scaled up, the same at every token): how far they differ says how
    sure the model is (Gal & Ghahramani 2016, arXiv:1506.02142, and 1512.05287 for one mask a
    sequence). A mask follows from the run's seed, the prompt and the pass, so the two sides of a
    pair meet the same thinned model and only what they say tells them apart; it does not follow
    from what else is in the batch, which moves a value by rounding only (about 1e-6 of it).

    Every answer is read as ended, as in training. Its rewards are not journaled: one forward pass
    a response and pass, ``batch_size`` at a time, all over again in a run that was stopped.
    """

    model: TrainedRole = "reward"
    checkpoint: Annotated[str | None, Takes(Checkpoints)] = None
    passes: int = Field(default=1, ge=1)
    dropout: float = Field(default=0.1, gt=0, lt=1)
    batch_size: int = Field(default=16, ge=1)

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
        """Scores of ``tables[self.of]``. Raises `EngineError` where there is no reward model."""
        from annotators.rewards.reward_head import forget_heads

        try:
            return super().run(tables, context)
        finally:
            forget_heads()

    async def score(
        self, prompt: Prompt, responses: Sequence[Response], models: Models
    ) -> list[Opinion]:
        """One opinion a response and pass; of one that is too long for the model an error."""
        from annotators.rewards.reward_head import head_of

        context = models.context
        binding = context.roles[self.model]
        head = head_of(binding)
        texts: dict[str, list[int]] = {}
        errors: dict[str, str] = {}
        for one in responses:
            try:
                texts[one.response_id] = head.tokens(
                    prompt.messages, one.text, binding.template_arguments
                )
            except RowError as error:
                errors[one.response_id] = str(error)
        # Neighbours in length share a batch, so little of it is padding.
        ids = sorted(texts, key=lambda each: len(texts[each]))
        opinions = []
        for number in range(self.passes):
            name = "reward" if self.passes == 1 else f"reward/pass-{number}"
            seed = None
            if self.passes > 1:
                seed = sample_seed(context.seed, prompt.prompt_id, name, number)
            values: dict[str, float] = {}
            for start in range(0, len(ids), self.batch_size):
                batch = ids[start : start + self.batch_size]
                found = head.rewards(
                    [texts[each] for each in batch],
                    seeds=[seed] * len(batch),
                    dropout=self.dropout,
                )
                values |= dict(zip(batch, found, strict=True))
            opinions += [
                Opinion(
                    one.response_id,
                    name,
                    values.get(one.response_id),
                    error=errors.get(one.response_id),
                    model=head.revision,
                    parameters=canonical({} if self.passes == 1 else {"dropout": self.dropout}),
                    seed=seed,
                )
                for one in responses
            ]
        models.usage.model_calls += self.passes * len(texts)
        models.usage.tokens += self.passes * sum(map(len, texts.values()))
        return opinions
