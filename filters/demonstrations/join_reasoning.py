"""Answers with the thoughts that led to them, to be learnt together."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import polars as pl

from filters.filter import Filter, refused
from schemas import Responses, Split, Table, Takes


class JoinReasoning(Filter):
    """The same responses, each with its thought before its text: ``opens``, the reasoning,
    ``closes`` and the text. One without a thought stays as it is.

    A thought is kept apart from the answer and is not learnt; what pairs or demonstrations are made
    of behind this stage teaches both. The marks are those of Qwen, DeepSeek, GLM and others unless
    they are set. Responses are scored before this stage (their ids stay), or the thought is judged
    as if it were said, and cut into steps after it: one that has steps is dropped.
    """

    gives: ClassVar[type[Table] | None] = Responses
    unit: ClassVar[str] = "response_id"

    of: Annotated[str, Takes(Responses)]
    opens: str = "<think>\n"
    closes: str = "\n</think>\n\n"

    def choose(self, tables: Mapping[str, pl.DataFrame]) -> Split:
        responses = tables[self.of]
        thought = pl.col("reasoning").is_not_null()
        early = thought & pl.col("steps").is_not_null()
        marked = pl.concat_str(
            pl.lit(self.opens), "reasoning", pl.lit(self.closes), "text", ignore_nulls=True
        )
        return Split(
            responses.filter(~early).with_columns(
                text=pl.when(thought).then(marked).otherwise("text"),
                reasoning=pl.lit(None, pl.String),
            ),
            refused(
                responses.filter(early),
                "response_id",
                "cut into steps before its thought was joined to it",
            ),
        )
