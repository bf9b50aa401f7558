"""The base class of choosers: generators that use an annotator to choose what they write."""

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


def _is_scorer(operator: Operator) -> Operator:
    if not isinstance(operator, Scorer):
        raise ValueError(
            f"{type(operator).__name__} is not a scorer: name an annotator, as in "
            "{use: annotators.ProcessReward, checkpoint: prm}"
        )
    return operator


NestedScorer = Annotated[
    SerializeAsAny[Operator], BeforeValidator(load_operator), AfterValidator(_is_scorer)
]
"""A field that holds an annotator, written in YAML as a mapping with ``use``."""


SUPPLIED = frozenset({"of", "prompts"})
"""Inputs of a nested scorer that the operator around it provides."""


def scorer_session(
    scorer: Operator, tables: Mapping[str, pl.DataFrame], context: Context, *, prompts: str
) -> AbstractContextManager[ScorerSession]:
    """The session of a `NestedScorer`.

    Args:
        scorer: the annotator inside the operator that runs.
        tables: the inputs of that operator, by stage name.
        context: the stage and its run.
        prompts: the stage whose prompts are given as the `SUPPLIED` inputs of the scorer.
    """
    assert isinstance(scorer, Scorer), "a recipe that holds another operator is refused"
    supplied = [read.stage for read in scorer.inputs() if read.field in SUPPLIED]
    return scorer.session({**dict.fromkeys(supplied, tables[prompts]), **tables}, context)


class Chooser(RowOperator):
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
    temperature: float = Field(default=1.0, ge=0)
    max_tokens: int = Field(default=256, ge=1)

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
