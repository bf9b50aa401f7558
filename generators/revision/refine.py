"""Responses revised after a critique: a judge's checklist, or the model's own critique."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

import polars as pl
from pydantic import Field

from engines.model import Models
from engines.operators.sampled import Sampled
from engines.rows import Prompt, Response
from generators.drafts import Draft, Refusal
from generators.revision.edited_text import edit_in
from generators.revision.reviser import Reviser
from schemas import GeneratingRole, ModelDefault, Scores, Takes, TemplateName


class Refine(Sampled, Reviser):
    """``model`` revises each response ``rounds`` times; only the last revision is kept.

    With ``by``, the scores of a checklist (`annotators.Checklist`), the first critique lists the
    questions that were answered no: STICK (Cook et al. 2024, arXiv:2410.03608, section 5). A
    response that passes every question is dropped, because there is nothing to improve. A response
    whose checklist could not be read is dropped too. Without ``by``, and in later rounds, the model
    writes the critique itself (template ``critique``; Self-Refine, Madaan et al. 2023,
    arXiv:2303.17651).

    What the model says about its revision is removed (`generators.revision.edited_text`). A
    revision is dropped if it is the same text or if it still speaks about the revision.
    """

    by: Annotated[str, Takes(Scores)] | None = None
    model: GeneratingRole = "policy"
    rounds: int = Field(default=1, ge=1)
    max_tokens: Annotated[int, ModelDefault("revision_tokens")] = Field(default=512, ge=1)
    template: TemplateName = "revise"
    critique_template: TemplateName = "critique"

    async def revise(
        self,
        prompt: Prompt,
        response: Response,
        remark: "tuple[str, ...] | Refusal | None",
        models: Models,
    ) -> Sequence[Draft] | Refusal:
        """One draft."""
        if isinstance(remark, Refusal):
            return remark
        if self.by is not None and not remark:
            return Refusal("no score" if remark is None else "nothing to mend")
        model = models[self.model]
        text, critique = response.text, failings(remark or ())
        for _ in range(self.rounds):
            if not critique:
                messages = self.ask(model, self.critique_template, prompt=prompt, response=text)
                (sampled,) = await model.generate(messages, sampling=self.sampling)
                critique = sampled.text.strip()
                if not critique:
                    return Refusal("the critique is empty")
            messages = self.ask(
                model, self.template, prompt=prompt, response=text, critique=critique
            )
            (last,) = await model.generate(messages, sampling=self.sampling)
            edit = edit_in(last.text, text)
            if isinstance(edit, Refusal):
                return edit
            text, critique = edit, ""
        if text.split() == response.text.split():
            return Refusal("the edit changed nothing")
        revised = replace(last, text=text)
        return [Draft.of(revised, parents=(response.response_id,), rounds=self.rounds)]

    def remarks(self, tables: Mapping[str, pl.DataFrame]) -> Mapping[str, Any]:
        """The questions that stage ``by`` answered no, or why they are unknown, by response id."""
        if self.by is None:
            return {}
        responses = tables[self.by].filter(pl.col("step").is_null())
        scores = responses.select("response_id", "raw", "error").iter_rows()
        return {response_id: _failed_items(raw, error) for response_id, raw, error in scores}


def failings(items: Sequence[str]) -> str:
    """A critique that lists the questions that were answered no, one a line; empty if there are
    none."""
    return "\n".join(f"{item} No." for item in items)


def _failed_items(raw: str | None, error: str | None) -> tuple[str, ...] | Refusal:
    if error is not None:
        return Refusal("score is an error", {"error": error})
    try:
        checklist = json.loads(raw or "")
        pairs = list(zip(checklist["items"], checklist["answers"], strict=True))
    except (ValueError, TypeError, KeyError):
        return Refusal("score is no checklist's", {"raw": (raw or "")[:200]})
    return tuple(item for item, answer in pairs if answer <= 0.5)
