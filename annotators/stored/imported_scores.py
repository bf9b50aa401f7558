"""What others have said of imported responses: people, or models nobody has to ask again."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import polars as pl

from engines.context import Context
from engines.operators.imported_tables import imported
from schemas import InnerFile, Operator, Responses, Scores, Split, Table, Takes, dropped


class ImportedScores(Operator):
    """The scores that the imported ``dataset`` has of these responses, by those of ``annotators``
    or all. Calls no model.

    A response that none of them has scored is dropped.
    """

    gives: ClassVar[type[Table]] = Scores
    unit: ClassVar[str] = "response_id"

    of: Annotated[str, Takes(Responses)] = "responses"
    dataset: InnerFile
    annotators: tuple[str, ...] | None = None

    def run(self, tables: Mapping[str, pl.DataFrame], context: Context) -> Split:
        """The scores, in the order of the responses. Raises `EngineError` where there are none."""
        asked = tables[self.of].select("response_id")
        rows = imported(context, self.dataset, Scores)
        if self.annotators is not None:
            rows = rows.filter(pl.col("annotator").is_in(self.annotators))
        kept = asked.join(rows, on="response_id", how="inner", maintain_order="left_right")
        missing = asked.join(rows, on="response_id", how="anti", maintain_order="left")
        refused = dropped(context.stage, "no score", missing["response_id"].to_list())
        return Split(kept.select(rows.columns), refused)
