"""Weights of tokens from scores of tokens."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import polars as pl

from filters.filter import Filter, refused_by_reason
from schemas import Pairs, Split, Table, Takes, TokenScores


class TokenWeights(Filter):
    """Gives each pair ``token_weights`` from the token scores ``by`` of its sides: 1 + s for a
    token of the chosen side with score s, and 1 − s for one of the rejected side. So what is good
    in the better answer is raised more, and what is bad in the worse one is lowered more.

    The weight of the end of the turn, which follows, is that of ``end_value``; a side that was cut
    off has none. Scores are in [-1, 1], and those of a response are of one annotator.

    A recipe that trains a role with another tokenizer than that of the scores is refused when it
    loads. Where a tokenizer is not on this machine yet, `trainers.DPO` only drops the pairs whose
    sides have another number of tokens.

    A pair is dropped if a side has no scores or several, if they are of another text or lack that
    of the end, if one is outside of [-1, 1], or if the sides were split by different tokenizers.
    """

    gives: ClassVar[type[Table] | None] = Pairs
    unit: ClassVar[str] = "pair_id"
    one_prompt: ClassVar[bool] = True

    of: Annotated[str, Takes(Pairs)]
    by: Annotated[str, Takes(TokenScores)]

    def choose(self, tables: Mapping[str, pl.DataFrame]) -> Split:
        rows = tables[self.of]
        columns = rows.columns
        for side, sign in (("chosen", 1.0), ("rejected", -1.0)):
            rows = rows.join(
                _of_responses(tables[self.by], side),
                on=f"{side}_id",
                how="left",
                maintain_order="left",
            ).with_columns(_scores(side).alias(f"{side}_scores"))
            rows = rows.with_columns(
                _refusal(side).alias(f"{side}_reason"),
                pl.col(f"{side}_scores").list.eval(1 + sign * pl.element()).alias(f"{side}_w"),
            )
        tokenizers_differ = pl.col("chosen_tokenizer") != pl.col("rejected_tokenizer")
        rows = rows.with_columns(
            reason=pl.coalesce(
                "chosen_reason",
                "rejected_reason",
                pl.when(tokenizers_differ).then(
                    pl.lit("the sides were split by different tokenizers")
                ),
            ),
            token_weights=pl.struct(chosen="chosen_w", rejected="rejected_w"),
        )
        kept = rows.filter(pl.col("reason").is_null()).select(columns)
        return Split(kept, refused_by_reason(rows, "pair_id"))


def _of_responses(scores: pl.DataFrame, side: str) -> pl.DataFrame:
    """The first scores of each response and how many ``sets`` it has, in columns of ``side``."""
    names = ("tokenizer", "values", "end_value")
    return (
        scores.group_by("response_id")
        .agg(
            pl.col(names).first(),
            last=pl.col("token_ends").first().list.last(),
            sets=pl.len(),
        )
        .rename(lambda name: f"{side}_id" if name == "response_id" else f"{side}_{name}")
    )


def _ends(side: str) -> pl.Expr:
    return pl.col("ends").struct.field(side).fill_null(True)


def _scores(side: str) -> pl.Expr:
    """The scores of the tokens and, of an answer that ends, of the end of its turn."""
    values = pl.col(f"{side}_values")
    ended = pl.concat_list(values, pl.col(f"{side}_end_value"))
    return pl.when(_ends(side)).then(ended).otherwise(values)


def _refusal(side: str) -> pl.Expr:
    length = pl.col(side).list.last().struct.field("content").str.len_chars()
    farthest = pl.col(f"{side}_scores").list.eval(pl.element().abs()).list.max()
    reasons = {
        f"no token scores of the {side} side": pl.col(f"{side}_sets").is_null(),
        f"several annotators scored the tokens of the {side} side": pl.col(f"{side}_sets") > 1,
        f"the token scores of the {side} side are of another text": (
            pl.col(f"{side}_last") != length
        ),
        f"no score of the end of the {side} side": (
            _ends(side) & pl.col(f"{side}_end_value").is_null()
        ),
        f"a token score of the {side} side is outside of [-1, 1]": farthest > 1,
    }
    return pl.coalesce(*(pl.when(bad).then(pl.lit(reason)) for reason, bad in reasons.items()))
