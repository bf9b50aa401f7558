"""Wrong solutions continued from before their first wrong step until the answer is right."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated, Any

import polars as pl
from pydantic import Field

from engines.chat.tokenizer import tokenizing
from engines.checks import BoundedCheck, CheckPath, check_for, marked, require_checks
from engines.context import Context
from engines.model import Models, SampledText
from engines.operators.cut_off import Cut, cut_off
from engines.operators.refusal import Refusal
from engines.operators.rollouts import continuation
from engines.operators.row_operator import RowSession
from engines.operators.sampled import Varied
from engines.operators.step_ends import Steps, step_ends
from engines.rows import Prompt, Response
from generators.drafts import Draft
from generators.revision.reviser import Reviser
from generators.sampling.segment import Pattern, places, spans
from schemas import ModelDefault, Scores, Takes, Truth
from schemas.operator import RoleMark


class Rectify(Varied, Reviser):
    """Cuts each response before its first wrong step and lets ``model`` continue it until an answer
    is right, at most ``k`` times. The result is that answer, cut into steps.

    Stage ``by`` gives the index of the first wrong step as the score of the whole response
    (`annotators.FirstError`, `annotators.StepVerifier`, `filters.LowestStep`). The continuations
    are the rollouts of the prefix (`engines.operators.rollouts`), tried one after the other.
    Rollouts that an earlier stage drew with the same sampling are taken from the journal. A
    continuation that begins with the same wrong step is not used, even if its answer is right. A
    continuation that was cut off is not used unless ``cut: read``. The steps of the prefix stay.
    The rest is cut into ``steps``, or at each match of the regular expression ``pattern``, as in
    `generators.Segment`.

    A response is dropped, with the numbers, if no continuation is right, if no step is wrong, or if
    the first wrong step is unknown.

    Source: Lai et al. 2024, Step-DPO (arXiv:2406.18629), section 3.2. The same model corrects
    itself, because steps of another model are unlikely under it.
    """

    by: Annotated[str, Takes(Scores)]
    model: Annotated[str, RoleMark("generate", "score")] = "policy"
    k: int = Field(default=16, ge=1)
    steps: Annotated[Steps, ModelDefault()] = "line"
    pattern: Pattern | None = None
    check: CheckPath | None = None
    cut: Cut = "refuse"

    def needs_truth(self) -> Truth | None:
        return "check"

    @contextmanager
    def session(self, tables: Mapping[str, pl.DataFrame], context: Context) -> Iterator[RowSession]:
        """The session.

        Raises:
            EngineError: a source's check is unknown, or the role has no tokenizer that gives
                the positions of tokens.
        """
        require_checks(context, tables[self.prompts], path=self.check)
        tokenizing(context.roles[self.model])
        yield RowSession(context)

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
        prefix = response.text[: response.steps[remark].start]
        wrong = response.step_texts()[remark].strip()
        check = check_for(models.context, prompt.source, path=self.check)
        sampled = await self._right(prompt, prefix, wrong, models, check)
        if isinstance(sampled, Refusal):
            return sampled
        text = prefix + sampled.text
        ends = [span.end for span in response.steps[:remark]]
        cut_places = [place for place in self._ends(text) if place > len(prefix)]
        cut = spans(tokenizing(models.context.roles[self.model]), text, [*ends, *cut_places])
        draft = Draft.of(sampled, parents=(response.response_id,), steps=tuple(cut))
        return [replace(draft, text=text, tokens=cut[-1].token_end)]

    def _ends(self, text: str) -> list[int]:
        return step_ends(text, self.steps) if self.pattern is None else places(text, self.pattern)

    async def _right(
        self, prompt: Prompt, prefix: str, wrong: str, models: Models, check: BoundedCheck
    ) -> SampledText | Refusal:
        """The first continuation of ``prefix`` that is right and does not begin with ``wrong``."""
        model = models.at(prompt.prompt_id)[self.model]
        repeated, unknown, unfinished = 0, 0, 0
        for number in range(self.k):
            sampled = await continuation(prompt, prefix, model, number, sampling=self.sampling)
            if cut_off(sampled, self.cut) is not None:
                unfinished += 1
                continue
            text = prefix + sampled.text
            right, error = await marked(check.submit(prompt.messages, prompt.reference, text))
            unknown += error is not None
            if not right:
                continue
            if sampled.text.lstrip().startswith(wrong):
                repeated += 1
                continue
            return sampled
        numbers = {"tried": self.k, "not_checked": unknown, "right_with_the_wrong_step": repeated}
        if unfinished:
            numbers["cut_off"] = unfinished
        return Refusal("no continuation came right", numbers)

    def remarks(self, tables: Mapping[str, pl.DataFrame]) -> Mapping[str, Any]:
        """The index of the first wrong step of each response, or why it is unknown."""
        scores = tables[self.by].filter(pl.col("step").is_null())
        first_errors: dict[str, int | Refusal] = {}
        for response_id, value, error in scores.select("response_id", "value", "error").iter_rows():
            index = Refusal("score is an error", {"error": error}) if error else int(value)
            if first_errors.setdefault(response_id, index) != index:
                first_errors[response_id] = Refusal("scores of the wrong step differ")
        return first_errors
