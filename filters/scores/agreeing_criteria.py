"""The criteria that agree with known preferences."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import polars as pl
from pydantic import Field

from filters.filter import Filter, refused, refused_by_reason
from schemas import Criteria, Pairs, Scores, Split, StageReport, Table, Takes


class AgreeingCriteria(Filter):
    """Keeps the criteria that rank the sides of ``pairs`` as these are labelled: in at least the
    share ``at_least`` of the pairs, and of these criteria the ``most`` that agree best.

    ``by`` are the scores of the pairs' responses, one annotator a criterion (`annotators.Criteria`
    with ``score_by: criterion``). A pair counts for a criterion if it scored both sides as a whole;
    a tie counts half. Of equal shares, that of more pairs is better.

    ``of`` are the criteria themselves, to be asked further; or scores by criterion, of the same or
    of other responses. Then a response is kept with its scores by these criteria, and dropped if it
    has none. Findings have the ``agreement`` of each criterion and its number of ``pairs``.

    Source: Lai et al. 2024, ALaRM (arXiv:2403.06754), which keeps aspects that are consistent with
    the holistic reward.
    """

    gives: ClassVar[type[Table] | None] = None
    unit: ClassVar[str] = ""

    of: Annotated[str, Takes(Criteria, Scores)]
    pairs: Annotated[str, Takes(Pairs)]
    by: Annotated[str, Takes(Scores)]
    at_least: float = Field(default=0.5, ge=0, le=1)
    most: int | None = Field(default=None, ge=1)

    def choose_rows(self, tables: Mapping[str, pl.DataFrame], table: type[Table]) -> Split:
        agreements = agreement(tables[self.pairs], tables[self.by])
        best = agreements.filter(pl.col("agreement") >= self.at_least)
        best = best.sort("agreement", "pairs", "name", descending=[True, True, False])
        names = best["name"].head(self.most or best.height)
        report = StageReport(findings=_findings(agreements, names))
        rows = tables[self.of]
        if table is Scores:
            kept = rows.filter(pl.col("annotator").is_in(names.implode()))
            lost = rows.join(kept, on="response_id", how="anti").unique(
                "response_id", maintain_order=True
            )
            return Split(kept, refused(lost, "response_id", "no criterion that agrees"), report)
        rows = rows.join(agreements, on="name", how="left", maintain_order="left").with_columns(
            reason=pl.when(pl.col("name").is_in(names.implode()))
            .then(None)
            .when(pl.col("agreement").is_null())
            .then(pl.lit("it scored no pair"))
            .when(pl.col("agreement") < self.at_least)
            .then(pl.lit("agreement below at_least"))
            .otherwise(pl.lit("others agree better"))
        )
        kept = rows.filter(pl.col("reason").is_null()).select(tables[self.of].columns)
        return Split(kept, refused_by_reason(rows, "criterion_id", "agreement", "pairs"), report)


def agreement(pairs: pl.DataFrame, scores: pl.DataFrame) -> pl.DataFrame:
    """``name``, ``agreement`` in [0, 1] and number of ``pairs`` of each annotator of ``scores``
    that scored both sides of a pair."""
    valid = scores.filter(pl.col("step").is_null() & pl.col("value").is_not_null())
    sides = {
        side: valid.select(
            pl.col("response_id").alias(f"{side}_id"),
            pl.col("annotator").alias("name"),
            pl.col("value").alias(side),
        )
        for side in ("chosen", "rejected")
    }
    both = pairs.select("chosen_id", "rejected_id").join(sides["chosen"], on="chosen_id")
    both = both.join(sides["rejected"], on=["rejected_id", "name"])
    hit = (pl.col("chosen") > pl.col("rejected")) + 0.5 * (pl.col("chosen") == pl.col("rejected"))
    return both.group_by("name").agg(agreement=hit.mean(), pairs=pl.len()).sort("name")


def _findings(agreements: pl.DataFrame, names: pl.Series) -> dict[str, Any]:
    return {
        name: {"agreement": share, "pairs": pairs, "kept": name in names}
        for name, share, pairs in agreements.iter_rows()
    }
