"""Rows as Markdown tables: samples of kept rows, and the reasons of dropped rows.

Text from models and datasets is escaped, so that it cannot format the page.
"""

import html
import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import polars as pl
import polars.selectors as cs

from assets.rendering.annotations import numbers_shown, readable
from assets.rendering.beside_text import beside_text
from engines.operators.prompt_templates import message_text

SAMPLES = 5
LONGEST = 300


def sampled(kept: pl.DataFrame, tables: Collection[pl.DataFrame] = ()) -> str:
    """A few rows as a Markdown table: the first, and others at equal distances.

    Rows that hold no text are beside theirs, if ``tables`` have it. Ids are the last columns, a
    column without a value is left out, and a single row has a line for each column.
    """
    if kept.is_empty():
        return "no rows"
    picked = beside_text(spread(kept), tables)
    if picked.schema.get("raw") == pl.String:
        words = [raw and readable(raw) for raw in picked["raw"]]
        picked = picked.with_columns(raw=pl.Series(words, dtype=pl.String))
    picked = picked.select(each for each in picked if each.null_count() < picked.height)
    picked = picked.select(cs.exclude(cs.ends_with("_id")), cs.ends_with("_id"))
    if picked.height == 1:
        return markdown(("column", "value"), zip(picked.columns, picked.row(0), strict=True))
    return markdown(picked.columns, [list(row) for row in picked.iter_rows()])


def spread(rows: pl.DataFrame) -> pl.DataFrame:
    """The first row, and a few others at equal distances."""
    return rows.gather_every(max(1, rows.height // SAMPLES)).head(SAMPLES)


def dropped_rows(refused: pl.DataFrame) -> str:
    """Each reason with its count and an example, as a Markdown table."""
    if refused.is_empty():
        return "nothing was dropped"
    reasons = refused.group_by("reason", maintain_order=True).agg(
        rows=pl.len(), numbers=pl.col("numbers").first(), example=pl.col("row_id").first()
    )
    ordered = reasons.sort("rows", descending=True)
    words = [numbers_shown(numbers) for numbers in ordered["numbers"]]
    ordered = ordered.with_columns(numbers=pl.Series(words, dtype=pl.String))
    return markdown(ordered.columns, [list(row) for row in ordered.iter_rows()])


def markdown(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A Markdown table with escaped cells."""
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    lines += ["| " + " | ".join(_cell(value) for value in row) + " |" for row in rows]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    text = plain(value)
    if len(text) > LONGEST:
        text = text[:LONGEST] + "…"
    return escaped(text)


def escaped(text: str) -> str:
    """``text`` on one line, escaped so that Markdown shows it unchanged."""
    return " ".join(html.escape(text, quote=False).translate(_SIGNS).split())


def linked(text: str, target: str | None) -> str:
    """``text`` as a link to ``target``. If that is not an http(s) address, both as text."""
    if target is None:
        return escaped(text)
    if not re.fullmatch(r"https?://[^\s/?#][^\s]*", target, re.ASCII | re.IGNORECASE):
        return f"{escaped(text)} ({escaped(target)})"
    return f"[{escaped(text)}]({quote(target, safe=_OF_LINKS)})"


def cited(title: str, page: str | None, code: str | None) -> str:
    """A paper, linked to its page, and its code. If it has no page, the title links to the code."""
    if page is None:
        return linked(title, code)
    return linked(title, page) + ("" if code is None else f" ({linked('code', code)})")


_OF_LINKS = "%/:?#@!$&+,;=-._~"
"""Characters that a link may have besides letters and digits. Others are written as ``%28``."""

_SIGNS = {ord(sign): f"&#{ord(sign)};" for sign in "\\`*_[]#!|~"}


def plain(value: Any) -> str:
    """A cell as text: a chat as its turns, floats with four digits, null as an empty text."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Sequence) and value and all(_is_message(turn) for turn in value):
        return " ".join(f"{turn['role']}: {message_text(turn)}" for turn in value)
    if isinstance(value, Mapping | Sequence):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def _is_message(value: Any) -> bool:
    return isinstance(value, Mapping) and {"role", "content"} <= set(value)
