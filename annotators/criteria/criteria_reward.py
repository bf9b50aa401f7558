"""The reward of each response under stated principles."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Annotated, Literal

import polars as pl

from annotators.criteria.criterion import Stated, criteria_of, judged_by
from annotators.rewards.reward import Reward
from engines.context import Context
from engines.model import Models
from engines.operators.scores import Score, ScorerSession
from engines.operators.stated_criteria import STATED, StatementTemplate, stated, worded
from engines.operators.system_turns import with_system
from engines.rows import Prompt, Response
from schemas import Criteria, Split, Takes

OWN_SYSTEM = "no principle can be stated: its prompt has a system turn of its own"


class CriteriaReward(Reward):
    """`annotators.Reward` of a model that reads principles (`filters.PrinciplePairs`): the criteria
    of stage ``by`` are put before each prompt as a system turn, a line each in ``template``, as
    they were in training. So a principle that is added, left out or ``negated`` in the recipe
    changes what is rewarded, without new labels.

    A prompt with a system turn of its own gives errors. One without a criterion has no scores.
    Weights of the criteria are not read.

    Source: Sun et al. 2023, SALMON (arXiv:2310.05910), section 3.3.
    """

    by: Annotated[str, Takes(Criteria)]
    template: StatementTemplate = STATED
    # The probes have prompts of their own, of which no stage states criteria.
    probes: Literal["off"] = "off"

    @contextmanager
    def session(
        self, tables: Mapping[str, pl.DataFrame], context: Context
    ) -> Iterator[ScorerSession]:
        """The session, which knows the criteria."""
        stated_criteria = judged_by(tables[self.by])
        session = ScorerSession(
            partial(self._under, stated_criteria), self.prepared(tables, context)
        )
        yield session
        session.findings = self.findings(session.counts)

    def rows_of(self, tables: Mapping[str, pl.DataFrame], session: ScorerSession) -> Split:
        """The scores. Of a stage that is worked in parts, each has the criteria of its prompts."""
        stated_criteria = judged_by(tables[self.by])
        return super().rows_of(tables, session.scored_by(partial(self._under, stated_criteria)))

    async def _under(
        self, stated_criteria: Stated, prompt: Prompt, responses: Sequence[Response], models: Models
    ) -> list[Score]:
        rows = criteria_of(prompt.prompt_id, stated_criteria)
        if not rows:
            return []
        statement = stated([worded(row) for row in rows], self.template)
        messages = with_system(prompt.messages, statement)
        if messages == tuple(prompt.messages):
            return [Score(one.response_id, "reward", None, error=OWN_SYSTEM) for one in responses]
        scores = await self.score(replace(prompt, messages=messages), responses, models)
        parents = tuple(row["criterion_id"] for row in rows)
        return [replace(one, parents=parents) for one in scores]
