"""Rows whose prompt says how good the answer shall be."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import polars as pl
from pydantic import Field, model_validator

from filters.confidence.relabel import turned_where
from filters.filter import Filter, refused_by_reason
from filters.pairing import mean_scores
from schemas import MESSAGES, Demonstrations, Pairs, Prompts, Scores, Split, Table, Takes
from schemas.ids import content_ids


class Conditioned(Filter):
    """Puts a condition before each prompt, as a system turn: ``template`` with ``{condition}``.

    The condition of a demonstration is the score ``by`` of its response, rounded to ``decimals``;
    or the source of its prompt in ``source_of``; or the fixed ``tag``. Several tags (a class for
    each stage of answers) are several such filters and `filters.Union`.

    A pair gives a second, mirrored row. The first asks for the score of the chosen side (or
    ``tag``), the second for that of the rejected side (or ``other``), which is then the chosen one;
    margin and weight stay. A pair whose scores are equal, or contradict it, is dropped. With
    ``source_of`` there is one row only.

    For inference, ``system`` of `generators.Sample` and `trainers.Validate` is the same text with
    the best condition. They do not change a prompt that has a system turn, so such rows are
    dropped here.

    Source: Zhang et al. 2024, Reward-Augmented Data (arXiv:2410.08067), for mirrored pairs; Wang et
    al. 2023, OpenChat (arXiv:2309.11235), for classes of sources.
    """

    gives: ClassVar[type[Table] | None] = None
    unit: ClassVar[str] = ""
    adds: ClassVar[bool] = True
    one_prompt: ClassVar[bool] = True

    of: Annotated[str, Takes(Demonstrations, Pairs)]
    template: str
    by: Annotated[str | None, Takes(Scores)] = None
    decimals: int = Field(0, ge=0, le=6)
    source_of: Annotated[str | None, Takes(Prompts)] = None
    tag: str | None = Field(None, min_length=1)
    other: str | None = Field(None, min_length=1)

    @model_validator(mode="after")
    def _one_condition(self) -> "Conditioned":
        if "{condition}" not in self.template:
            raise ValueError("template has no {condition}, so all rows would be asked the same")
        if sum(source is not None for source in (self.by, self.source_of, self.tag)) != 1:
            raise ValueError("give one of by, source_of and tag: what the condition is")
        if self.other is not None and (self.tag is None or self.other == self.tag):
            raise ValueError("other goes with another tag: what the rejected side is asked for by")
        return self

    def choose_rows(self, tables: Mapping[str, pl.DataFrame], table: type[Table]) -> Split:
        if table is Pairs:
            return self._pairs(tables)
        if self.other is not None:
            raise ValueError(f"other is for pairs, but {self.of!r} gives demonstrations")
        rows = tables[self.of]
        columns = rows.columns
        rows = self._with_conditions(rows, tables, {"condition": "response_id"})
        rows = rows.with_columns(reason=_refusal("messages", "condition"))
        kept = rows.filter(pl.col("reason").is_null())
        kept = kept.with_columns(
            self._with_system_message("messages", "condition"),
            loss_spans=_moved(kept["loss_spans"]),
        )
        return Split(kept.select(columns), refused_by_reason(rows, "demonstration_id"))

    def _pairs(self, tables: Mapping[str, pl.DataFrame]) -> Split:
        rows = tables[self.of]
        columns = rows.columns
        sides = {"high": "chosen_id", "low": "rejected_id"}
        rows = self._with_conditions(rows, tables, sides)
        refusal = _refusal("prompt", "high")
        if self.by is not None:
            refusal = pl.coalesce(refusal, _contradiction())
        rows = rows.with_columns(reason=refusal)
        kept = rows.filter(pl.col("reason").is_null())
        versions = [kept.with_columns(condition="high")]
        if self.by is not None or self.other is not None:
            all_turned = pl.Series([True] * kept.height, dtype=pl.Boolean)
            ids = kept.select("pair_id", "low").get_columns()
            mirrored = turned_where(kept, all_turned).with_columns(
                content_ids(*ids).alias("pair_id"), kept["margin"], condition="low"
            )
            versions.append(mirrored)
        conditioned = (
            pl.concat([each.with_row_index("_place") for each in versions])
            .sort("_place", maintain_order=True)
            .with_columns(self._with_system_message("prompt", "condition"))
        )
        return Split(conditioned.select(columns), refused_by_reason(rows, "pair_id"))

    def _with_conditions(
        self, rows: pl.DataFrame, tables: Mapping[str, pl.DataFrame], of: Mapping[str, str]
    ) -> pl.DataFrame:
        """``rows`` with a condition, null if there is none, for each response that ``of`` names a
        column of; and its score as ``<name>_value``."""
        if self.by is not None:
            means = mean_scores(tables[self.by])
            for name, column in of.items():
                values = means.select(
                    pl.col("response_id").alias(column), pl.col("value").alias(f"{name}_value")
                )
                rows = rows.join(values, on=column, how="left", maintain_order="left")
            return rows.with_columns(self._score_text(name) for name in of)
        if self.source_of is not None:
            sources = tables[self.source_of].select("prompt_id", *_copies(of))
            return rows.drop("condition", strict=False).join(
                sources, on="prompt_id", how="left", maintain_order="left"
            )
        tags = zip(of, (self.tag, self.other), strict=False)
        return rows.with_columns(pl.lit(tag, pl.String).alias(name) for name, tag in tags)

    def _score_text(self, name: str) -> pl.Expr:
        """A score as text; adding 0 makes -0 a 0."""
        return (
            pl.col(f"{name}_value")
            .round(self.decimals)
            .map_elements(lambda value: f"{value + 0.0:.{self.decimals}f}", pl.String)
            .alias(name)
        )

    def _with_system_message(self, messages: str, condition: str) -> pl.Expr:
        before, after = self.template.split("{condition}", 1)
        content = pl.concat_str(pl.lit(before), pl.col(condition), pl.lit(after))
        turn = pl.concat_list(pl.struct(role=pl.lit("system"), content=content)).cast(MESSAGES)
        return pl.concat_list(turn, pl.col(messages).cast(MESSAGES)).alias(messages)


def _copies(of: Mapping[str, str]) -> list[pl.Expr]:
    return [pl.col("source").alias(name) for name in of]


def _refusal(messages: str, condition: str) -> pl.Expr:
    roles = pl.element().struct.field("role") == "system"
    return (
        pl.when(pl.col(condition).is_null())
        .then(pl.lit("no condition: its score or its prompt is missing"))
        .when(pl.col(messages).list.eval(roles).list.any())
        .then(pl.lit("its prompt has a system turn of its own"))
    )


def _contradiction() -> pl.Expr:
    """Why the scores of a pair give no two conditions."""
    return (
        pl.when(pl.col("low").is_null())
        .then(pl.lit("no condition: its score or its prompt is missing"))
        .when(pl.col("high_value") < pl.col("low_value"))
        .then(pl.lit("the rejected side has the higher score"))
        .when(pl.col("high") == pl.col("low"))
        .then(pl.lit("both sides have the same condition"))
    )


def _moved(spans: pl.Series) -> pl.Series:
    """``loss_spans`` after one more message before the others."""
    if spans.null_count() == len(spans):
        return spans
    moved = [
        row and [[span[0] + 1, *span[1:]] if len(span) == 3 else span for span in row]
        for row in spans.to_list()
    ]
    return pl.Series(spans.name, moved, spans.dtype)
