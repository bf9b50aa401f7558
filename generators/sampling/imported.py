"""Responses, pairs, step labels and demonstrations of an imported dataset."""

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
    """The rows of the imported ``dataset`` for the prompts of stage ``of``. Calls no model.

    The prompts come from a source that reads the same dataset. A prompt without rows in the dataset
    is dropped.
    """

    gives: ClassVar[type[Table]]
    unit: ClassVar[str] = "prompt_id"

    of: Annotated[str, Takes(Prompts)] = "prompts"
    dataset: InnerFile

    def run(self, tables: Mapping[str, pl.DataFrame], context: Context) -> Split:
        """The rows, in the order of the prompts.

        Raises:
            EngineError: the dataset has no such rows.
        """
        prompt_ids = tables[self.of].select("prompt_id")
        rows = imported(context, self.dataset, self.gives)
        kept = prompt_ids.join(rows, on="prompt_id", how="inner", maintain_order="left_right")
        missing = prompt_ids.join(rows, on="prompt_id", how="anti", maintain_order="left")
        lost = dropped(context.stage, "not in the dataset", missing["prompt_id"].to_list())
        return Split(kept.select(rows.columns), lost)


class ImportedResponses(Imported):
    """The responses of an imported dataset to these prompts. Their lengths are counted in words,
    because their tokenizer is unknown."""

    gives: ClassVar[type[Table]] = Responses


class ImportedPairs(Imported):
    """The preference pairs of an imported dataset for these prompts.

    ``by`` names a stage with scores of the responses, which an export writes with the pairs.
    """

    gives: ClassVar[type[Table]] = Pairs

    by: Annotated[str, Takes(Scores)] | None = None


class ImportedSteps(Imported):
    """The solutions of an imported dataset to these prompts, with its labels of their steps."""

    gives: ClassVar[type[Table]] = StepLabels


class ImportedDemonstrations(Imported):
    """The demonstrations of an imported dataset for these prompts."""

    gives: ClassVar[type[Table]] = Demonstrations
