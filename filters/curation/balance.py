"""Limits how many rows a prompt and a source have."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field, model_validator

from filters.filter import Filter, refused
from filters.pairing import tie_break
from schemas import Demonstrations, Pairs, Prompts, Responses, Split, Table, Takes, id_column


class Balance(Filter):
    """Limits how many rows a prompt and a source have. The rows to drop are drawn at random.

    ``per_prompt`` limits the rows of a prompt. ``per_source`` then limits the rows with the same
    value in column ``by``. The column belongs to the rows or, if they have no such column, to their
    prompts (``source``, ``licence``); rows without a value are one group. A whole number is the
    limit itself. A share s in (0, 1) gives the largest limit c for which no source has more than s
    of the kept rows: c ≤ s · Σᵢ min(nᵢ, c), with nᵢ the number of rows of source i. So as many rows
    as possible are kept.

    The draw depends only on ``seed`` and the ids of the rows.
    """

    gives: ClassVar[type[Table] | None] = None
    unit: ClassVar[str] = ""

    of: Annotated[str, Takes(Prompts, Responses, Pairs, Demonstrations)]
    prompts: Annotated[str, Takes(Prompts)] = "prompts"
    per_prompt: int | None = Field(default=None, ge=1)
    per_source: int | float | None = Field(default=None, gt=0)
    by: str = Field(default="source", min_length=1)
    seed: int = 0

    @property
    def by_prompt(self) -> bool:
        """The limit of a source is of all its prompts."""
        return self.per_source is None

    @model_validator(mode="after")
    def _capped(self) -> "Balance":
        if self.per_prompt is None and self.per_source is None:
            raise ValueError("Balance needs 'per_prompt', 'per_source' or both")
        if isinstance(self.per_source, float) and self.per_source >= 1:
            raise ValueError(
                f"'per_source' is a number of rows (a whole number, 1 or more) or a share below 1, "
                f"not {self.per_source}"
            )
        return self

    def choose_rows(self, tables: Mapping[str, pl.DataFrame], table: type[Table]) -> Split:
        frame = tables[self.of]
        unit = id_column(table)
        if unit == "prompt_id" and self.per_prompt is not None:
            raise ValueError(
                f"Balance of {self.of!r}: each prompt has one row, so 'per_prompt' has "
                "no effect; set 'per_source'"
            )
        judged = frame.select(pl.col(unit).alias("__id"), "prompt_id", self._group(tables))
        judged = judged.with_columns(
            tie_break=tie_break("__id", self.seed),
            reason=pl.lit(None, pl.String),
            rows=pl.lit(None, pl.UInt32),
            cap=pl.lit(None, pl.Int64),
        )
        if self.per_prompt is not None:
            judged = _cap(judged, "prompt_id", self.per_prompt, "prompt has too many rows")
        if self.per_source is not None:
            cap = self._source_cap(judged)
            judged = _cap(judged, "__group", cap, f"{self.by} has too many rows")
        kept = judged["reason"].is_null()
        return Split(
            frame.filter(kept),
            refused(
                judged.filter(~kept),
                "__id",
                pl.col("reason"),
                **{self.by: pl.col("__group"), "rows": pl.col("rows"), "cap": pl.col("cap")},
            ),
        )

    def _group(self, tables: Mapping[str, pl.DataFrame]) -> pl.Series:
        """The value of column ``by`` for each row."""
        frame, prompts = tables[self.of], tables[self.prompts]
        if self.by in frame.columns:
            values = frame[self.by]
        elif self.by in prompts.columns:
            groups = prompts.select("prompt_id", pl.col(self.by).alias("__group"))
            values = frame.select("prompt_id").join(
                groups, on="prompt_id", how="left", maintain_order="left"
            )["__group"]
        else:
            columns = ", ".join(dict.fromkeys(frame.columns + prompts.columns))
            raise ValueError(
                f"Balance of {self.of!r}: neither its rows nor their prompts have a column "
                f"{self.by!r}; there are {columns}"
            )
        if values.dtype.is_nested():
            raise ValueError(f"Balance by {self.by!r}: rows cannot be grouped by {values.dtype}")
        return values.cast(pl.String).alias("__group")

    def _source_cap(self, judged: pl.DataFrame) -> int:
        if isinstance(self.per_source, int):
            return self.per_source
        sizes = judged.filter(pl.col("reason").is_null())["__group"].value_counts()["count"]
        cap = share_cap(sizes.cast(pl.Int64).to_numpy(), float(self.per_source or 1))
        if cap == 0 and len(sizes):
            raise ValueError(
                f"{len(sizes)} values of {self.by!r} cannot each have at most {self.per_source} of "
                f"the rows: give 'per_source' a share of at least {1 / len(sizes):.3g}"
            )
        return cap


def share_cap(sizes: NDArray[np.int64], share: float) -> int:
    """The largest c ≤ max(sizes) with c ≤ share · Σ min(sizes, c); 0 if there is none above 0.

    The right side minus the left side is concave in c and 0 at 0, so every smaller c fits too.
    """
    low, high = 0, int(sizes.max(initial=0))
    while low < high:
        middle = (low + high + 1) // 2
        # In floating point 0.1 * 30 is 3.0000000000000004, and 0.3 * 10 may be below 3.
        fits = middle <= share * int(np.minimum(sizes, middle).sum()) + 1e-9
        low, high = (middle, high) if fits else (low, middle - 1)
    return low


def _cap(judged: pl.DataFrame, group: str, cap: int, reason: str) -> pl.DataFrame:
    """``judged`` with ``reason`` for the rows beyond the first ``cap`` rows of each group, in the
    order of their tie-breaks."""
    placed = judged.filter(pl.col("reason").is_null()).select(
        "__id",
        size=pl.len().over(group),
        place=pl.col("tie_break").rank("ordinal").over(group),
    )
    over = pl.col("place") > cap
    return (
        judged.join(placed, on="__id", how="left", maintain_order="left")
        .with_columns(
            reason=pl.when(over).then(pl.lit(reason)).otherwise("reason"),
            rows=pl.when(over).then("size").otherwise("rows"),
            cap=pl.when(over).then(pl.lit(cap)).otherwise("cap"),
        )
        .drop("size", "place")
    )
