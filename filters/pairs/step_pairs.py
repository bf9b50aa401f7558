"""The wrong step of a solution against a step that leads to a right answer."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import polars as pl

from filters.cut_off import ANSWER, CutAnswer, cut_refusal, is_complete
from filters.filter import Filter, refused
from filters.pairing import as_pairs, same_text, with_messages
from schemas import Pairs, Prompts, Responses, Scores, Split, Table, Takes

Side = Literal["step", "answer"]


class StepPairs(Filter):
    """One pair for each response of ``of``, which continues a prefix of a response of ``wrong`` to
    a right answer (`generators.Rectify`). Its step after the prefix is chosen; the step of the
    wrong response there is rejected. Stage ``by`` gives the index of that step as the score of the
    whole wrong response (`annotators.FirstError`, `filters.LowestStep`).

    A side is the prefix and a step or, with ``answer``, the prefix and all the rest.
    ``shared_prefix`` is the length of the prefix, ``ends`` whether a side ends its answer. The
    margin is unknown. A chosen side that was cut off at its end is not used (unless ``cut: keep``).
    Each response without a pair is dropped under its own id; a prompt without a
    pair is dropped too.

    Sources: Lai et al. 2024, Step-DPO (arXiv:2406.18629), for two steps; Setlur et al. 2024
    (arXiv:2406.14532), for an answer against a step. Equal pairs from several wrong responses count
    once, as in the public code of Step-DPO.
    """

    gives: ClassVar[type[Table] | None] = Pairs
    unit: ClassVar[str] = "prompt_id"
    one_prompt: ClassVar[bool] = True

    of: Annotated[str, Takes(Responses)]
    wrong: Annotated[str, Takes(Responses)]
    by: Annotated[str, Takes(Scores)]
    prompts: Annotated[str, Takes(Prompts)] = "prompts"
    chosen: Side = "step"
    rejected: Side = "step"
    cut: CutAnswer = "refuse"

    def choose(self, tables: Mapping[str, pl.DataFrame]) -> Split:
        pairs = self._read(tables).with_columns(reason=self._reason())
        # Of equal pairs the one with the smallest ids is kept, so that order does not matter.
        name = pl.concat_str("rejected_id", "chosen_id", separator=" ")
        is_pair = pl.col("reason").is_null()
        alike = ["prompt_id", "chosen_text", "rejected_text", "reason"]
        pairs = pairs.with_columns(
            reason=pl.when(is_pair & (name != name.min().over(alike)))
            .then(pl.lit("the same pair as another"))
            .otherwise("reason")
        )
        kept, bad = pairs.filter(is_pair), pairs.filter(~is_pair)
        rows = as_pairs(kept.with_columns(margin=pl.lit(None, pl.Float64))).with_columns(
            kept.select(
                pl.col("start").alias("shared_prefix"),
                pl.struct(chosen="chosen_ends", rejected="rejected_ends").alias("ends"),
            )
        )
        without_pair = bad.select("prompt_id").unique(maintain_order=True)
        without_pair = without_pair.join(rows, on="prompt_id", how="anti", maintain_order="left")
        return Split(
            rows,
            pl.concat(
                [
                    refused(bad, "chosen_id", pl.col("reason"), step=pl.col("step")),
                    refused(without_pair, "prompt_id", "no pair left"),
                ]
            ),
        )

    def _read(self, tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
        """One row per response of ``of``, in order, with the wrong response that it continues, the
        step and the texts of both sides."""
        index = pl.col("value").drop_nulls()
        first_errors = (
            tables[self.by]
            .filter(pl.col("step").is_null())
            .group_by("response_id")
            .agg(step=pl.when(index.n_unique() == 1).then(index.first()).cast(pl.Int64))
        )
        wrong = (
            tables[self.wrong]
            .select("response_id", "steps", *ANSWER)
            .join(first_errors, on="response_id", how="left")
        )
        parents = pl.col("origin").struct.field("parents")
        sides = (
            tables[self.of]
            .select(
                "prompt_id",
                pl.col("response_id").alias("chosen_id"),
                parents.list.first().alias("rejected_id"),
                pl.col("steps", *ANSWER).name.prefix("chosen_"),
            )
            .join(
                wrong.rename(
                    {"response_id": "rejected_id"}
                    | {name: f"rejected_{name}" for name in ("steps", *ANSWER)}
                ),
                on="rejected_id",
                how="left",
                maintain_order="left",
            )
            .pipe(with_messages, tables[self.prompts])
        )
        # -1 means that no step is wrong; it must not index a list from its end.
        place = pl.when(pl.col("step") >= 0).then("step")
        spans = {
            side: pl.col(f"{side}_steps").list.get(place, null_on_oob=True)
            for side in ("chosen", "rejected")
        }
        sides = sides.with_columns(
            start=spans["rejected"].struct.field("start"),
            chosen_start=spans["chosen"].struct.field("start"),
            **{f"{side}_end": span.struct.field("end") for side, span in spans.items()},
        ).with_columns(
            begun=pl.col("rejected_text").str.head(pl.col("start")),
        )
        return sides.with_columns(
            continues=pl.col("chosen_text").str.head(pl.col("start")) == pl.col("begun"),
            **{
                f"{side}_text": pl.col(f"{side}_text").str.head(pl.col(f"{side}_end"))
                if shown == "step"
                else pl.col(f"{side}_text")
                for side, shown in (("chosen", self.chosen), ("rejected", self.rejected))
            },
            **{f"{side}_is_last": self._is_last(side) for side in ("chosen", "rejected")},
        ).with_columns(
            pl.col(f"{side}_is_last").and_(is_complete(f"{side}_finish")).alias(f"{side}_ends")
            for side in ("chosen", "rejected")
        )

    def _is_last(self, side: Literal["chosen", "rejected"]) -> pl.Expr:
        """Whether a side reaches the end of its response."""
        if getattr(self, side) == "answer":
            return pl.lit(value=True)
        return pl.col(f"{side}_end") == pl.col(f"{side}_text").str.len_chars()

    def _reason(self) -> pl.Expr:
        """Why a row gives no pair; null if it does."""
        return (
            pl.when(pl.col("messages").is_null())
            .then(pl.lit("prompt not found"))
            .when(pl.col("rejected_finish").is_null())
            .then(pl.lit("wrong response not found"))
            .when(pl.col("step").is_null())
            .then(pl.lit("wrong step not known"))
            .when(pl.col("rejected_steps").is_null() | pl.col("chosen_steps").is_null())
            .then(pl.lit("not cut into steps"))
            .when(pl.col("start").is_null())
            .then(pl.lit("no step is wrong"))
            .when(~pl.col("continues"))
            .then(pl.lit("begins otherwise"))
            .when((pl.col("chosen_start") != pl.col("start")).fill_null(True))
            .then(pl.lit("cut otherwise"))
            .when(same_text())
            .then(pl.lit("same step"))
            .when("chosen_is_last")
            .then(cut_refusal(self.cut, "chosen_"))
        )
