"""Chains of responses: each with those that it was made from, and what the user said to them."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Annotated

import polars as pl
from pydantic import Field, model_validator

from filters.cut_off import CutAnswer, cut_refusal, is_complete
from filters.filter import Filter, refused_by_reason
from filters.pairing import scored, with_messages
from schemas import Prompts, Responses, Scores, Split, Takes


class Chains(Filter):
    """Base class: each response of ``of`` after an answer of each stage of ``after`` and what the
    user said to it.

    The answers are those among the response's ancestors, by the parents of their origin: a
    revision's critique, and the draft that the critique is about. What the user says is fixed text,
    one of ``asked`` for each stage of ``after``.

    A response is dropped if it is a transcript itself (``turns``), if a stage has none or several
    of its ancestors, if an earlier answer was cut off or it was itself (unless ``cut: keep``), or
    if its mean score ``by`` is below ``at_least``.
    """

    of: Annotated[str, Takes(Responses)]
    after: Annotated[tuple[str, ...], Takes(Responses)] = Field(min_length=1)
    asked: tuple[Annotated[str, Field(min_length=1)], ...]
    prompts: Annotated[str, Takes(Prompts)] = "prompts"
    by: Annotated[str, Takes(Scores)] | None = None
    at_least: float | None = None
    cut: CutAnswer = "refuse"

    @model_validator(mode="after")
    def _fitting(self) -> "Chains":
        if len(self.asked) != len(self.after):
            raise ValueError(
                f"asked: {len(self.asked)} texts for {len(self.after)} stages in after; give one "
                "for each, what the user says to its answer"
            )
        if (self.by is None) != (self.at_least is None):
            raise ValueError("by and at_least belong together: give both, or neither")
        return self

    def choose(self, tables: Mapping[str, pl.DataFrame]) -> Split:
        ancestors = _ancestors(tables[self.of], [tables[name] for name in self.after])
        rows = with_messages(tables[self.of], tables[self.prompts])
        if self.by is not None:
            rows = scored(rows, tables[self.by])
        for number, name in enumerate(self.after):
            rows = rows.join(
                _answers(tables[name], ancestors, number),
                on="response_id",
                how="left",
                maintain_order="left",
            )
        rows = rows.with_columns(reason=self._refusal())
        kept = rows.filter(pl.col("reason").is_null())
        return Split(self.joined(kept), refused_by_reason(rows, "response_id"))

    @abstractmethod
    def joined(self, chains: pl.DataFrame) -> pl.DataFrame:
        """Rows of the table ``gives``, from responses with their ``messages`` and, of each stage of
        ``after``, the answer ``answer_0``, ``answer_1`` and so on, and its id ``answer_id_0``."""

    def unfit(self, number: int) -> pl.Expr:
        """Why the answer ``number`` cannot be joined to the response; null if it can."""
        return pl.lit(None, pl.String)

    def _refusal(self) -> pl.Expr:
        reasons: list[pl.Expr] = [
            pl.when(pl.col("messages").is_null()).then(pl.lit("prompt not found")),
            pl.when(pl.col("turns").is_not_null()).then(
                pl.lit("it is a chat itself: a transcript")
            ),
        ]
        for number, name in enumerate(self.after):
            count = pl.col(f"count_{number}")
            reasons += [
                pl.when(count.is_null()).then(pl.lit(f"no response of {name!r} led to it")),
                pl.when(f"is_transcript_{number}").then(
                    pl.lit(f"the answer of {name!r} is a chat itself: a transcript")
                ),
                pl.when(count > 1).then(pl.lit(f"several responses of {name!r} led to it")),
                pl.when(~is_complete(f"finish_{number}")).then(
                    pl.lit(f"the answer of {name!r} was cut off")
                ),
                self.unfit(number),
            ]
        if self.at_least is not None:
            reasons += [
                pl.when(pl.col("value").is_null()).then(pl.lit("no score")),
                pl.when(pl.col("value") < self.at_least).then(pl.lit("score below at_least")),
            ]
        return pl.coalesce(*reasons, cut_refusal(self.cut))


def _ancestors(responses: pl.DataFrame, others: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Columns ``response_id`` of ``responses`` and ``ancestor``, each of its ancestors once."""
    parents = [
        frame.select("response_id", ancestor=pl.col("origin").struct.field("parents"))
        .explode("ancestor")
        .drop_nulls()
        for frame in (responses, *others)
    ]
    all_parents = pl.concat(parents[1:]).unique()
    last = ancestors = parents[0].unique()
    for _ in others:
        last = last.join(all_parents, left_on="ancestor", right_on="response_id").select(
            "response_id", ancestor="ancestor_right"
        )
        ancestors = pl.concat([ancestors, last]).unique()
    return ancestors


def _answers(frame: pl.DataFrame, ancestors: pl.DataFrame, number: int) -> pl.DataFrame:
    """The ancestor of each response in ``frame``: ``answer``, ``answer_id``, ``model``, ``finish``
    and their ``count``, each with the number."""
    answers = frame.select(
        "finish",
        ancestor="response_id",
        answer="text",
        answer_id="response_id",
        is_transcript=pl.col("turns").is_not_null(),
        model=pl.col("origin").struct.field("model"),
    )
    names = ("answer", "answer_id", "finish", "is_transcript", "model")
    return (
        ancestors.join(answers, on="ancestor")
        .group_by("response_id")
        .agg(pl.col(names).first(), count=pl.len())
        .rename({name: f"{name}_{number}" for name in (*names, "count")})
    )
