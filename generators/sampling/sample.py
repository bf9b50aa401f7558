"""Independent samples of one model."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated, Literal

import polars as pl
from pydantic import Field

from engines.context import Context
from engines.model import Models
from engines.operators.rebinding import bind_checkpoint
from engines.operators.row_operator import RowSession
from engines.operators.sampled import Sampled
from engines.operators.system_turns import with_system
from engines.rows import Prompt
from generators.drafts import Draft
from generators.generator import Generator
from schemas import Checkpoints, GeneratingRole, Takes


class Sample(Sampled, Generator):
    """Samples ``n`` independent responses per prompt (best-of-n, self-rewarding, rejection sampling
    and others). A larger ``n`` keeps the first responses unchanged.

    Two stages with one model give a prompt the same responses, unless one has ``seeds``: a name for
    seeds of its own.

    ``system`` is put before prompts that have no system turn of their own. Responses record it in
    ``origin``, and stages that read them, pairs and demonstrations included, have it in the prompt.

    With ``checkpoint``, the weights that this stage trained are used instead of the role's: the
    policy after a training step of the same refresh.

    ``writes: reply``: a text is one word or number, such as a grade, and no answer. Then
    ``max_tokens`` is the model's ``reply_tokens`` by default.
    """

    model: GeneratingRole = "policy"
    checkpoint: Annotated[str | None, Takes(Checkpoints, tasks=("CAUSAL_LM",))] = None
    n: int = Field(default=1, ge=1)
    seeds: str | None = Field(default=None, min_length=1)
    writes: Literal["answer", "reply"] = "answer"
    stop: tuple[str, ...] = ()
    system: str | None = None

    def model_defaults(self) -> dict[str, str]:
        """The length of a reply has a default of its own."""
        names = super().model_defaults()
        return names | {"max_tokens": "reply_tokens"} if self.writes == "reply" else names

    @contextmanager
    def session(self, tables: Mapping[str, pl.DataFrame], context: Context) -> Iterator[RowSession]:
        """The session, with the weights of ``checkpoint`` if it is set."""
        if self.checkpoint is not None:
            context = bind_checkpoint(
                context, self.model, tables[self.checkpoint], stage=self.checkpoint
            )
        yield RowSession(context)

    async def write(self, prompt: Prompt, models: Models) -> Sequence[Draft]:
        """``n`` drafts."""
        messages = prompt.messages
        if self.system is not None:
            messages = with_system(messages, self.system)
        sampling = replace(self.sampling, stop=self.stop)
        sampled = await models[self.model].generate(
            messages, n=self.n, sampling=sampling, call=self.seeds
        )
        drafts = [Draft.of(one) for one in sampled]
        added = messages != prompt.messages and self.system
        return [draft.under(added) for draft in drafts] if added else drafts
