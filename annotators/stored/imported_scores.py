"""Scores of imported responses, by people or other models."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import polars as pl

from engines.context import Context
from engines.operators.imported_tables import imported
from schemas import InnerFile, Operator, Responses, Scores, Split, Table, Takes, dropped


class ImportedScores(Operator):
    """The scores of these responses in the imported ``dataset``, by ``annotators`` or by all. Calls
    no model.

    A response without a score is dropped.
    """

    gives: ClassVar[type[Table]] = Scores
    unit: ClassVar[str] = "response_id"

    of: Annotated[str, Takes(Responses)] = "responses"
    dataset: InnerFile
    annotators: tuple[str, ...] | None = None

    def run(self, tables: Mapping[str, pl.DataFrame], context: Context) -> Split:
        """The scores, in the order of the responses.

        Raises:
            EngineError: the dataset has no scores.
        """
        responses = tables[self.of].select("response_id")
        rows = imported(context, self.dataset, Scores)
        if self.annotators is not None:
            rows = rows.filter(pl.col("annotator").is_in(self.annotators))
        kept = responses.join(rows, on="response_id", how="inner", maintain_order="left_right")
        missing = responses.join(rows, on="response_id", how="anti", maintain_order="left")
        lost = dropped(context.stage, "no score", missing["response_id"].to_list())
        return Split(kept.select(rows.columns), lost)
