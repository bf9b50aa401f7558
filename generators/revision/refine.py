"""Answers revised after a critique of them: a judge's checklist, or the model's own words."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import polars as pl
from pydantic import Field

from engines.model import Models
from engines.protocol import Sampling
from engines.rows import Prompt, Response
from generators.drafts import Draft, Refusal
from generators.revision.reviser import Reviser
from schemas import GeneratingRole, InnerFile, Scores, Takes


class Refine(Reviser):
    """Each response revised by ``model``, ``rounds`` times; only the last revision is kept.

    With ``by``, scores of a checklist (`annotators.Checklist`), the first critique is the questions
    that were answered no: STICK (Cook et al. 2024, arXiv:2410.03608, section 5). A response that
    passes all of them is dropped, for there is nothing to mend; so is one whose checklist could
    not be read. Without ``by``, and in later rounds, the model writes the critique itself
    (template ``critique``; Self-Refine, Madaan et al. 2023, arXiv:2303.17651).

    A revision that says what the response said is dropped.
    """

    by: Annotated[str, Takes(Scores)] | None = None
    model: GeneratingRole = "policy"
    rounds: int = Field(default=1, ge=1)
    temperature: float = Field(default=1.0, ge=0)
    max_tokens: int = Field(default=512, ge=1)
    template: InnerFile = "revise"
    critique_template: InnerFile = "critique"

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
        sampling = Sampling(temperature=self.temperature, max_tokens=self.max_tokens)
        text, critique = response.text, failings(remark or ())
        for _ in range(self.rounds):
            if not critique:
                asked = self.ask(model, self.critique_template, prompt=prompt, response=text)
                (said,) = await model.generate(asked, sampling=sampling)
                critique = said.text.strip()
            asked = self.ask(model, self.template, prompt=prompt, response=text, critique=critique)
            (last,) = await model.generate(asked, sampling=sampling)
            text, critique = last.text, ""
        if text.strip() == response.text.strip():
            return Refusal("the revision changed nothing")
        return [Draft.of(last, parents=(response.response_id,), rounds=self.rounds)]

    def remarks(self, tables: Mapping[str, pl.DataFrame]) -> Mapping[str, Any]:
        """The questions that stage ``by`` answered no, or why there is no telling, by response."""
        if self.by is None:
            return {}
        whole = tables[self.by].filter(pl.col("step").is_null())
        scores = whole.select("response_id", "raw", "error").iter_rows()
        return {response_id: _failed(raw, error) for response_id, raw, error in scores}


def failings(items: Sequence[str]) -> str:
    """A critique made of the questions that were answered no, one a line; empty where none was."""
    return "\n".join(f"{item} No." for item in items)


def _failed(raw: str | None, error: str | None) -> tuple[str, ...] | Refusal:
    if error is not None:
        return Refusal("score is an error", {"error": error})
    try:
        told = json.loads(raw or "")
        pairs = list(zip(told["items"], told["answers"], strict=True))
    except (ValueError, TypeError, KeyError):
        return Refusal("score is no checklist's", {"raw": (raw or "")[:200]})
    return tuple(item for item, answer in pairs if answer <= 0.5)
