"""What is learnt by imitation."""

import polars as pl

from schemas.imports import dataframely as dy
from schemas.messages import all_of_known_roles, contents, message_list, none_empty
from schemas.tables.table import Table


class Demonstrations(Table):
    """An SFT example. ``loss_spans`` are the characters that are learned: [start, end) of the last
    message, or [message, start, end) of any, numbered from 0; null: all of the last. ``ends`` is
    false if the last message was cut off: then it is learned without the end of the turn. Null: it
    is complete. ``weight`` is what the example counts for in the loss; null: 1.
    """

    demonstration_id = dy.String(primary_key=True)
    prompt_id = dy.String()
    messages = message_list()
    response_id = dy.String(nullable=True)
    loss_spans = dy.List(dy.List(dy.UInt32()), nullable=True)
    condition = dy.String(nullable=True)
    ends = dy.Bool(nullable=True)
    weight = dy.Float64(nullable=True, min=0)

    @classmethod
    def texts(cls) -> dict[str, pl.Expr]:
        """The last message."""
        return {"answer": contents(pl.col("messages").list.tail(1))}

    @classmethod
    def preceding_messages(cls) -> pl.Expr:
        """All messages but the last."""
        return pl.col("messages").list.head(pl.col("messages").list.len() - 1)

    @dy.rule()
    def messages_not_empty(cls) -> pl.Expr:
        return none_empty(pl.col("messages"))

    @dy.rule()
    def messages_of_known_roles(cls) -> pl.Expr:
        return all_of_known_roles(pl.col("messages"))

    @dy.rule()
    def ends_with_the_assistant(cls) -> pl.Expr:
        return pl.col("messages").list.last().struct.field("role") == "assistant"

    @dy.rule()
    def weight_finite(cls) -> pl.Expr:
        return pl.col("weight").is_finite() | pl.col("weight").is_null()
