"""The funnel: rows in, kept and dropped by each stage, with the reasons."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from assets.execution.row_counts import RowCounts, count_reasons, count_rows, counted_columns
from assets.rendering.annotations import numbers_shown
from assets.rendering.markdown import plain
from assets.report.report_data import ReportData
from assets.storage.tables import MissingTableError
from schemas import Pairs, Responses, Split, first_by_id, source_table

EXAMPLES = 3
LONGEST = 400


@dataclass(frozen=True)
class FunnelPart:
    """A part of a stage's bar. ``start`` and ``width`` are in thousandths of the rows in."""

    kind: str
    says: str
    start: float
    width: float


@dataclass(frozen=True)
class Level:
    """One stage of the funnel, over all refreshes. ``account`` counts units of ``account.unit``.
    ``uncounted`` are the refreshes whose input tables are gone. ``reported``: this stage is the
    report's dataset."""

    name: str
    does: str
    table: str
    rows: int
    account: RowCounts
    uncounted: tuple[str, ...]
    reported: bool

    @property
    def parts(self) -> list[FunnelPart]:
        """The bar: the kept rows, then each reason, the most frequent first."""
        amounts = {"kept": self.account.kept, **self.account.dropped}
        parts, start = [], 0.0
        for number, (label, amount) in enumerate(amounts.items()):
            width = 1000 * amount / max(1, self.account.came)
            kind = "kept" if number == 0 else f"dropped-{min(number, 3)}"
            parts.append(FunnelPart(kind, f"{amount:,} {label}", start, width))
            start += width
        return parts


def funnel(data: ReportData) -> list[Level]:
    """The prompts, then each stage that has run, in running order."""
    rows, refused = data.height("prompts"), data.refused("prompts")
    reasons = count_reasons(refused) if refused.height else {}
    account = RowCounts("prompt_id", rows + refused.height, rows, reasons, {})
    levels = [Level("prompts", "drawn from the sources", "Prompts", rows, account, (), False)]
    for stage in data.stages:
        counts, missing = [], []
        for refresh in data.ran(stage.name):
            columns = [*counted_columns(stage), *(["prompt_id"] if stage.asks_held_out else [])]
            kept = data.ids(stage.name, refresh, *columns)
            try:
                read = {
                    each.stage: data.ids(each.stage, refresh, *columns)
                    for each in stage.operator.inputs()
                    if each.source is None
                }
            except MissingTableError:
                missing.append(refresh)
                continue
            dropped = data.tables.read_dropped((data.recipe.name, stage.name), refresh)
            if stage.sources:
                # What a source offered then is not known later: it may have been read again.
                offered = pl.concat([kept["prompt_id"], dropped["row_id"]]).to_frame("prompt_id")
                read |= {source_table(source): offered for source in stage.sources}
            counts.append(
                count_rows(stage, _inputs_used(read, kept, dropped), Split(kept, dropped))
            )
        if not counts and not missing:
            continue
        operator = type(stage.operator)
        levels.append(
            Level(
                stage.name,
                f"{operator.__module__.partition('.')[0]}.{operator.__name__}",
                stage.gives.__name__,
                data.height(stage.name),
                _summed(counts),
                tuple(missing),
                stage.name == data.stage.name,
            )
        )
    return levels


def _inputs_used(
    read: dict[str, pl.DataFrame], kept: pl.DataFrame, dropped: pl.DataFrame
) -> dict[str, pl.DataFrame]:
    """The tables that a stage read. A run may ask the first held-out prompts only."""
    if "held_out" not in read or "prompt_id" not in kept.columns:
        return read
    held_out = read["held_out"]
    ids = pl.concat([kept["prompt_id"], dropped["row_id"]]).unique()
    used = held_out.filter(pl.col("prompt_id").is_in(ids.implode()))
    if used.height < ids.len():
        # Another source is bound to `held_out` today, or it was read again.
        return {**read, "held_out": ids.to_frame("prompt_id")}
    return {**read, "held_out": first_by_id(held_out, used.height)}


def _summed(accounts: list[RowCounts]) -> RowCounts:
    def sums(parts: list[Mapping[str, int]]) -> dict[str, int]:
        total: dict[str, int] = {}
        for part in parts:
            for reason, rows in part.items():
                total[reason] = total.get(reason, 0) + rows
        return dict(sorted(total.items(), key=lambda item: (-item[1], item[0])))

    return RowCounts(
        accounts[0].unit if accounts else "rows",
        sum(account.came for account in accounts),
        sum(account.kept for account in accounts),
        sums([account.dropped for account in accounts]),
        sums([account.also for account in accounts]),
    )


@dataclass(frozen=True)
class Example:
    """A dropped row: its id, the numbers that decided it, and its text if a table has it."""

    row_id: str
    numbers: str
    text: str


@dataclass(frozen=True)
class Drops:
    """A reason why a stage dropped ``rows`` rows, with a few examples."""

    stage: str
    reason: str
    rows: int
    examples: list[Example]


def drops(data: ReportData) -> list[Drops]:
    """Every reason of every stage, in running order, the most frequent first."""
    reasons: list[tuple[str, str, pl.DataFrame]] = []
    for name in ["prompts", *(stage.name for stage in data.stages)]:
        refused = data.refused(name)
        for reason in count_reasons(refused) if refused.height else {}:
            reasons.append((name, reason, refused.filter(pl.col("reason") == reason)))
    row_ids = [row for *_, refused in reasons for row in refused.head(EXAMPLES)["row_id"]]
    texts = dict(_texts(data, row_ids))
    return [
        Drops(
            name,
            reason,
            refused.height,
            [
                Example(
                    row["row_id"],
                    numbers_shown(row["numbers"]),
                    texts.get(row["row_id"], ""),
                )
                for row in refused.head(EXAMPLES).iter_rows(named=True)
            ],
        )
        for name, reason, refused in reasons
    ]


def _texts(data: ReportData, ids: list[str]) -> Iterator[tuple[str, str]]:
    """The texts of ``ids``, for those that are ids of prompts, responses or pairs."""
    if not ids:
        return
    for frame, unit, column in (
        (data.prompts(pl.Series(ids)), "prompt_id", "messages"),
        (data.with_ids(Responses, pl.Series("response_id", ids)), "response_id", "text"),
        (data.with_ids(Pairs, pl.Series("pair_id", ids)), "pair_id", "chosen"),
    ):
        for row_id, value in frame.select(unit, column).iter_rows():
            text = plain(value)
            yield row_id, text if len(text) <= LONGEST else text[:LONGEST] + "…"
