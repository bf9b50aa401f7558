"""The metadata of an asset's rows in Dagster, and the check ``adds_up``."""

from collections.abc import Collection
from dataclasses import asdict
from typing import Any

import dagster as dg
import polars as pl

from assets.charts import funnel_picture, histograms, in_markdown
from assets.execution.row_counts import RowCounts
from assets.rendering.markdown import dropped_rows, sampled
from schemas import Split, Table, Usage

ACCOUNT = "account"
RAW = ("label_accuracy", "findings", "validated", "checkpoint", ACCOUNT)
"""Entries that programs read, in their order."""


def rounded(value: float) -> float:
    """``value`` with three significant digits, as the UI shows it."""
    return float(f"{value:.3g}")


def rows_metadata(
    table: type[Table],
    split: Split,
    counts: RowCounts,
    *,
    seconds: float,
    usage: Usage | None = None,
    tables: Collection[pl.DataFrame] = (),
) -> dict[str, Any]:
    """The metadata of an asset: row counts, sample rows and charts.

    ``factory run`` prints the entry ``account``.

    Args:
        table: The table of the rows.
        split: The kept and dropped rows.
        counts: The counts of these rows.
        seconds: How long the asset ran.
        usage: The cost of the models; None for an asset that calls no model.
        tables: The tables that the asset read: they hold the texts that scores are about.
    """
    account: dict[str, Any] = {
        "in": counts.came,
        "kept": counts.kept,
        "dropped": dict(counts.dropped),
        "seconds": seconds,
    }
    if usage is not None:
        account |= {
            "model_calls": usage.model_calls,
            "journal_hits": usage.journal_hits,
            "tokens_per_second": usage.tokens / usage.model_seconds if usage.tokens else None,
            "by_role": {role: asdict(cost) for role, cost in usage.by_role.items()},
            "prices": dict(usage.prices),
        }
    return {
        **count_metadata(counts, seconds=seconds),
        "dagster/row_count": split.kept.height,
        "rows": dg.MetadataValue.md(sampled(split.kept, tables)),
        "drop reasons": dg.MetadataValue.md(dropped_rows(split.dropped)),
        **histograms(table, split.kept),
        ACCOUNT: dg.MetadataValue.json(account),
    }


def raw_last(metadata: dict[str, Any]) -> dict[str, Any]:
    """``metadata`` with the raw entries at its end, where they are in nobody's way."""
    raw = {name: metadata[name] for name in RAW if name in metadata}
    return {name: value for name, value in metadata.items() if name not in raw} | raw


def count_metadata(counts: RowCounts, *, seconds: float) -> dict[str, Any]:
    """Metadata for the UI: a chart of the funnel, and numbers that the UI plots over time."""
    picture = funnel_picture(counts.units, counts.came, counts.kept, counts.dropped)
    shown: dict[str, Any] = {
        "funnel": in_markdown(picture),
        "in": counts.came,
        "kept": counts.kept,
        "dropped": counts.refused,
        "counted in": counts.units,
        "seconds": rounded(seconds),
        "rows/s": rounded(counts.came / max(seconds, 1e-6)),
    }
    if counts.came:
        shown["share kept"] = rounded(counts.kept / counts.came)
    if counts.also:
        shown["also refused"] = dg.MetadataValue.json(dict(counts.also))
    return shown


def adds_up(counts: RowCounts) -> dg.AssetCheckResult:
    """The asset check ``adds_up``: kept + dropped = in."""
    total = counts.kept + counts.refused
    parts = f"{counts.kept:,} kept and {counts.refused:,} dropped"
    if counts.adds_up:
        description = f"{parts} are the {counts.came:,} {counts.units} that came in"
    else:
        lost = counts.came - total
        what = f"{lost:,} are in neither" if lost > 0 else f"{-lost:,} were not among them"
        description = f"{parts} are {total:,}, but {counts.came:,} {counts.units} came in: {what}"
    return dg.AssetCheckResult(
        check_name="adds_up",
        passed=counts.adds_up,
        description=description,
        metadata={
            "in": counts.came,
            "kept": counts.kept,
            "dropped": counts.refused,
            "counted in": counts.units,
        },
    )
