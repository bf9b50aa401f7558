"""Independent samples of one model."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import polars as pl
from pydantic import Field

from engines.context import Context
from engines.model import Models
from engines.operators.rebinding import bind_checkpoint
from engines.protocol import Sampling
from engines.rows import Prompt
from generators.drafts import Draft
from generators.generator import Generator
from schemas import Checkpoints, GeneratingRole, Message, Split, Takes


class Sample(Generator):
    """Samples ``n`` independent responses per prompt (best-of-n, self-rewarding, rejection sampling
    and others). A larger ``n`` keeps the first responses unchanged.

    With ``checkpoint``, the weights that this stage trained are used instead of the role's: the
    policy after a training step of the same refresh.
    """

    model: GeneratingRole = "policy"
    checkpoint: Annotated[str | None, Takes(Checkpoints)] = None
    n: int = Field(default=1, ge=1)
    temperature: float = Field(default=1.0, ge=0)
    top_p: float = Field(default=1.0, gt=0, le=1)
    top_k: int = Field(default=0, ge=0)
    max_tokens: int = Field(default=256, ge=1)
    stop: tuple[str, ...] = ()
    system: str | None = None

    def run(self, tables: Mapping[str, pl.DataFrame], context: Context) -> Split:
        """Responses to ``tables[self.of]``, in the order of the prompts."""
        if self.checkpoint is not None:
            context = bind_checkpoint(
                context, self.model, tables[self.checkpoint], stage=self.checkpoint
            )
        return super().run(tables, context)

    async def write(self, prompt: Prompt, models: Models) -> Sequence[Draft]:
        """``n`` drafts."""
        messages: tuple[Message, ...] = prompt.messages
        if self.system is not None:
            messages = ({"role": "system", "content": self.system}, *messages)
        sampling = Sampling(
            temperature=self.temperature,
            top_p=self.top_p,
            top_k=self.top_k,
            max_tokens=self.max_tokens,
            stop=self.stop,
        )
        sampled = await models[self.model].generate(messages, n=self.n, sampling=sampling)
        return [Draft.of(one) for one in sampled]
