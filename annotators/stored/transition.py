"""What a revision did: its score less that of the response it was made from."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import polars as pl
from pydantic import BeforeValidator, Field

from schemas import (
    Dropped,
    Findings,
    Operator,
    Responses,
    Scores,
    Split,
    StageReport,
    Table,
    Takes,
    canonical,
    columns,
    empty,
)

_COUNTS = {
    (True, True): "right before and after",
    (True, False): "right before, wrong after",
    (False, True): "wrong before, right after",
    (False, False): "wrong before and after",
}


def _listed(stages: Any) -> Any:
    return [stages] if isinstance(stages, str) else stages


class Transition(Operator):
    """Scores each response of ``of`` by its score less that of the response it was made from: the
    first of its parents that stages ``by`` have a score of. Calls no model.

    ``by`` has the scores of both, in one stage or in several. The score of a response is the mean
    of its scores as a whole. ``raw`` has both scores, ``after`` and ``before``, in JSON. Where one
    of them is not known, the score is an error.

    A response is right if its score is above ``right``. Findings are the four counts of right and
    wrong before and after, and two shares: how many right responses were ``kept right``, and how
    many wrong ones were ``put right``.

    Source: the bonus of SCoRe (Kumar et al. 2024, arXiv:2409.12917, section 4), whose factor is the
    weight of this stage in ``rewards`` of `trainers.PolicyGradient`.
    """

    gives: ClassVar[type[Table]] = Scores
    unit: ClassVar[str] = "response_id"

    of: Annotated[str, Takes(Responses)]
    by: Annotated[tuple[str, ...], Takes(Scores), BeforeValidator(_listed), Field(min_length=1)]
    right: float = 0.5

    def run(self, tables: Mapping[str, pl.DataFrame], context: Any) -> Split:
        """A score or an error of each response, in their order."""
        means = _means(pl.concat(tables[name] for name in self.by))
        parents = pl.col("origin").struct.field("parents")
        revised = tables[self.of].select("response_id", parent=parents)
        before = (
            revised.explode("parent")
            .join(means, left_on="parent", right_on="response_id", maintain_order="left")
            .unique("response_id", keep="first", maintain_order=True)
            .rename({"value": "before"})
        )
        both = (
            revised.drop("parent")
            .join(means, on="response_id", how="left", maintain_order="left")
            .rename({"value": "after"})
            .join(before, on="response_id", how="left", maintain_order="left")
        )
        after, start = pl.col("after"), pl.col("before")
        scores = both.select(
            "response_id",
            step=pl.lit(None),
            annotator=pl.lit("transition"),
            value=(after - start).round_sig_figs(12),  # So that ties stay ties.
            raw=pl.struct("after", "before").struct.json_encode(),
            error=pl.when(after.is_null())
            .then(pl.lit("it has no score"))
            .when(start.is_null())
            .then(pl.lit("no response that it was made from has a score")),
            mass=pl.lit(None),
            origin=pl.struct(
                operator=pl.lit("annotators.Transition"),
                model=pl.lit(None, pl.String),
                parameters=pl.lit(canonical({})),
                seed=pl.lit(None, pl.UInt64),
                parents=pl.when(pl.col("parent").is_null())
                .then(pl.lit([], pl.List(pl.String)))
                .otherwise(pl.concat_list("parent")),
            ),
        )
        report = StageReport(findings=self._findings(both.drop_nulls()))
        return Split(scores.cast(columns(Scores)), empty(Dropped), report)

    def _findings(self, both: pl.DataFrame) -> Findings:
        pairs = both.select(pl.col("before", "after") > self.right).rows()
        counts = {name: pairs.count(pair) for pair, name in _COUNTS.items()}
        kept, lost, put, left = counts.values()
        return {
            **counts,
            "kept right": kept / (kept + lost) if kept + lost else None,
            "put right": put / (put + left) if put + left else None,
        }


def _means(scores: pl.DataFrame) -> pl.DataFrame:
    """``response_id`` and ``value``, the mean of its scores as a whole; no row if there is none."""
    response_scores = scores.filter(pl.col("step").is_null() & pl.col("value").is_not_null())
    return response_scores.group_by("response_id", maintain_order=True).agg(
        # Sorted, so that the order of the rows does not change the last digits.
        pl.col("value").sort().mean()
    )
