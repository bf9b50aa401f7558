"""The best response to a prompt against the worst."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import polars as pl
from pydantic import BeforeValidator, Field, SerializeAsAny

from filters.confidence.margins import deviation
from filters.confidence.weighing import Weighing
from filters.cut_off import ANSWER, CutAnswer, cut_refusal
from filters.filter import Filter, refused_by_reason
from filters.pairing import as_pairs, mean_scores, same_text, scored, tie_break, with_messages
from schemas import (
    ModelDefault,
    Pairs,
    Prompts,
    Responses,
    Scores,
    Split,
    Table,
    Takes,
    chooser_of,
    load_operator,
)


class BestWorst(Filter):
    """One pair per prompt: the highest scored response is chosen, the lowest scored rejected.

    The ``margin`` is the difference of their scores. The score of a response is the mean of the
    scores of stage ``by`` for the whole response; scores that are errors are not used. Ties are
    broken at random. A prompt is dropped if fewer than two of its responses have a score, if the
    scores of both sides are equal, if the margin is below ``min_margin``, if both sides have the
    same text, or if the best was cut off (unless ``cut: keep``).

    ``against: second`` rejects the second best response instead, ``random`` one of all but the
    best. ``length_penalty`` is subtracted from a score for each character of the response. These
    are the pair rules of the public code of RLHF Workflow (Dong et al. 2024, arXiv:2405.07863);
    there the penalty decides which two responses are a pair, and not which of them is chosen.

    ``min_standard_margin`` is the smallest margin in standard deviations of all scores of the stage
    ``by``. A judge that reads its grade from probabilities hardly ever gives two responses the same
    grade, so without such a floor its smallest differences, which another wording of its question
    would turn around, become pairs too.

    Every pair has the weight 1, or the weight that ``weight`` gives its prompt. A prompt without
    such a weight is dropped with that reason.

    Source: Yuan et al. 2024, Self-Rewarding Language Models (arXiv:2401.10020), section 2.3.
    """

    gives: ClassVar[type[Table] | None] = Pairs
    unit: ClassVar[str] = "prompt_id"
    one_prompt: ClassVar[bool] = True

    of: Annotated[str, Takes(Responses)]
    by: Annotated[str, Takes(Scores)]
    prompts: Annotated[str, Takes(Prompts)] = "prompts"
    against: Literal["worst", "second", "random"] = "worst"
    length_penalty: float = Field(default=0.0, ge=0)
    min_margin: float = Field(default=0.0, ge=0)
    min_standard_margin: Annotated[float, ModelDefault()] = Field(default=0.0, ge=0)
    cut: CutAnswer = "refuse"
    weight: Annotated[SerializeAsAny[Weighing] | None, BeforeValidator(load_operator)] = None

    @property
    def by_prompt(self) -> bool:
        """A floor in standard deviations looks at all rows, and so may weights."""
        return not self.min_standard_margin and (self.weight is None or self.weight.by_prompt)

    def role_of(self, field: str) -> str | None:
        """The floor of margins is that of the model that chose the scores."""
        return chooser_of(self.by)

    def choose(self, tables: Mapping[str, pl.DataFrame]) -> Split:
        responses = tables[self.of].select("response_id", "prompt_id", *ANSWER)
        ranked = scored(responses, tables[self.by])
        value = pl.col("value")
        if self.length_penalty:
            characters = pl.col("text").str.len_chars()
            ranked = ranked.with_columns(value - self.length_penalty * characters)
        prompts = ranked.group_by("prompt_id", maintain_order=True).agg(
            responses=pl.len(),
            scored=value.count(),
            errors=pl.col("errors").sum(),
        )
        chosen = _at(value.max(), ranked)
        sides = (
            ("chosen", "highest", chosen),
            ("rejected", "lowest", self._rejected(ranked, chosen)),
        )
        for side, end, rows in sides:
            prompts = prompts.join(
                rows.select(
                    "prompt_id",
                    value.alias(end),
                    pl.col("response_id").alias(f"{side}_id"),
                    pl.col(ANSWER).name.prefix(f"{side}_"),
                ),
                on="prompt_id",
                how="left",
                maintain_order="left",
            )
        prompts = prompts.with_columns(margin=pl.col("highest") - pl.col("lowest")).pipe(
            with_messages, tables[self.prompts]
        )
        numbers = ["highest", "lowest", "margin", "responses", "scored", "errors"]
        floor = 0.0
        if self.min_standard_margin:
            spread = deviation(mean_scores(tables[self.by])) or 0.0
            floor = self.min_standard_margin * spread
            prompts = prompts.with_columns(deviation=pl.lit(spread))
            numbers.append("deviation")
        prompts = prompts.with_columns(
            reason=pl.when(pl.col("messages").is_null())
            .then(pl.lit("prompt not found"))
            .when(pl.col("scored") < 2)
            .then(pl.lit("fewer than two scored responses"))
            .when(pl.col("margin") == 0)
            .then(pl.lit("all equal" if self.against == "worst" else "equal scores"))
            .when(pl.col("margin") < self.min_margin)
            .then(pl.lit("margin below min_margin"))
            .when(pl.col("margin") < floor)
            .then(pl.lit("margin below min_standard_margin"))
            .when(same_text())
            .then(pl.lit("same text"))
            .otherwise(cut_refusal(self.cut, "chosen_"))
        )
        if self.weight is None:
            prompts = prompts.with_columns(weight=pl.lit(1.0))
        else:
            weights = self.weight.weights(responses.drop(ANSWER), tables)
            prompts = prompts.join(weights, on="prompt_id", how="left", maintain_order="left")
            prompts = prompts.with_columns(pl.coalesce("reason", "unweighed").alias("reason"))
            numbers += [n for n in weights.columns if n not in ("prompt_id", "weight", "unweighed")]
        paired = prompts.filter(pl.col("reason").is_null())
        return Split(
            as_pairs(paired).with_columns(paired["weight"]),
            refused_by_reason(prompts, "prompt_id", *numbers),
        )

    def _rejected(self, ranked: pl.DataFrame, chosen: pl.DataFrame) -> pl.DataFrame:
        """The rejected response of each prompt."""
        if self.against == "worst":
            return _at(pl.col("value").min(), ranked)
        others = ranked.join(chosen, on="response_id", how="anti", maintain_order="left")
        if self.against == "second":
            return _at(pl.col("value").max(), others)
        # Another seed than that of ties: a draw must not depend on who was chosen among equals.
        drawn = others.drop_nulls("value").with_columns(lot=tie_break("response_id", 1)).sort("lot")
        return drawn.unique("prompt_id", keep="first", maintain_order=True)


def _at(end: pl.Expr, ranked: pl.DataFrame) -> pl.DataFrame:
    """One row of ``ranked`` per prompt with a value: the response with the value ``end``.
    `tie_break` decides among several."""
    at_end = ranked.filter(pl.col("value") == end.over("prompt_id"))
    tied = at_end["prompt_id"].is_duplicated()
    # Only ties are hashed: hashing a million ids takes longer than everything else here.
    drawn = (
        at_end.filter(tied)
        .with_columns(tie_break=tie_break("response_id"))
        .sort("tie_break")
        .drop("tie_break")
    )
    return pl.concat(
        [at_end.filter(~tied), drawn.unique("prompt_id", keep="first", maintain_order=True)]
    )
