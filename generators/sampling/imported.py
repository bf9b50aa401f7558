"""Rows that somebody else wrote: responses, pairs, step labels and demonstrations of an imported
dataset."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import polars as pl

from engines.context import Context
from engines.operators.imported_tables import imported
from schemas import (
    Demonstrations,
    InnerFile,
    Operator,
    Pairs,
    Prompts,
    Responses,
    Scores,
    Split,
    StepLabels,
    Table,
    Takes,
    dropped,
)


class Imported(Operator):
    """The rows of the imported ``dataset`` that belong to the prompts of stage ``of``, which a
    source of the dataset's prompts gives. Calls no model.

    A prompt that the dataset has no row of is dropped.
    """

    gives: ClassVar[type[Table]]
    unit: ClassVar[str] = "prompt_id"

    of: Annotated[str, Takes(Prompts)] = "prompts"
    dataset: InnerFile

    def run(self, tables: Mapping[str, pl.DataFrame], context: Context) -> Split:
        """The rows, in the order of the prompts. Raises `EngineError` where there are none."""
        asked = tables[self.of].select("prompt_id")
        rows = imported(context, self.dataset, self.gives)
        kept = asked.join(rows, on="prompt_id", how="inner", maintain_order="left_right")
        missing = asked.join(rows, on="prompt_id", how="anti", maintain_order="left")
        refused = dropped(context.stage, "not in the dataset", missing["prompt_id"].to_list())
        return Split(kept.select(rows.columns), refused)


class ImportedResponses(Imported):
    """The responses of an imported dataset to these prompts. Their lengths are in words: nobody's
    tokens they were written in."""

    gives: ClassVar[type[Table]] = Responses


class ImportedPairs(Imported):
    """The preferences that an imported dataset states between responses to these prompts.

    ``by`` names a stage of their scores, for an export to keep them beside the pairs.
    """

    gives: ClassVar[type[Table]] = Pairs

    by: Annotated[str, Takes(Scores)] | None = None


class ImportedSteps(Imported):
    """The solutions of these prompts with labels of their steps, as an imported dataset has
    them."""

    gives: ClassVar[type[Table]] = StepLabels


class ImportedDemonstrations(Imported):
    """The answers to these prompts that an imported dataset holds up to be imitated."""

    gives: ClassVar[type[Table]] = Demonstrations
