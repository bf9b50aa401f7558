"""Independent samples of one model."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated, Any, Literal

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
from schemas import Checkpoints, GeneratingRole, Takes, TemplateName


class Sample(Sampled, Generator):
    """Samples ``n`` independent responses per prompt (best-of-n, self-rewarding, rejection sampling
    and others). A larger ``n`` keeps the first responses unchanged.

    Two stages with one model give a prompt the same responses, unless one has ``seeds``: a name for
    seeds of its own.

    ``template`` asks for the response in other words, such as for one whose steps cite what they
    follow from (`cite`). It is a response to the prompt all the same, and records the template in
    ``origin``: what is trained on it learns it as an answer to the prompt alone.

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
    template: TemplateName | None = None
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
        model, conversation = models[self.model], prompt.messages
        if self.template is not None:
            conversation = self.ask(model, self.template, prompt=prompt)
        messages = conversation if self.system is None else with_system(conversation, self.system)
        sampling = replace(self.sampling, stop=self.stop)
        sampled = await model.generate(messages, n=self.n, sampling=sampling, call=self.seeds)
        parameters: dict[str, Any] = {} if self.template is None else {"template": self.template}
        drafts = [Draft.of(one, **parameters) for one in sampled]
        added = messages != conversation and self.system
        return [draft.under(added) for draft in drafts] if added else drafts
