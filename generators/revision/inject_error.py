"""Responses rewritten by a model with one small error."""

from typing import Any, Literal

from pydantic import Field

from engines.operators.refusal import Refusal
from engines.rows import Response
from generators.revision.edited_text import same_layout
from generators.revision.rewrite import Rewrite
from schemas import TemplateName, content_id


class InjectError(Rewrite):
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

    kinds: tuple[str, ...] = Field(default=("number", "operation", "sum"), min_length=1)
    seed: int = 0
    template: TemplateName = "inject_error"
    edit: Literal[True] = True

    def variables(self, response: Response) -> dict[str, Any]:
        """The kind of error."""
        return {"kind": self.kind(response.response_id)}

    def parameters(self, response: Response) -> dict[str, Any]:
        """The kind of error."""
        return self.variables(response)

    def kept(self, reply: str, original: str) -> str | Refusal:
        """The edit, in the layout of the original."""
        edit = super().kept(reply, original)
        if isinstance(edit, str) and not same_layout(edit, original):
            return Refusal("the edit changed the layout", {"lines": edit.count("\n") + 1})
        return edit

    def kind(self, response_id: str) -> str:
        """The kind of error for this response."""
        tie_break = int(content_id(self.seed, response_id), 16)
        return self.kinds[tie_break % len(self.kinds)]
