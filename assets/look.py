"""What the UI shows of a stage: counts, sample rows, refused rows, histograms as pictures.

Text that a model or a stranger wrote is escaped, so that no row can draw on the page.
"""

import base64
import html
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg
import polars as pl

from schemas import Table

SAMPLES = 5
LONGEST = 300
BINS = 24
PICTURED = {
    "Responses": {"tokens": "tokens a response"},
    "Scores": {"value": "score"},
    "Pairs": {"margin": "margin", "weight": "weight"},
    "StepLabels": {"first_error": "first wrong step"},
    "Nodes": {"value": "value of a node"},
}
"""The numbers worth a histogram, by table: column and what it says."""


def counted(refused: pl.DataFrame) -> dict[str, int]:
    """How many rows were refused for each reason, the most frequent first."""
    counts = (
        refused["reason"]
        .value_counts(name="rows")
        .sort(["rows", "reason"], descending=[True, False])
    )
    return dict(counts.iter_rows())


def described(table: type[Table], kept: pl.DataFrame) -> dg.AssetCheckResult:
    """The asset check ``schema``: every kept row keeps every rule of its table."""
    passed = table.is_valid(kept)
    return dg.AssetCheckResult(
        check_name="schema",
        passed=passed,
        metadata={"table": table.__name__, "rows": kept.height},
    )


def sampled(kept: pl.DataFrame) -> str:
    """A few rows as a Markdown table, the first and others evenly after it."""
    if kept.is_empty():
        return "no rows"
    step = max(1, kept.height // SAMPLES)
    picked = kept.gather_every(step).head(SAMPLES)
    return markdown(picked.columns, [list(row) for row in picked.iter_rows()])


def dropped_rows(refused: pl.DataFrame) -> str:
    """Each reason with its count and an example, as a Markdown table."""
    if refused.is_empty():
        return "nothing was dropped"
    reasons = refused.group_by("reason", maintain_order=True).agg(
        rows=pl.len(), example=pl.col("row_id").first(), numbers=pl.col("numbers").first()
    )
    ordered = reasons.sort("rows", descending=True)
    return markdown(ordered.columns, [list(row) for row in ordered.iter_rows()])


def histograms(table: type[Table], kept: pl.DataFrame) -> dict[str, dg.MetadataValue[Any]]:
    """Pictures of the table's numbers, by what to call them; none where there are no numbers."""
    pictures: dict[str, dg.MetadataValue[Any]] = {}
    for column, label in PICTURED.get(table.__name__, {}).items():
        values = kept[column].cast(pl.Float64).drop_nulls()
        if not values.is_empty():
            png = base64.b64encode(_histogram(values.to_list(), label)).decode()
            pictures[f"histogram: {label}"] = dg.MetadataValue.md(
                f"![{label}](data:image/png;base64,{png})"
            )
    return pictures


def _histogram(values: Sequence[float], label: str) -> bytes:
    # The object interface: pyplot keeps figures alive and wants a display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.2, 1.8), dpi=80, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.hist(values, bins=BINS, color="#4f6bed")
    axes.set_xlabel(label, fontsize=8)
    axes.set_ylabel("rows", fontsize=8)
    axes.tick_params(labelsize=7)
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    return picture.getvalue()


def markdown(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A Markdown table; what is in its cells cannot draw on the page."""
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    lines += ["| " + " | ".join(_cell(value) for value in row) + " |" for row in rows]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    text = plain(value)
    if len(text) > LONGEST:
        text = text[:LONGEST] + "…"
    return escaped(text)


def escaped(text: str) -> str:
    """``text`` on one line of a Markdown page, as it is: no sign of it formats, links or draws."""
    return " ".join(html.escape(text, quote=False).translate(_SIGNS).split())


_SIGNS = {ord(sign): f"&#{ord(sign)};" for sign in "\\`*_[]#!|~"}


def plain(value: Any) -> str:
    """One cell as text: a chat as its turns, numbers short, nothing for null."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Sequence) and value and all(_is_message(turn) for turn in value):
        return " ".join(f"{turn['role']}: {turn['content']}" for turn in value)
    if isinstance(value, Mapping | Sequence):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def _is_message(value: Any) -> bool:
    return isinstance(value, Mapping) and set(value) == {"role", "content"}
