"""Balances right and wrong steps."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import polars as pl

from filters.filter import Filter, refused
from schemas import Split, StepLabels, Table, Takes, columns, content_id


class BalanceSteps(Filter):
    """Keeps as many labels of right steps as of wrong steps, for each position (``by: position``:
    first steps, second steps, …) or in all. Labels and values of the more frequent kind are removed
    at random; the draw depends only on ``seed``, the response and the step. A solution without a
    label left is dropped.

    If early steps are mostly right and late ones mostly wrong, a model would learn the position of
    a step. By position: GLoRe (Havrilla et al. 2024, arXiv:2402.10963). In all: OmegaPRM (Luo et
    al. 2024, arXiv:2406.06592) balances right and wrong examples.
    """

    gives: ClassVar[type[Table] | None] = StepLabels
    unit: ClassVar[str] = "response_id"

    of: Annotated[str, Takes(StepLabels)]
    by: Literal["position", "all"] = "position"
    seed: int = 0

    def choose(self, tables: Mapping[str, pl.DataFrame]) -> Split:
        labels = tables[self.of]
        groups = ["step"] if self.by == "position" else [pl.lit(0)]
        steps = (
            labels.select("response_id", label="labels", worth="values")
            .with_columns(step=pl.int_ranges(pl.col("label").list.len().cast(pl.Int64)))
            .explode("label", "worth", "step")
        )
        ids = steps.select("response_id", "step").iter_rows()
        hashes = [content_id(self.seed, response_id, step) for response_id, step in ids]
        right, wrong = (pl.col("label").eq(kind).sum().over(groups) for kind in (True, False))
        rank = pl.col("tie_break").rank("ordinal").over([*groups, "label"])
        left = rank <= pl.min_horizontal(right, wrong)
        steps = steps.with_columns(pl.Series("tie_break", hashes, dtype=pl.String)).with_columns(
            left=left & pl.col("label").is_not_null()
        )
        kept = steps.group_by("response_id").agg(
            labels=pl.when("left").then("label"),
            values=pl.when("left").then("worth"),
            had=pl.col("label").count(),
            left=pl.col("left").sum(),
        )
        balanced = labels.drop("labels", "values").join(
            kept, on="response_id", how="left", maintain_order="left"
        )
        return Split(
            balanced.filter(pl.col("left") > 0).select(columns(StepLabels).names()),
            refused(
                balanced.filter(pl.col("left") == 0),
                "response_id",
                "no label left",
                labels=pl.col("had"),
            ),
        )
