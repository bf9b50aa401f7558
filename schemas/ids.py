"""Content hashes: a row's id is a hash of its content, so the same row always has the same id."""

import hashlib
import itertools
import json
from collections.abc import Sequence
from typing import Any

import polars as pl

from schemas.messages import Message, messages_of

# json.dumps with any of these settings creates a new encoder at each call.
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)

_ESCAPED = r'["\\\x00-\x1f]'
"""The characters that JSON escapes."""


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text."""
    return _ENCODER.encode(value)


def first_by_id(prompts: pl.DataFrame, most: int) -> pl.DataFrame:
    """At most so many rows of a `schemas.Prompts` table, in its order: those with the first ids.

    Ids are digests, so the choice does not depend on the order of the rows. Fewer rows are a part
    of more.
    """
    if prompts.height <= most:
        return prompts
    chosen = prompts["prompt_id"].sort().head(most)
    return prompts.filter(pl.col("prompt_id").is_in(chosen.implode()))


def content_id(*parts: Any) -> str:
    """32 hexadecimal digits (128 bits) of BLAKE2b over the canonical JSON of ``parts``."""
    digest = hashlib.blake2b(canonical(parts).encode("utf-8", "surrogatepass"), digest_size=16)
    return digest.hexdigest()


def content_ids(*parts: Any) -> pl.Series:
    """`content_id` of each row: String[rows]. Three times as fast as row by row.

    ``parts``: columns of texts (at least one), or values that are the same for all rows.
    """
    columns = [part for part in parts if isinstance(part, pl.Series)]
    if any(column.has_nulls() or column.str.contains(_ESCAPED).any() for column in columns):
        each = zip(
            *(part if isinstance(part, pl.Series) else itertools.repeat(part) for part in parts),
            strict=False,
        )
        return pl.Series([content_id(*row) for row in each], dtype=pl.String)
    quoted = [
        pl.lit('"') + pl.lit(part) + pl.lit('"')
        if isinstance(part, pl.Series)
        else pl.lit(canonical(part))
        for part in parts
    ]
    encoded = pl.select(
        pl.lit("[") + pl.concat_str(quoted, separator=",") + pl.lit("]")
    ).to_series()
    hashed = (hashlib.blake2b(text.encode(), digest_size=16).hexdigest() for text in encoded)
    return pl.Series(hashed, dtype=pl.String)


def prompt_id(messages: Sequence[Message]) -> str:
    """The id of a prompt. It depends on the messages only: a task from two sources has one id."""
    return content_id([_identity(**message) for message in messages_of(messages)])


def _identity(role: str, content: str, **others: Any) -> list[Any]:
    return [role, content, others] if others else [role, content]
