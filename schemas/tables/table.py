"""What all tables share: the base class, the origin of a row, and the places of steps in a text."""

import polars as pl

from schemas.imports import dataframely as dy


class Table(dy.Schema):
    """The base of all tables."""

    @classmethod
    def texts(cls) -> dict[str, pl.Expr]:
        """The texts of a row that filters compare and judge, by name."""
        return {}

    @classmethod
    def preceding_messages(cls) -> pl.Expr | None:
        """The messages before these texts; None if the table does not have them."""
        return None


def origin_struct() -> dy.Struct:
    """The operator, model, parameters, seed and parents that reproduce a row."""
    return dy.Struct(
        {
            "operator": dy.String(),
            "model": dy.String(nullable=True),
            "parameters": dy.String(),
            "seed": dy.UInt64(nullable=True),
            "parents": dy.List(dy.String()),
        }
    )


def step_spans() -> dy.List:
    """The places of a text's steps. They are contiguous and cover the full text.

    ``start`` and ``end`` count characters, [start, end). ``token_start`` and ``token_end`` count
    tokens of the text alone, by the tokenizer of the model for which it was cut. A step ends only
    where the text before it, tokenised alone, has the same tokens. So continuing a prefix or
    scoring a step never changes its tokens.
    """
    return dy.List(
        dy.Struct(
            {
                "start": dy.UInt32(),
                "end": dy.UInt32(),
                "token_start": dy.UInt32(),
                "token_end": dy.UInt32(),
            }
        ),
        nullable=True,
    )


def tiled(column: str, end: pl.Expr) -> pl.Expr:
    """Whether steps are contiguous from 0 to ``end`` in characters, contiguous from 0 in tokens,
    and none is empty."""
    tokens = pl.col(column).list.eval(_follows("token_start", "token_end")).list.all()
    return contiguous(column, end) & (pl.col(column).is_null() | tokens)


def contiguous(column: str, end: pl.Expr) -> pl.Expr:
    """Whether spans are contiguous from 0 to ``end``, and none is empty."""
    complete = (pl.col(column).list.last().struct.field("end") == end).fill_null(False)
    follows = pl.col(column).list.eval(_follows("start", "end")).list.all()
    return pl.col(column).is_null() | (follows & complete)


def _follows(start: str, end: str) -> pl.Expr:
    """Whether a span begins where the one before it ends, and is not empty."""
    begins, stops = (pl.element().struct.field(name) for name in (start, end))
    return (begins == stops.shift(1, fill_value=0)) & (stops > begins)


class Dropped(Table):
    """A row that a stage dropped, the reason, and the numbers behind it (a JSON object)."""

    row_id = dy.String()
    stage = dy.String(min_length=1)
    reason = dy.String(min_length=1)
    numbers = dy.String()
