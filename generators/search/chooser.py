"""The base class of choosers: generators that use an annotator to choose what they write."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, ClassVar, Self

import polars as pl

from engines.context import Context
from engines.model import Models
from engines.operators.nested_scorer import SUPPLIED, NestedScorer, scorer_session
from engines.operators.refusal import Refusal
from engines.operators.row_operator import RowOperator, RowSession
from engines.operators.sampled import Sampled
from engines.operators.scores import ScorerSession
from engines.rows import Prompt
from generators.drafts import Draft
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


class ChooserSession(RowSession):
    """A chooser during one stage. ``scorer``: the session of its scorer, whose counts it has."""

    def __init__(self, context: Context, scorer: ScorerSession) -> None:
        super().__init__(context)
        self.scorer, self.counts = scorer, scorer.counts

    def of_part(self) -> Self:
        """The same session, with counts of its own in it and in its scorer's."""
        part = super().of_part()
        part.scorer = self.scorer.of_part()
        part.counts = part.scorer.counts
        return part


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

    @contextmanager
    def session(
        self, tables: Mapping[str, pl.DataFrame], context: Context
    ) -> Iterator[ChooserSession]:
        """The session, with that of the scorer."""
        with scorer_session(self.scorer, tables, context, prompts=self.of) as scorer:
            yield ChooserSession(context, scorer)

    def rows_of(self, tables: Mapping[str, pl.DataFrame], session: ChooserSession) -> Split:
        """Responses to ``tables[self.of]``, in the order of the prompts."""
        return responses_to(
            tables[self.of],
            lambda prompt, models: self.choose(prompt, models, session.scorer),
            session.context,
            operator=self.path,
        )

    def report(self, session: ChooserSession) -> StageReport:
        """The findings of the scorer."""
        return StageReport(findings=session.scorer.findings)
