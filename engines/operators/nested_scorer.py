"""An annotator as a parameter of another operator, which gives it the rows."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

import polars as pl
from pydantic import AfterValidator, BeforeValidator, SerializeAsAny

from engines.context import Context
from engines.operators.scores import Scorer, ScorerSession
from engines.protocol import UntrainedHeadError
from schemas import Operator, load_operator


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


def _names_scorer(spec: dict[str, Any]) -> dict[str, Any]:
    _is_scorer(load_operator(spec))
    return spec


ScorerSpec = Annotated[dict[str, Any], AfterValidator(_names_scorer)]
"""A field that describes an annotator which is used only in some cases."""


SUPPLIED = frozenset({"of", "prompts"})
"""Inputs of a nested scorer that the operator around it provides."""


def has_weights(scorer: Operator, tables: Mapping[str, pl.DataFrame]) -> bool:
    """Whether there are weights for a `NestedScorer`: not if it reads those of an earlier refresh,
    ``checkpoint: STAGE@previous``, and this refresh is the first."""
    trained_by = getattr(scorer, "trained_by", None)
    return trained_by is None or not tables[trained_by].is_empty()


@contextmanager
def scorer_session(
    scorer: Operator, tables: Mapping[str, pl.DataFrame], context: Context, *, prompts: str
) -> Iterator[ScorerSession]:
    """The session of a `NestedScorer`.

    Args:
        scorer: the annotator inside the operator that runs.
        tables: the inputs of that operator, by stage name.
        context: the stage and its run.
        prompts: the stage whose prompts are given as the `SUPPLIED` inputs of the scorer.

    Raises:
        UntrainedHeadError: the scorer's model has no trained head; if that is because the stage
            that trains it had no row, the message says so.
    """
    assert isinstance(scorer, Scorer), "a recipe that holds another operator is refused"
    supplied = [read.stage for read in scorer.inputs() if read.field in SUPPLIED]
    try:
        with scorer.session(
            {**dict.fromkeys(supplied, tables[prompts]), **tables}, context
        ) as session:
            yield session
    except UntrainedHeadError as error:
        trainer = getattr(scorer, "trained_by", None)
        reasons = [] if trainer is None else tables[trainer]["reason"].drop_nulls().to_list()
        if not reasons:
            raise
        raise UntrainedHeadError(
            f"recipe {context.recipe!r}, stage {context.stage!r} cannot score by the checkpoint of "
            f"stage {trainer!r}, which trained nothing: {reasons[0]}"
        ) from error
