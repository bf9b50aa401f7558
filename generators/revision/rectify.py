"""Wrong solutions gone on with from before their first wrong step, until they come right."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

import polars as pl
from pydantic import Field

from engines.chat.tokenizer import tokenizing
from engines.checks import BoundedCheck, CheckPath, check_for, marked, require_checks
from engines.context import Context
from engines.model import Models, SampledText
from engines.operators.cut_off import Cut, cut_off
from engines.operators.rollouts import continuation
from engines.protocol import Sampling
from engines.rows import Prompt, Response
from generators.drafts import Draft, Refusal
from generators.revision.reviser import Reviser
from generators.sampling.segment import Pattern, places, spans
from schemas import Scores, Split, Takes
from schemas.operator import RoleMark


class Rectify(Reviser):
    """The beginning of each response before its first wrong step, gone on with by ``model`` until
    an answer is right, ``k`` times at most: that answer, cut into steps.

    The first wrong step is the index that stage ``by`` has as the score of the whole response
    (`annotators.FirstError`, `annotators.StepVerifier`, `filters.LowestStep`). Its continuations
    are the rollouts of the beginning (`engines.operators.rollouts`), one after the other, so those
    that a stage before has valued it by, with the same sampling, are not paid for again. One that
    says the wrong step again is not taken, though it be right, nor is one that was cut off, unless
    ``cut: read``. The beginning keeps its steps; what comes
    after is cut into lines, or where the regular expression ``pattern`` is found, as
    `generators.Segment` cuts.

    A response is dropped, with the numbers, where no continuation comes right, where no step is
    wrong, and where it is not known which is.

    Source: Lai et al. 2024, Step-DPO (arXiv:2406.18629), section 3.2: the same model corrects
    itself, as steps of another are unlikely under it.
    """

    by: Annotated[str, Takes(Scores)]
    model: Annotated[str, RoleMark("generate", "score")] = "policy"
    k: int = Field(default=16, ge=1)
    temperature: float = Field(default=1.0, gt=0)
    max_tokens: int = Field(default=256, ge=1)
    pattern: Pattern | None = None
    check: CheckPath | None = None
    cut: Cut = "refuse"

    def run(self, tables: Mapping[str, pl.DataFrame], context: Context) -> Split:
        """Right answers begun as ``tables[self.of]`` begin, in their order. Raises `EngineError`
        where a source's check is unknown, or the role has no tokenizer that says where tokens
        lie."""
        require_checks(context, tables[self.prompts], path=self.check)
        tokenizing(context.roles[self.model])
        return super().run(tables, context)

    async def revise(
        self,
        prompt: Prompt,
        response: Response,
        remark: "int | Refusal | None",
        models: Models,
    ) -> Sequence[Draft] | Refusal:
        """One draft."""
        if not isinstance(remark, int):
            return remark or Refusal("no score")
        if response.steps is None:
            return Refusal("not cut into steps")
        if remark < 0:
            return Refusal("no step is wrong")
        if remark >= len(response.steps):
            return Refusal("no such step", {"first_error": remark, "steps": len(response.steps)})
        begun = response.text[: response.steps[remark].start]
        wrong = response.step_texts()[remark].strip()
        check = check_for(models.context, prompt.source, path=self.check)
        found = await self._right(prompt, begun, wrong, models, check)
        if isinstance(found, Refusal):
            return found
        text = begun + found.text
        ends = [span.end for span in response.steps[:remark]]
        wanted = [place for place in places(text, self.pattern) if place > len(begun)]
        cut = spans(tokenizing(models.context.roles[self.model]), text, [*ends, *wanted])
        draft = Draft.of(found, parents=(response.response_id,), steps=tuple(cut))
        return [replace(draft, text=text, tokens=cut[-1].token_end)]

    async def _right(
        self, prompt: Prompt, begun: str, wrong: str, models: Models, check: BoundedCheck
    ) -> SampledText | Refusal:
        """The first continuation of ``begun`` that is right and does not begin with ``wrong``."""
        model = models.at(prompt.prompt_id)[self.model]
        sampling = Sampling(temperature=self.temperature, max_tokens=self.max_tokens)
        again, unknown, unended = 0, 0, 0
        for number in range(self.k):
            written = await continuation(prompt, begun, model, number, sampling=sampling)
            if cut_off(written, self.cut) is not None:
                unended += 1
                continue
            text = begun + written.text
            right, error = await marked(check.submit(prompt.messages, prompt.reference, text))
            unknown += error is not None
            if not right:
                continue
            if written.text.lstrip().startswith(wrong):
                again += 1
                continue
            return written
        numbers = {"tried": self.k, "not_checked": unknown, "right_with_the_wrong_step": again}
        if unended:
            numbers["cut_off"] = unended
        return Refusal("no continuation came right", numbers)

    def remarks(self, tables: Mapping[str, pl.DataFrame]) -> Mapping[str, Any]:
        """The index of the first wrong step, or why there is no telling, by response."""
        whole = tables[self.by].filter(pl.col("step").is_null())
        told: dict[str, int | Refusal] = {}
        for response_id, value, error in whole.select("response_id", "value", "error").iter_rows():
            index = Refusal("score is an error", {"error": error}) if error else int(value)
            if told.setdefault(response_id, index) != index:
                told[response_id] = Refusal("scores of the wrong step differ")
        return told
