"""Joins the reasoning of responses to their texts, so that both are learned."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import polars as pl

from filters.filter import Filter, refused
from schemas import Responses, Split, Table, Takes


class JoinReasoning(Filter):
    """The same responses, each with its reasoning before its text: ``opens``, the reasoning,
    ``closes``, the text. A response without reasoning is not changed.

    Reasoning is stored apart from the text and is not learned. Pairs and demonstrations that are
    made after this stage teach both. The default marks are those of Qwen, DeepSeek, GLM and others.
    Score responses before this stage (their ids stay the same), or the reasoning is judged as a
    part of the answer. A response whose own words contain one of the marks is dropped: they would
    be learnt as a mark. Cut them into steps after it: a response with steps is dropped.
    """

    gives: ClassVar[type[Table] | None] = Responses
    unit: ClassVar[str] = "response_id"
    one_prompt: ClassVar[bool] = True

    of: Annotated[str, Takes(Responses)]
    opens: str = "<think>\n"
    closes: str = "\n</think>\n\n"

    def choose(self, tables: Mapping[str, pl.DataFrame]) -> Split:
        responses = tables[self.of]
        thought = pl.col("reasoning").is_not_null()
        stripped = [mark.strip() for mark in (self.opens, self.closes)]
        marks = pl.lit([mark for mark in stripped if mark], pl.List(pl.String))
        words = pl.concat_str("reasoning", "text", separator="\n", ignore_nulls=True)
        reason = (
            pl.when(thought & pl.col("steps").is_not_null())
            .then(pl.lit("cut into steps before its thought was joined to it"))
            .when(words.str.contains_any(marks))
            .then(pl.lit("its own words contain a mark of the thought"))
        )
        refusals = responses.select("response_id", reason=reason).filter(
            pl.col("reason").is_not_null()
        )
        marked = pl.concat_str(
            pl.lit(self.opens), "reasoning", pl.lit(self.closes), "text", ignore_nulls=True
        )
        return Split(
            responses.filter(reason.is_null()).with_columns(
                text=pl.when(thought).then(marked).otherwise("text"),
                reasoning=pl.lit(None, pl.String),
            ),
            refused(refusals, "response_id", pl.col("reason")),
        )
