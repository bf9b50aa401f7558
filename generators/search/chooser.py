"""What a chooser is: a generator with an annotator inside it, which says what is good."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar

import polars as pl
from pydantic import AfterValidator, BeforeValidator, Field, SerializeAsAny

from engines.model import Model, Models
from engines.operators.context import Context
from engines.operators.scores import Scorer
from generators.generator import Generator
from schemas import GeneratingRole, Operator, Split, load_operator


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


def beside(prepared: Context, own: Context, role: str) -> Context:
    """``prepared``, a scorer's, in which ``role`` still writes as it does in ``own``.

    A scorer may bind its role to what an earlier stage trained: a value model on the policy's own
    body, say. The steps that it values are none the less the policy's (`writer`).
    """
    if role not in own.roles:
        return prepared
    return replace(prepared, roles={**prepared.roles, _writing(role): own.roles[role]})


def writer(models: Models, role: str) -> Model:
    """The model that writes for ``role``, whatever a scorer has bound it to."""
    return models[_writing(role) if _writing(role) in models.context.roles else role]


def _writing(role: str) -> str:
    return f"{role}, writing"


class Chooser(Generator):
    """Writes with ``model`` what ``scorer``, any annotator, likes best.

    The scorer is handed the rows, so what it is told of ``of`` and ``prompts`` is not read; the
    stages that it reads besides (``checkpoint``) are.
    """

    supplies: ClassVar[frozenset[str]] = frozenset({"of", "prompts"})

    model: GeneratingRole = "policy"
    scorer: NestedScorer
    temperature: float = Field(default=1.0, ge=0)
    max_tokens: int = Field(default=256, ge=1)

    @property
    def judge(self) -> Scorer:
        """The scorer, as what it can do."""
        scorer: Any = self.scorer
        assert isinstance(scorer, Scorer), "a recipe that holds another operator is refused"
        return scorer

    def run(self, tables: Mapping[str, pl.DataFrame], context: Context) -> Split:
        """Responses to ``tables[self.of]``, in the order of the prompts."""
        given = {name: tables.get(name, tables[self.of]) for name in self._told()} | dict(tables)
        prepared = self.judge.prepared(given, context)
        return super().run(given, beside(prepared, context, self.model))

    def _told(self) -> list[str]:
        """The names under which the scorer looks for rows that it is handed one by one."""
        return [read.stage for read in self.scorer.inputs() if read.field in self.supplies]
