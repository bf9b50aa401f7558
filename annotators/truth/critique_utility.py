"""What a critique is worth: how much more often revisions end right with it in view."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any

import polars as pl
from pydantic import Field

from annotators.truth.reference_check import CheckedAnnotator
from annotators.truth.rollout_value import raw
from engines.checks import marked
from engines.model import Models
from engines.operators.cut_off import Cut, cut_off
from engines.operators.rollouts import Estimate, Rollout
from engines.operators.row_operator import sampling_parameters
from engines.operators.sampled import Varied
from engines.operators.scores import Score, ScorerSession
from engines.protocol import RowError
from engines.rows import Prompt, Response
from schemas import GeneratingRole, ModelDefault, Responses, Split, Takes, TemplateName


class CritiqueUtility(Varied, CheckedAnnotator):
    """Scores a critique by the share of ``k`` revisions of its draft, written by ``model`` with the
    critique in view, that end right, less the share of ``k`` revisions without it: in [−1, 1].
    ``raw`` has the counts, such as "6/8 with it, 2/8 without".

    The responses are critiques. The draft of each is its parent in stage ``drafts``. Without a
    critique the model is asked for a better version (template ``improve``), so a critique of a
    draft that it mends anyway is worth nothing. The critiques of a draft share these revisions. A
    revision is checked as it is written, even if it repeats the draft.

    A revision that was cut off does not count, unless ``cut: read``. The score is an error if the
    critique was cut off, if it does not have exactly one draft, or if no revision of a kind can be
    checked.

    Sources: Xi et al. 2024, AutoMathCritique (arXiv:2411.16579), keeps critiques whose revisions
    end right; Lan et al. 2024, MultiCritique (arXiv:2410.15287), prefers critiques by revisions.
    That the share without a critique is taken off differs from both.
    """

    drafts: Annotated[str, Takes(Responses)]
    model: GeneratingRole = "policy"
    k: int = Field(default=8, ge=1)
    template: TemplateName = "revise"
    plain_template: TemplateName = "improve"
    max_tokens: Annotated[int, ModelDefault("revision_tokens")] = Field(default=512, ge=1)
    cut: Cut = "refuse"

    def rows_of(self, tables: Mapping[str, pl.DataFrame], session: ScorerSession) -> Split:
        drafts = dict(tables[self.drafts].select("response_id", "text").iter_rows())
        return super().rows_of(tables, session.scored_by(partial(self._scores, drafts=drafts)))

    async def score(
        self, prompt: Prompt, responses: Sequence[Response], models: Models
    ) -> list[Score]:
        """Errors: it needs the drafts, which `rows_of` reads."""
        return await self._scores(prompt, responses, models, drafts={})

    async def _scores(
        self,
        prompt: Prompt,
        responses: Sequence[Response],
        models: Models,
        *,
        drafts: Mapping[str, str],
    ) -> list[Score]:
        errors, parents = {}, {}
        for one in responses:
            drafted = [parent for parent in one.origin["parents"] if parent in drafts]
            error = cut_off(one)
            if error is None and len(drafted) != 1:
                error = (
                    f"{len(drafted)} of its parents are drafts of stage {self.drafts!r}, not one"
                )
            if error is None:
                parents[one.response_id] = drafted[0]
            errors[one.response_id] = error
        # By the row whose seeds they have: the draft, and the critique if there is one.
        revisions: dict[str, tuple[str, dict[str, str]]] = {
            draft: (draft, {}) for draft in parents.values()
        }
        for one in responses:
            if one.response_id in parents:
                revisions[one.response_id] = parents[one.response_id], {"critique": one.text}
        estimates = await asyncio.gather(
            *(
                self._revised(prompt, models.at(row_id), response=drafts[draft], **shown)
                for row_id, (draft, shown) in revisions.items()
            )
        )
        revised = dict(zip(revisions, estimates, strict=True))
        opinion = partial(
            Score,
            annotator="critique_utility",
            model=models[self.model].revision,
            parameters=sampling_parameters(self.sampling),
        )
        scores = []
        for name, error in errors.items():
            if error is not None:
                scores.append(opinion(name, value=None, error=error))
                continue
            shown, plain = revised[name], revised[parents[name]]
            raw_values = f"{raw(shown)} with it, {raw(plain)} without"
            if shown.value is None or plain.value is None:
                error = shown.error or plain.error
                scores.append(opinion(name, value=None, raw=raw_values, error=error))
            else:
                scores.append(opinion(name, value=shown.value - plain.value, raw=raw_values))
        return scores

    async def _revised(self, prompt: Prompt, models: Models, **variables: Any) -> Estimate:
        """The ``k`` revisions of a draft, with its critique if there is one, and their truth."""
        model, check = models[self.model], self.check_of(models.context, prompt.source)
        template = self.template if "critique" in variables else self.plain_template
        try:
            question = self.ask(model, template, prompt=prompt, **variables)
            revisions = await model.generate(question, n=self.k, sampling=self.sampling)
        except RowError as refusal:
            return Estimate((Rollout("", None, error=f"not answered: {refusal}"),), generated=0)
        rollouts = []
        for one in revisions:
            right, error = None, cut_off(one, self.cut)
            if error is None:
                answer = check.submit(prompt.messages, prompt.reference, one.text)
                right, error = await marked(answer)
            rollouts.append(Rollout(one.text, right, one.finish, error, one.tokens))
        return Estimate(tuple(rollouts), len(rollouts))
