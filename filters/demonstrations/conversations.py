"""Chats of several turns, made from chains of responses."""

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar

import polars as pl
from pydantic import Field, model_validator

from filters.cut_off import CutAnswer, cut_refusal, is_complete
from filters.filter import Filter, refused_by_reason
from filters.pairing import as_demonstrations, assistant_message, scored, with_messages
from schemas import Demonstrations, Prompts, Responses, Scores, Split, Table, Takes


class Conversations(Filter):
    """The chat that led to each response of ``of``: its prompt, then an answer of each stage of
    ``after`` and what the user said to it, then the response.

    The answers are those among the response's ancestors, by the parents of their origin: a
    revision's critique, and the draft that the critique is about. What the user says is fixed text,
    one of ``asked`` for each stage of ``after``. ``learn`` names the stages whose turns are learned
    (`schemas.Demonstrations.loss_spans`); without it only the response itself is.

    A response is dropped if it is a transcript itself (``turns``), if a stage has none or several
    of its ancestors, if an earlier answer was cut off or it was itself (unless ``cut: keep``), or
    if its mean score ``by`` is below ``at_least``.
    """

    gives: ClassVar[type[Table] | None] = Demonstrations
    unit: ClassVar[str] = "response_id"
    one_prompt: ClassVar[bool] = True

    of: Annotated[str, Takes(Responses)]
    after: Annotated[tuple[str, ...], Takes(Responses)] = Field(min_length=1)
    asked: tuple[Annotated[str, Field(min_length=1)], ...]
    prompts: Annotated[str, Takes(Prompts)] = "prompts"
    learn: tuple[str, ...] = ()
    by: Annotated[str, Takes(Scores)] | None = None
    at_least: float | None = None
    cut: CutAnswer = "refuse"

    @model_validator(mode="after")
    def _fitting(self) -> "Conversations":
        if len(self.asked) != len(self.after):
            raise ValueError(
                f"asked: {len(self.asked)} texts for {len(self.after)} stages in after; give one "
                "for each, what the user says to its answer"
            )
        unknown = [name for name in self.learn if name not in (*self.after, self.of)]
        if unknown:
            raise ValueError(f"learn: {unknown[0]!r} is neither in after nor of")
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
        chats = as_demonstrations(kept.with_columns(self._turns()))
        if self.learn:
            chats = chats.with_columns(self._spans(kept))
        return Split(chats, refused_by_reason(rows, "response_id"))

    def _turns(self) -> pl.Expr:
        """All messages before the response."""
        turns = [
            turn
            for text, said in zip(_texts(self.after), self.asked, strict=True)
            for turn in (assistant_message(text), _user_message(said))
        ]
        return pl.concat_list("messages", *turns)

    def _refusal(self) -> pl.Expr:
        reasons = [
            pl.when(pl.col("messages").is_null()).then(pl.lit("prompt not found")),
            pl.when(pl.col("turns").is_not_null()).then(
                pl.lit("it is a chat itself: a transcript")
            ),
        ]
        for number, name in enumerate(self.after):
            count = pl.col(f"count_{number}")
            reasons += [
                pl.when(count.is_null()).then(pl.lit(f"no response of {name!r} led to it")),
                pl.when(count > 1).then(pl.lit(f"several responses of {name!r} led to it")),
                pl.when(~is_complete(f"finish_{number}")).then(
                    pl.lit(f"the answer of {name!r} was cut off")
                ),
            ]
        if self.at_least is not None:
            reasons += [
                pl.when(pl.col("value").is_null()).then(pl.lit("no score")),
                pl.when(pl.col("value") < self.at_least).then(pl.lit("score below at_least")),
            ]
        return pl.coalesce(*reasons, cut_refusal(self.cut))

    def _spans(self, rows: pl.DataFrame) -> pl.Series:
        """[message, start, end) of each learned answer: the messages of the prompt are followed by
        an answer and what is asked next, in turn."""
        texts = dict(zip((*self.after, self.of), [*_texts(self.after), "text"], strict=True))
        learned = [
            (turn, text) for turn, (name, text) in enumerate(texts.items()) if name in self.learn
        ]
        lengths = rows.select(
            pl.col("messages").list.len(), *(pl.col(text).str.len_chars() for _, text in learned)
        )
        spans = [
            [[first + 2 * turn, 0, end] for (turn, _), end in zip(learned, ends, strict=True)]
            for first, *ends in lengths.iter_rows()
        ]
        return pl.Series("loss_spans", spans, pl.List(pl.List(pl.UInt32)))


def _ancestors(responses: pl.DataFrame, others: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Columns ``response_id`` of ``responses`` and ``ancestor``, each of its ancestors once."""
    parents = [
        frame.select("response_id", ancestor=pl.col("origin").struct.field("parents"))
        .explode("ancestor")
        .drop_nulls()
        for frame in (responses, *others)
    ]
    known = pl.concat(parents[1:]).unique()
    last = found = parents[0].unique()
    for _ in others:
        last = last.join(known, left_on="ancestor", right_on="response_id").select(
            "response_id", ancestor="ancestor_right"
        )
        found = pl.concat([found, last]).unique()
    return found


def _answers(frame: pl.DataFrame, ancestors: pl.DataFrame, number: int) -> pl.DataFrame:
    """The ancestor of each response in ``frame``: ``text``, ``finish`` and their ``count``, each
    with the number."""
    answers = frame.select(pl.col("response_id").alias("ancestor"), "text", "finish")
    return (
        ancestors.join(answers, on="ancestor")
        .group_by("response_id")
        .agg(pl.col("text", "finish").first(), count=pl.len())
        .rename({name: f"{name}_{number}" for name in ("text", "finish", "count")})
    )


def _texts(stages: Sequence[str]) -> list[str]:
    """The column of each stage's answer."""
    return [f"text_{number}" for number in range(len(stages))]


def _user_message(text: str) -> pl.Expr:
    return pl.concat_list(pl.struct(role=pl.lit("user"), content=pl.lit(text)))
