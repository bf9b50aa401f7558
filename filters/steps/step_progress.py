"""How much each step of a response raised the value of what is written so far."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import polars as pl

from filters.filter import Filter
from filters.steps.step_rewards import by_response, rewritten
from schemas import Scores, Split, Table, Takes


class StepProgress(Filter):
    """Gives each step of a response the value of the prefix that it ends less that of the prefix
    before it; before the first step is the prompt alone, step −1 (`annotators.RolloutValue`). Their
    sum, what the whole response gained over the prompt, is the score of the whole.

    A response is dropped if its steps have no scores, or if one of these or that of the prompt is
    an error.

    Source: Qu et al. 2025, MRT (arXiv:2503.07572), definition 6.1, with ``of`` by forced answers:
    the reward of progress that is added to that of the answer.
    """

    gives: ClassVar[type[Table] | None] = Scores
    unit: ClassVar[str] = "response_id"
    one_prompt: ClassVar[bool] = True

    of: Annotated[str, Takes(Scores)]

    def choose(self, tables: Mapping[str, pl.DataFrame]) -> Split:
        scores, keys = tables[self.of], ["response_id", "annotator"]
        before = scores.filter(pl.col("step") == -1).group_by(keys).agg(pl.col("value").first())
        prefixes = pl.concat_list("value", "values")
        gained = (
            by_response(scores)
            .join(before, on=keys, how="left", maintain_order="left")
            .with_columns(
                value=pl.col("values").list.last() - pl.col("value"),
                values=prefixes.list.diff(null_behavior="drop"),
            )
        )
        return rewritten(gained, keep_steps=True)
