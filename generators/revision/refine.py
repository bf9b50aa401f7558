"""Responses revised after a critique: a judge's checklist, or the model's own critique."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

import polars as pl
from pydantic import Field, model_validator

from engines.model import Models, SampledText
from engines.operators.refusal import Refusal
from engines.operators.shown import with_parents
from engines.rows import Prompt, Response
from generators.drafts import Draft
from generators.revision.rewrite import Rewrite, kept_of
from schemas import Responses, Scores, Takes, TemplateName

_CRITIQUES = "first critiques"
"""The name of critiques among variables: none of a template."""


class Refine(Rewrite):
    """``model`` revises each response ``rounds`` times; only the last revision is kept.

    With ``by``, the scores of a checklist (`annotators.Checklist`, or `annotators.Criteria` with
    one score of all), the first critique lists the questions that were answered no: STICK (Cook et
    al. 2024, arXiv:2410.03608, section 5). A response that passes every question is dropped,
    because there is nothing to improve. So is one whose checklist could not be read.

    With ``critiques``, texts that were made from the response (`generators.Rewrite`), there are
    ``n`` revisions by each critique, which is a parent of them too.

    Without either, and in later rounds, the model writes the critique itself (template
    ``critique``; Self-Refine, Madaan et al. 2023, arXiv:2303.17651).

    What the model says about its revision is removed (`generators.revision.edited_text`). A
    revision is not kept if it is the same text or if it still speaks about the revision, and a
    response is dropped if none of its revisions is kept.
    """

    by: Annotated[str, Takes(Scores)] | None = None
    critiques: Annotated[str | None, Takes(Responses)] = None
    rounds: int = Field(default=1, ge=1)
    template: TemplateName = "revise"
    critique_template: TemplateName = "critique"
    edit: Literal[True] = True

    @model_validator(mode="after")
    def _one_critique(self) -> "Refine":
        if self.by is not None and self.critiques is not None:
            raise ValueError("by and critiques both say what the first critique is: leave one out")
        return self

    async def revise(
        self, prompt: Prompt, response: Response, remark: Any, models: Models
    ) -> Sequence[Draft] | Refusal:
        """The last revision of each chain."""
        if isinstance(remark, Refusal):
            return remark
        variables = dict(remark or {})
        tried: list[Draft | Refusal] = []
        for critique_id, critique in variables.pop(_CRITIQUES, [("", "")]):
            of_critique = models.at(critique_id) if critique_id else models
            for _ in range(self.n):
                last = await self._revised(prompt, response, critique, of_critique, variables)
                parents = (response.response_id, *([critique_id] if critique_id else []))
                tried.append(
                    last
                    if isinstance(last, Refusal)
                    else Draft.of(last, parents=parents, rounds=self.rounds)
                )
        return kept_of(tried)

    async def _revised(
        self,
        prompt: Prompt,
        response: Response,
        critique: str,
        models: Models,
        variables: Mapping[str, Any],
    ) -> SampledText | Refusal:
        """The last of ``rounds`` revisions, the first by ``critique``, or by the model's own."""
        model, text = models[self.model], response.text
        for _ in range(self.rounds):
            base_variables = {"prompt": prompt, "response": text, **variables}
            if not critique:
                messages = self.ask(model, self.critique_template, **base_variables)
                (sampled,) = await model.generate(messages, sampling=self.sampling)
                critique = sampled.text.strip()
                if not critique:
                    return Refusal("the critique is empty")
            messages = self.ask(model, self.template, **base_variables, critique=critique)
            (last,) = await model.generate(messages, sampling=self.sampling)
            edit = self.kept(last.text, text)
            if isinstance(edit, Refusal):
                return edit
            text, critique = edit, ""
        if text.split() == response.text.split():
            return Refusal("the edit changed nothing")
        return replace(last, text=text)

    def remarks(self, tables: Mapping[str, pl.DataFrame]) -> Mapping[str, Any]:
        """The variables of each response's templates with its critiques (each with its id, if it is
        a text of a stage); or why there are none. By response id."""
        remarks_by_id = dict(super().remarks(tables))
        if self.by is not None:
            critiques, none = _failures(tables[self.by]), Refusal("no score")
        elif self.critiques is not None:
            critiques, none = _texts(tables[self.critiques]), Refusal("no critique")
        else:
            return remarks_by_id
        for response_id in tables[self.of]["response_id"]:
            remark, of_response = (
                remarks_by_id.get(response_id, {}),
                critiques.get(response_id, none),
            )
            refusal = next((one for one in (remark, of_response) if isinstance(one, Refusal)), None)
            remarks_by_id[response_id] = refusal or {**remark, _CRITIQUES: of_response}
        return remarks_by_id


Critiques = list[tuple[str, str]]
"""Critiques of a response: the id of each, empty if it has none, and its text."""


def _texts(responses: pl.DataFrame) -> dict[str, Critiques | Refusal]:
    """The texts that were made from each response."""
    critiques = defaultdict[str, Critiques](list)
    for critique_id, text, parents in with_parents(responses, "text"):
        for parent in parents:
            critiques[parent].append((critique_id, text))
    return {**critiques}


def _failures(scores: pl.DataFrame) -> dict[str, Critiques | Refusal]:
    """The questions that were answered no, as one critique, or why there is none."""
    response_scores = scores.filter(pl.col("step").is_null()).select("response_id", "raw", "error")
    return {
        response_id: _failed(raw, error) for response_id, raw, error in response_scores.iter_rows()
    }


def _failed(raw: str | None, error: str | None) -> Critiques | Refusal:
    if error is not None:
        return Refusal("score is an error", {"error": error})
    try:
        checklist = json.loads(raw or "")
        pairs = list(zip(checklist["items"], checklist["answers"], strict=True))
    except (ValueError, TypeError, KeyError):
        return Refusal("score is no checklist's", {"raw": (raw or "")[:200]})
    items = [item for item, answer in pairs if answer <= 0.5]
    return [("", failings(items))] if items else Refusal("nothing to mend")


def failings(items: Sequence[str]) -> str:
    """A critique that lists the questions that were answered no, one a line."""
    return "\n".join(f"{item} No." for item in items)
