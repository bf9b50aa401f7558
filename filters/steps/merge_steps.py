"""Merges two consecutive steps into one."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import polars as pl

from filters.filter import Filter
from schemas import Dropped, Split, StepLabels, Takes, content_id, empty


class MergeSteps(Filter):
    """Every solution unchanged, and again with each two consecutive steps merged into one, with the
    label of the second step: whether an error was corrected counts, not that there was one. A
    solution of two or more steps gives two such rows: one merges steps 1 and 2, 3 and 4, and so on,
    the other steps 2 and 3, 4 and 5, and so on. A step that is left over has no label there.

    A model that reads a solution once and is scored at the end of each step reads the same text
    either way. For it, merging changes the weight of the labels. A model that sees the current step
    apart from the steps before it sees longer steps: `FocusSteps`.

    Source: Wang et al. 2025, Towards Hierarchical Multi-Step Reward Models (arXiv:2503.13551); its
    public code gives the pair the label of the later step. It also moves some nodes one level up at
    random, which changes labels at random; that is not done here.
    """

    gives: ClassVar = StepLabels
    unit: ClassVar[str] = "prompt_id"

    of: Annotated[str, Takes(StepLabels)]

    def choose(self, tables: Mapping[str, pl.DataFrame]) -> Split:
        rows = tables[self.of]
        longer = rows.filter(pl.col("completions").list.len() > 1)
        merged = [_merged(longer, offset) for offset in (0, 1)]
        return Split(pl.concat([rows, *merged]), empty(Dropped))


def _merged(rows: pl.DataFrame, offset: int) -> pl.DataFrame:
    """``rows`` with each two steps merged, beginning with the first step or, with ``offset`` 1,
    with the second. A row without a label or value of a merged step is left out."""
    pair = (pl.col("place") + offset) // 2
    steps = (
        rows.select("response_id", "completions", "labels", "values")
        .with_columns(place=pl.int_ranges(pl.col("completions").list.len()))
        .explode("completions", "labels", "values", "place")
        .group_by("response_id", pair.alias("pair"), maintain_order=True)
        .agg(
            pl.col("completions").str.join(),
            *(
                pl.when(pl.len() == 2).then(pl.col(name).last()).alias(name)
                for name in ("labels", "values")
            ),
        )
        .group_by("response_id", maintain_order=True)
        .agg("completions", "labels", "values")
    )
    spans = (
        rows.select("response_id", "spans")
        .drop_nulls("spans")
        .with_columns(place=pl.int_ranges(pl.col("spans").list.len()))
        .explode("spans", "place")
        .unnest("spans")
        .group_by("response_id", pair.alias("pair"), maintain_order=True)
        .agg(
            pl.col("start").first(),
            pl.col("end").last(),
            pl.col("token_start").first(),
            pl.col("token_end").last(),
        )
        .group_by("response_id", maintain_order=True)
        .agg(spans=pl.struct("start", "end", "token_start", "token_end"))
    )
    wrong = pl.col("labels").list.eval(pl.arg_where(~pl.element().fill_null(True))).list.first()
    has_labels = (pl.col(name).list.drop_nulls().list.len() > 0 for name in ("labels", "values"))
    merged = (
        rows.select("response_id", "prompt_id", "prompt")
        .join(steps, on="response_id", maintain_order="left")
        .join(spans, on="response_id", how="left", maintain_order="left")
        .filter(pl.any_horizontal(has_labels))
        .with_columns(first_error=wrong.cast(pl.Int32))
    )
    ids = [content_id("merged", offset, one) for one in merged["response_id"]]
    with_ids = merged.with_columns(pl.Series("response_id", ids, dtype=pl.String))
    return with_ids.select(rows.columns)
