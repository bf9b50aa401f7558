"""One score per response from the scores of its steps."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import polars as pl

from filters.filter import Filter
from filters.steps.step_rewards import by_response, rewritten
from schemas import Scores, Split, Table, Takes


class AggregateSteps(Filter):
    """Replaces the score of a response by an aggregate of the scores of its steps: the lowest, the
    product (the probability that all are right, if the scores are probabilities; Lightman et al.
    2023, arXiv:2305.20050), the mean, the last, or the sum (the return of a policy that is rewarded
    for each step).

    Annotators keep their names; each gives one score. A response is dropped if its steps have no
    scores or if one of these is an error.
    """

    gives: ClassVar[type[Table] | None] = Scores
    unit: ClassVar[str] = "response_id"
    one_prompt: ClassVar[bool] = True

    of: Annotated[str, Takes(Scores)]
    rule: Literal["min", "product", "mean", "last", "sum"] = "min"

    def choose(self, tables: Mapping[str, pl.DataFrame]) -> Split:
        values = pl.col("values").list
        value = {
            "min": values.min(),
            "product": values.eval(pl.element().product()).list.first(),
            "mean": values.mean(),
            "last": values.last(),
            "sum": values.sum(),
        }[self.rule]
        return rewritten(by_response(tables[self.of]).with_columns(value=value), keep_steps=False)
