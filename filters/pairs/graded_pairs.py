"""Versions of a response against more degraded versions of it."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import polars as pl

from filters.cut_off import ANSWER, CutAnswer, cut_refusal
from filters.filter import Filter, refused
from filters.pairing import as_pairs, same_text
from filters.pairs.edits import common_prefix
from schemas import Pairs, Prompts, Responses, Split, Table, Takes


class GradedPairs(Filter):
    """Pairs of two versions of one response: the less degraded one is chosen.

    ``of`` has the degraded versions (`generators.Degrade`; the level is in ``origin.parameters``),
    ``originals`` the responses that they were made from, which have level 0. ``adjacent`` pairs
    each version with the next more degraded one, ``original`` the original with each version,
    ``all`` each version with all more degraded ones. ``margin`` is the difference of the levels,
    the degree of preference (SPO, Li et al. 2024, arXiv:2409.17791). A version without a level or
    without its original is dropped under its own id; so is a version whose better version was cut
    off (unless ``cut: keep``). A prompt without a pair is dropped too.
    """

    gives: ClassVar[type[Table] | None] = Pairs
    unit: ClassVar[str] = "prompt_id"
    one_prompt: ClassVar[bool] = True

    of: Annotated[str, Takes(Responses)]
    originals: Annotated[str, Takes(Responses)]
    prompts: Annotated[str, Takes(Prompts)] = "prompts"
    pairs: Literal["adjacent", "original", "all"] = "adjacent"
    cut: CutAnswer = "refuse"

    def choose(self, tables: Mapping[str, pl.DataFrame]) -> Split:
        versions = levels(tables[self.of]).with_row_index("place")
        originals = tables[self.originals].select(
            pl.col("response_id").alias("original"), pl.col(ANSWER).name.prefix("original_")
        )
        messages = tables[self.prompts].select("prompt_id", "messages")
        judged = versions.join(originals, on="original", how="left", maintain_order="left")
        judged = judged.join(
            messages, on="prompt_id", how="left", maintain_order="left"
        ).with_columns(
            reason=pl.when(pl.col("messages").is_null())
            .then(pl.lit("prompt not found"))
            .when(pl.col("level").is_null())
            .then(pl.lit("no level"))
            .when(pl.col("original_text").is_null())
            .then(pl.lit("original not found"))
        )
        pairs = self._paired(judged.filter(pl.col("reason").is_null())).with_columns(
            reason=cut_refusal(self.cut, "chosen_")
        )
        cut = pairs.filter(pl.col("reason").is_not_null())
        pairs = pairs.filter(pl.col("reason").is_null())
        bad = judged.filter(pl.col("reason").is_not_null())
        without_pair = versions.select("prompt_id").unique(maintain_order=True)
        without_pair = without_pair.join(pairs, on="prompt_id", how="anti", maintain_order="left")
        return Split(
            as_pairs(pairs).with_columns(
                common_prefix(pairs["chosen_text"], pairs["rejected_text"])
            ),
            pl.concat(
                [
                    refused(bad, "response_id", pl.col("reason"), level=pl.col("level")),
                    refused(cut, "rejected_id", pl.col("reason"), level=pl.col("level")),
                    refused(without_pair, "prompt_id", "no pair left"),
                ]
            ),
        )

    def _paired(self, versions: pl.DataFrame) -> pl.DataFrame:
        """Columns of `as_pairs`, in the order of the rejected versions."""
        better = pl.concat(
            [
                versions.select("original", "response_id", *ANSWER, "level"),
                versions.unique("original", maintain_order=True).select(
                    "original",
                    pl.col("original").alias("response_id"),
                    *(pl.col(f"original_{name}").alias(name) for name in ANSWER),
                    pl.lit(0.0).alias("level"),
                ),
            ]
        )
        better = better.rename(_side("chosen") | {"level": "chosen_level"})
        pairs = (
            versions.rename(_side("rejected"))
            .join(better, on="original", maintain_order="left")
            .filter(pl.col("chosen_level") < pl.col("level"))
        )
        if self.pairs == "adjacent":
            nearest = pl.col("chosen_level").max().over("rejected_id")
            pairs = pairs.filter(pl.col("chosen_level") == nearest)
        elif self.pairs == "original":
            pairs = pairs.filter(pl.col("chosen_level") == 0)
        pairs = pairs.with_columns(margin=(pl.col("level") - pl.col("chosen_level")).round(12))
        return pairs.filter(~same_text()).sort("place", "chosen_level", maintain_order=True)


def _side(side: str) -> dict[str, str]:
    """New names of a response's columns on one side of a pair."""
    return {"response_id": f"{side}_id"} | {name: f"{side}_{name}" for name in ANSWER}


def levels(degraded: pl.DataFrame) -> pl.DataFrame:
    """Degraded `Responses` with columns ``response_id``, ``prompt_id``, `ANSWER`, ``original`` (the
    id of the response that it was made from) and ``level`` (Float64, null if missing)."""
    origin = pl.col("origin").struct
    return degraded.select(
        "response_id",
        "prompt_id",
        *ANSWER,
        original=origin.field("parents").list.first(),
        level=origin.field("parameters")
        .str.json_path_match("$.level")
        .cast(pl.Float64, strict=False),
    )
