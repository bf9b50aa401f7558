"""The step at which a solution goes wrong against one from which it comes right."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import polars as pl

from filters.filter import Filter, refused
from filters.pairing import as_pairs, same_text, with_messages
from schemas import Pairs, Prompts, Responses, Scores, Split, Table, Takes

Side = Literal["step", "answer"]


class StepPairs(Filter):
    """For each response of ``of``, which goes on from the beginning of one of ``wrong`` and comes
    right (`generators.Rectify`): its step after that beginning chosen, the step that ``wrong`` has
    there rejected. That step is the one whose index stage ``by`` has as the score of the wrong
    response as a whole (`annotators.FirstError`, `filters.LowestStep`).

    Both sides are the beginning and a step, or with ``answer`` all the rest of the answer;
    ``shared_prefix`` is the length of the beginning, and ``ends`` whether a side is where its
    author ended. The margin is not known. Each response that gives no pair is dropped under its own
    id, a prompt of which no pair is left as well.

    Sources: Lai et al. 2024, Step-DPO (arXiv:2406.18629), for two steps; Setlur et al. 2024
    (arXiv:2406.14532), for an answer against a step. Where several wrong responses give the same
    pair, it counts once, as in Step-DPO's public code.
    """

    gives: ClassVar[type[Table] | None] = Pairs
    unit: ClassVar[str] = "prompt_id"

    of: Annotated[str, Takes(Responses)]
    wrong: Annotated[str, Takes(Responses)]
    by: Annotated[str, Takes(Scores)]
    prompts: Annotated[str, Takes(Prompts)] = "prompts"
    chosen: Side = "step"
    rejected: Side = "step"

    def choose(self, tables: Mapping[str, pl.DataFrame]) -> Split:
        pairs = self._read(tables).with_columns(reason=self._reason())
        # Of several that say the same that of the smallest ids, so that order decides nothing.
        name = pl.concat_str("rejected_id", "chosen_id", separator=" ")
        sound = pl.col("reason").is_null()
        alike = ["prompt_id", "chosen_text", "rejected_text", "reason"]
        pairs = pairs.with_columns(
            reason=pl.when(sound & (name != name.min().over(alike)))
            .then(pl.lit("the same pair as another"))
            .otherwise("reason")
        )
        kept, bad = pairs.filter(sound), pairs.filter(~sound)
        made = as_pairs(kept.with_columns(margin=pl.lit(None, pl.Float64))).with_columns(
            kept.select(
                pl.col("start").alias("shared_prefix"),
                pl.struct(chosen="chosen_ends", rejected="rejected_ends").alias("ends"),
            )
        )
        emptied = bad.select("prompt_id").unique(maintain_order=True)
        emptied = emptied.join(made, on="prompt_id", how="anti", maintain_order="left")
        return Split(
            made,
            pl.concat(
                [
                    refused(bad, "chosen_id", pl.col("reason"), step=pl.col("step")),
                    refused(emptied, "prompt_id", "no pair left"),
                ]
            ),
        )

    def _read(self, tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
        """One row a response of ``of``, in order, with the wrong response it goes on from, the step
        and the texts of both sides."""
        index = pl.col("value").drop_nulls()
        told = (
            tables[self.by]
            .filter(pl.col("step").is_null())
            .group_by("response_id")
            .agg(step=pl.when(index.n_unique() == 1).then(index.first()).cast(pl.Int64))
        )
        wrong = (
            tables[self.wrong]
            .select("response_id", "text", "steps", "finish")
            .join(told, on="response_id", how="left")
        )
        parents = pl.col("origin").struct.field("parents")
        found = (
            tables[self.of]
            .select(
                "prompt_id",
                pl.col("response_id").alias("chosen_id"),
                parents.list.first().alias("rejected_id"),
                pl.col("text", "steps", "finish").name.prefix("chosen_"),
            )
            .join(
                wrong.rename(
                    {"response_id": "rejected_id"}
                    | {name: f"rejected_{name}" for name in ("text", "steps", "finish")}
                ),
                on="rejected_id",
                how="left",
                maintain_order="left",
            )
            .pipe(with_messages, tables[self.prompts])
        )
        # A list indexed from its end is not what -1, "no step is wrong", means.
        place = pl.when(pl.col("step") >= 0).then("step")
        spans = {
            side: pl.col(f"{side}_steps").list.get(place, null_on_oob=True)
            for side in ("chosen", "rejected")
        }
        found = found.with_columns(
            start=spans["rejected"].struct.field("start"),
            chosen_start=spans["chosen"].struct.field("start"),
            **{f"{side}_end": span.struct.field("end") for side, span in spans.items()},
        ).with_columns(
            begun=pl.col("rejected_text").str.head(pl.col("start")),
        )
        return found.with_columns(
            continues=pl.col("chosen_text").str.head(pl.col("start")) == pl.col("begun"),
            **{
                f"{side}_text": pl.col(f"{side}_text").str.head(pl.col(f"{side}_end"))
                if shown == "step"
                else pl.col(f"{side}_text")
                for side, shown in (("chosen", self.chosen), ("rejected", self.rejected))
            },
            **{f"{side}_ends": self._ends(side) for side in ("chosen", "rejected")},
        )

    def _ends(self, side: Literal["chosen", "rejected"]) -> pl.Expr:
        """Whether a side is where its author ended: a step is if it is the last."""
        stopped = pl.col(f"{side}_finish") == "stop"
        if getattr(self, side) == "answer":
            return stopped
        return stopped & (pl.col(f"{side}_end") == pl.col(f"{side}_text").str.len_chars())

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
        )
