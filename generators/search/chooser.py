"""What a chooser is: a generator with an annotator inside it, which says what is good."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Annotated, ClassVar

import polars as pl
from pydantic import AfterValidator, BeforeValidator, Field, SerializeAsAny

from engines.context import Context
from engines.model import Models
from engines.operators.row_operator import RowOperator
from engines.operators.scores import Scorer, ScorerSession
from engines.rows import Prompt
from generators.drafts import Draft, Refusal
from generators.generator import responses_to
from schemas import (
    GeneratingRole,
    Operator,
    Prompts,
    Responses,
    Split,
    StageReport,
    Table,
    Takes,
    load_operator,
)


def _scores(operator: Operator) -> Operator:
    if not isinstance(operator, Scorer):
        raise ValueError(
            f"{type(operator).__name__} scores nothing: name an annotator, as in "
            "{use: annotators.ProcessReward, checkpoint: prm}"
        )
    return operator


NestedScorer = Annotated[
    SerializeAsAny[Operator], BeforeValidator(load_operator), AfterValidator(_scores)
]
"""A field that holds an annotator, written in YAML as a mapping with ``use``."""


SUPPLIED = frozenset({"of", "prompts"})
"""Inputs of a nested scorer whose rows the operator around it hands over."""


def scorer_session(
    scorer: Operator, tables: Mapping[str, pl.DataFrame], context: Context, *, prompts: str
) -> AbstractContextManager[ScorerSession]:
    """The session of a `NestedScorer`.

    Args:
        scorer: the annotator inside the operator that runs.
        tables: what that operator reads, by stage name.
        context: where and for whom the stage runs.
        prompts: the stage whose prompts stand for the `SUPPLIED` inputs of the scorer.
    """
    assert isinstance(scorer, Scorer), "a recipe that holds another operator is refused"
    supplied = [read.stage for read in scorer.inputs() if read.field in SUPPLIED]
    return scorer.session({**dict.fromkeys(supplied, tables[prompts]), **tables}, context)


class Chooser(RowOperator):
    """Writes with ``model`` what ``scorer``, any annotator, rates highest. A subclass says how, for
    one prompt, in ``choose``.

    The scorer is handed the rows, so its own ``of`` and ``prompts`` are not read; the stages that
    it reads besides (``checkpoint``) are. The findings are the scorer's.
    """

    gives: ClassVar[type[Table]] = Responses
    unit: ClassVar[str] = "prompt_id"
    supplies: ClassVar[frozenset[str]] = SUPPLIED

    of: Annotated[str, Takes(Prompts)] = "prompts"
    model: GeneratingRole = "policy"
    scorer: NestedScorer
    temperature: float = Field(default=1.0, ge=0)
    max_tokens: int = Field(default=256, ge=1)

    @abstractmethod
    async def choose(
        self, prompt: Prompt, models: Models, scorer: ScorerSession
    ) -> Sequence[Draft] | Refusal:
        """Responses to ``prompt``, or why there are none. An exception drops the prompt, with the
        exception's words."""

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
