"""Responses rewritten by a model with one small error."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field

from engines.model import Models
from engines.operators.sampled import Sampled
from engines.rows import Prompt, Response
from generators.drafts import Draft, Refusal
from generators.revision.edited_text import edit_in, same_layout
from generators.revision.reviser import Reviser
from schemas import GeneratingRole, ModelDefault, TemplateName, content_id


class InjectError(Sampled, Reviser):
    """``model`` rewrites each response with one error of a given kind.

    ``seed`` and the response's id choose one of ``kinds``, which the template gets as ``kind``. The
    default template explains ``number`` (copy a number of the problem wrongly), ``operation`` (use
    another operation), ``sum`` (compute a result wrongly), ``swap`` (exchange two terms) and
    ``term`` (leave out a term). Any other kind is given to the model as written. The kind is in
    ``parameters`` of the response's origin.

    Give it right responses (`filters.Threshold`). What the model says about its edit is removed
    (`generators.revision.edited_text`). An edit is dropped if it is the same text, if it still
    speaks about the edit, or if it changes the layout (lines, indentation, markers of lists), which
    would tell it from the response. `filters.EditedPairs` checks that the error is small and real.

    Source: Xu et al. 2024, Subtle Errors Matter (RISE, arXiv:2410.06638), with the kinds of its
    public code (kaishxu/RISE: value, substitution, symbol, deleted term, swapped terms). That code
    shows the model one step and replaces every occurrence of its text. Here the model sees and
    writes the whole answer, so no wrong occurrence can be replaced.
    """

    model: GeneratingRole = "policy"
    kinds: tuple[str, ...] = Field(default=("number", "operation", "sum"), min_length=1)
    max_tokens: Annotated[int, ModelDefault("revision_tokens")] = Field(default=512, ge=1)
    seed: int = 0
    template: TemplateName = "inject_error"

    async def revise(
        self, prompt: Prompt, response: Response, remark: Any, models: Models
    ) -> Sequence[Draft] | Refusal:
        """One draft."""
        model = models[self.model]
        kind = self.kind(response.response_id)
        messages = self.ask(model, self.template, prompt=prompt, response=response.text, kind=kind)
        (reply,) = await model.generate(messages, sampling=self.sampling)
        edit = edit_in(reply.text, response.text)
        if isinstance(edit, Refusal):
            return edit
        if not same_layout(edit, response.text):
            return Refusal("the edit changed the layout", {"lines": edit.count("\n") + 1})
        return [Draft.of(replace(reply, text=edit), parents=(response.response_id,), kind=kind)]

    def kind(self, response_id: str) -> str:
        """The kind of error for this response."""
        tie_break = int(content_id(self.seed, response_id), 16)
        return self.kinds[tie_break % len(self.kinds)]
