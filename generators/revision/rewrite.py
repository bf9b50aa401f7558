"""What a model writes about a response, or another version of it, by a template."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated, Any

import polars as pl
from pydantic import Field, model_validator

from engines.context import Context
from engines.model import Models, SampledText
from engines.operators.rebinding import bind_checkpoint
from engines.operators.refusal import Refusal
from engines.operators.row_operator import RowSession
from engines.operators.sampled import Sampled
from engines.operators.shown import ShownStages, shown_with
from engines.rows import Prompt, Response
from generators.drafts import Draft
from generators.revision.edited_text import edit_in
from generators.revision.reviser import Reviser
from schemas import (
    Checkpoints,
    GeneratingRole,
    ModelDefault,
    Takes,
    TemplateName,
)


class Rewrite(Sampled, Reviser):
    """``n`` texts that ``model`` writes about each response or from it: an explanation, a critique,
    an analysis, a consequence, a correction. The response is their parent.

    The file ``template`` says what is asked. Its variables are ``prompt``, ``reference`` (if there
    is one), ``response``, and those of ``shown``: stages, each with the name of its variable, or a
    list of stages that are variables of their own names. Such a variable is a list. Of a stage of
    responses it has the texts that were made from the response, or that the response was made
    from. Of scores, its scores as a whole: ``name``, ``value`` and ``said``, the judge's own text,
    or each item of its checklist with the answer. Of pairs, the texts of the rejected sides where
    the response is chosen. Several stages with one variable share it. A response is dropped if a
    stage has nothing about it, or an error.

    ``edit``: what is written is another version of the response. What the model says about its edit
    is removed (`generators.revision.edited_text`), and an edit is not kept if it is the same text
    or still speaks about the edit. A response is dropped if none of its texts is kept.

    ``append``: the text is put after the response, as a paragraph of its own, so that a judge reads
    both (`filters.ParentScores` gives its scores to the response).

    With ``checkpoint``, the weights that this stage trained write instead of the role's.

    `generators.Refine` and `generators.InjectError` are edits with rules of their own.
    """

    model: GeneratingRole = "policy"
    checkpoint: Annotated[str | None, Takes(Checkpoints, tasks=("CAUSAL_LM",))] = None
    template: TemplateName
    shown: ShownStages = Field(default_factory=dict)
    n: int = Field(default=1, ge=1)
    edit: bool = False
    append: bool = False
    max_tokens: Annotated[int, ModelDefault("revision_tokens")] = Field(default=512, ge=1)

    @model_validator(mode="after")
    def _parameters_fit(self) -> "Rewrite":
        if self.edit and self.append:
            raise ValueError("an edit takes the place of the response: leave out append")
        if self.n > 1 and self.temperature == 0:
            raise ValueError("n texts at temperature 0 are all the same: set a temperature above 0")
        return self

    @contextmanager
    def session(self, tables: Mapping[str, pl.DataFrame], context: Context) -> Iterator[RowSession]:
        """The session, with the weights of ``checkpoint`` if it is set."""
        if self.checkpoint is not None:
            context = bind_checkpoint(
                context, self.model, tables[self.checkpoint], stage=self.checkpoint
            )
        yield RowSession(context)

    async def revise(
        self, prompt: Prompt, response: Response, remark: Any, models: Models
    ) -> Sequence[Draft] | Refusal:
        """The drafts of the texts that are kept."""
        if isinstance(remark, Refusal):
            return remark
        variables = {**(remark or {}), **self.variables(response)}
        model = models[self.model]
        messages = self.ask(
            model, self.template, prompt=prompt, response=response.text, **variables
        )
        samples = await model.generate(messages, n=self.n, sampling=self.sampling)
        parameters = self.parameters(response)
        return kept_of([self._draft(one, response, parameters) for one in samples])

    def _draft(
        self, sample: SampledText, response: Response, parameters: Mapping[str, Any]
    ) -> Draft | Refusal:
        text = self.kept(sample.text, response.text)
        if isinstance(text, Refusal):
            return text
        return Draft.of(replace(sample, text=text), parents=(response.response_id,), **parameters)

    def kept(self, reply: str, original: str) -> str | Refusal:
        """What is kept of a reply, or why nothing is."""
        if self.edit:
            return edit_in(reply, original)
        text = reply.strip()
        if not text:
            return Refusal("the text is empty")
        return f"{original.rstrip()}\n\n{text}" if self.append else text

    def variables(self, response: Response) -> dict[str, Any]:
        """Variables of the template that a subclass gives."""
        return {}

    def parameters(self, response: Response) -> dict[str, Any]:
        """What the parameters of a text's origin tell besides the sampling."""
        return {"template": self.template}

    def remarks(self, tables: Mapping[str, pl.DataFrame]) -> Mapping[str, Any]:
        """The variables of the stages ``shown``, or why there are none, by response id."""
        return shown_with(tables[self.of], tables, self.shown) if self.shown else {}


def kept_of(tried: Sequence[Draft | Refusal]) -> Sequence[Draft] | Refusal:
    """The drafts, or the first refusal if there is none."""
    drafts = [one for one in tried if isinstance(one, Draft)]
    return drafts or next((one for one in tried if isinstance(one, Refusal)), drafts)
