"""The base class of choosers: generators that use an annotator to choose what they write."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar

import polars as pl

from engines.context import Context
from engines.model import Models
from engines.operators.nested_scorer import SUPPLIED, NestedScorer, scorer_session
from engines.operators.row_operator import RowOperator
from engines.operators.sampled import Sampled
from engines.operators.scores import ScorerSession
from engines.rows import Prompt
from generators.drafts import Draft, Refusal
from generators.generator import responses_to
from schemas import (
    GeneratingRole,
    Prompts,
    Responses,
    Split,
    StageReport,
    Table,
    Takes,
)


class Chooser(Sampled, RowOperator):
    """Base class: writes with ``model`` what ``scorer``, any annotator, scores highest. A subclass
    implements ``choose`` for one prompt.

    The chooser gives the scorer its rows, so ``of`` and ``prompts`` of the scorer are not read. Its
    other inputs (``checkpoint``) are. The findings are those of the scorer.
    """

    gives: ClassVar[type[Table]] = Responses
    unit: ClassVar[str] = "prompt_id"
    supplies: ClassVar[frozenset[str]] = SUPPLIED

    of: Annotated[str, Takes(Prompts)] = "prompts"
    model: GeneratingRole = "policy"
    scorer: NestedScorer

    @abstractmethod
    async def choose(
        self, prompt: Prompt, models: Models, scorer: ScorerSession
    ) -> Sequence[Draft] | Refusal:
        """Responses to ``prompt``, or a refusal. An exception drops the prompt with the exception's
        message."""

    def run(self, tables: Mapping[str, pl.DataFrame], context: Context) -> Split:
        """Responses to ``tables[self.of]``, in the order of the prompts."""
        with scorer_session(self.scorer, tables, context, prompts=self.of) as scorer:
            split = responses_to(
                tables[self.of],
                lambda prompt, models: self.choose(prompt, models, scorer),
                context,
                operator=self.path,
            )
        return split.with_report(StageReport(findings=scorer.findings))
