"""Chats of several turns, made from chains of responses."""

from typing import ClassVar

import polars as pl
from pydantic import model_validator

from filters.demonstrations.chains import Chains
from filters.pairing import as_demonstrations, assistant_message
from schemas import Demonstrations, Table
from schemas.ids import content_ids


class Conversations(Chains):
    """The chat that led to each response of ``of``: its prompt, then an answer of each stage of
    ``after`` and what the user said to it, then the response (`filters.demonstrations.chains`).

    ``learn`` names the stages whose turns are learned (`schemas.Demonstrations.loss_spans`);
    without it only the response itself is.
    """

    gives: ClassVar[type[Table] | None] = Demonstrations
    unit: ClassVar[str] = "response_id"
    one_prompt: ClassVar[bool] = True

    learn: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _learned_are_stages(self) -> "Conversations":
        unknown = [name for name in self.learn if name not in (*self.after, self.of)]
        if unknown:
            raise ValueError(f"learn: {unknown[0]!r} is neither in after nor of")
        return self

    def joined(self, chains: pl.DataFrame) -> pl.DataFrame:
        turns = [
            turn
            for number, question in enumerate(self.asked)
            for turn in (assistant_message(f"answer_{number}"), _user_message(question))
        ]
        chats = as_demonstrations(
            chains.with_columns(pl.concat_list("messages", *turns).alias("messages"))
        )
        # A response has another chat for each way to ask.
        keys = chats.select("prompt_id", "response_id").get_columns()
        ids = content_ids(*keys, list(self.asked)).alias("demonstration_id")
        chats = chats.with_columns(ids)
        return chats.with_columns(self._spans(chains)) if self.learn else chats

    def _spans(self, rows: pl.DataFrame) -> pl.Series:
        """[message, start, end) of each learned answer: the messages of the prompt are followed by
        an answer and what is asked next, in turn."""
        answers = [f"answer_{number}" for number in range(len(self.after))]
        texts = dict(zip((*self.after, self.of), [*answers, "text"], strict=True))
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


def _user_message(text: str) -> pl.Expr:
    return pl.concat_list(pl.struct(role=pl.lit("user"), content=pl.lit(text)))
