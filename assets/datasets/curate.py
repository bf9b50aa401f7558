"""Selects the rows of a curated dataset, and gives a reason for each row that is dropped.

Rows come in an order, and most of what is decided about a row depends on this row and those before
it. Such decisions are stored (`assets.datasets.stored_decisions`), so a later refresh decides about
its own rows only. The rest is decided anew each time, about columns without texts: which prompts of
the held-out split are like one that is trained on, and which rows exceed the limits.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from assets.datasets.clusters import KEPT
from assets.datasets.gather import Part
from assets.datasets.mixture import beyond
from assets.datasets.splits import REMEMBERED, add_prompts, split_by_key
from assets.project.dataset import Cap
from filters.curation.texts import asked
from filters.filter import Earlier, Filter
from schemas import Dropped, Prompts, Table, columns, contents, dropped

BATCH = 100_000
"""About the rows that are decided about at a time; all of a part are."""

SAME_ROW = 0
"""The step at which rows are dropped that an older one equals. The first filter is the step 1."""


@dataclass(frozen=True)
class Rules:
    """What decides which rows a dataset has.

    Attributes:
        name: The name of the dataset.
        table: The table of the rows.
        filters: Filters that read ``rows`` or ``prompts``, and ``evaluations`` by name.
        evaluations: Evaluation prompts, by the name that the filters use.
        held_out: The share of clusters of prompts to hold out, in [0, 1).
        weights: The weight of each recipe; None keeps all rows.
        cap: The largest numbers of rows.
    """

    name: str
    table: type[Table]
    filters: Sequence[Filter] = ()
    evaluations: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    held_out: float = 0.0
    weights: Mapping[str, float] | None = None
    cap: Cap = field(default_factory=Cap)

    @property
    def lasting(self) -> Sequence[Filter]:
        """The first of the filters, whose decisions no later row changes."""
        count = 0
        for each in self.filters:
            if not (each.one_row or (each.in_order and not _of_prompts(each))):
                break
            count += 1
        return self.filters[:count]


@dataclass(frozen=True)
class Curated:
    """The result of a curation.

    Attributes:
        rows: The kept rows: their number ``row`` among all rows, ``recipe``, ``refresh``,
            ``prompt_id``, ``cluster`` (of their prompt) and ``split``.
        dropped: `schemas.Dropped` of all other rows.
        remembered: `assets.datasets.splits.REMEMBERED` with all prompts.
        decisions: The lasting decisions about the rows of each part, to be stored.
    """

    rows: pl.DataFrame
    dropped: pl.DataFrame
    remembered: pl.DataFrame
    decisions: Sequence[pl.DataFrame]


def curated(
    parts: Sequence[Part],
    rules: Rules,
    remembered: pl.DataFrame | None = None,
    known: Sequence[pl.DataFrame] = (),
) -> Curated:
    """Select the rows of a curated dataset. Every row is either kept or dropped.

    Args:
        parts: The rows, oldest first.
        rules: What decides.
        remembered: The stored splits of earlier prompts.
        known: The stored decisions about the first parts.
    """
    remembered = pl.DataFrame(schema=REMEMBERED) if remembered is None else remembered
    decisions = list(known)
    while len(decisions) < len(parts):
        batch = _batch(parts[len(decisions) :])
        read = _reader(parts, [frame.height for frame in decisions])
        made, remembered = _decided(pl.concat(batch), decisions, rules, remembered, read)
        start = 0
        for frame in batch:
            decisions.append(made[start : start + frame.height])
            start += frame.height
    return _finished(parts, rules, remembered, decisions)


def _batch(parts: Sequence[Part]) -> list[pl.DataFrame]:
    """The rows of the first parts, at least one."""
    frames: list[pl.DataFrame] = []
    for part in parts:
        frames.append(part.rows())
        if sum(frame.height for frame in frames) >= BATCH:
            break
    return frames


Read = Callable[[pl.Series], pl.DataFrame]
"""Reads rows by their numbers, which ascend."""


def _reader(parts: Sequence[Part], heights: Sequence[int]) -> Read:
    """Reads rows of the first parts."""

    def read(numbers: pl.Series) -> pl.DataFrame:
        frames, start = [], 0
        for part, height in zip(parts, heights, strict=False):
            inside = numbers.filter(numbers.is_between(start, start + height, closed="left"))
            if len(inside):
                frames.append(part.some(inside - start))
            start += height
        return pl.concat(frames)

    return read


def _decided(
    new: pl.DataFrame,
    decisions: Sequence[pl.DataFrame],
    rules: Rules,
    remembered: pl.DataFrame,
    read: Read,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The lasting decisions about new rows.

    Returns:
        A row for each of ``new``: its ids and origin; the ``key`` of its prompt, with
            `assets.datasets.clusters.KEPT` if that is new; ``step``, the step that drops it, with
            ``reason`` and ``numbers``, or null; and the marks of filters. And ``remembered`` with
            the new prompts.
    """
    (unit,) = rules.table.primary_key()
    before = pl.concat(decisions) if decisions else None
    rows = new.with_row_index("place")

    def texts(numbers: pl.Series) -> pl.Series:
        assert before is not None
        firsts = before["bands"].is_not_null().arg_true()
        return _tasks(read(firsts.gather(numbers)))

    # Of all rows, even of dropped ones: another rule may keep what these drop.
    added = add_prompts(
        _tasks(rows),
        rules.held_out,
        remembered,
        None if before is None else prompts_of_decisions(before),
        texts,
    )
    made = rows.select(
        "place", "prompt_id", "recipe", "refresh", "source", row_id=unit, key=added.keys
    ).join(added.prompts.drop("key"), on="place", how="left", maintain_order="left")
    found = [_same(made, before).with_columns(step=pl.lit(SAME_ROW))]
    left = rows.join(found[0], on="place", how="anti", maintain_order="left")
    for step, each in enumerate(rules.lasting, start=1):
        against, marks = _filtered(each, left, rules, before, step=step, read=read)
        found.append(against.with_columns(step=pl.lit(step)))
        made = made.join(marks, on="place", how="left", maintain_order="left")
        left = left.join(against, on="place", how="anti", maintain_order="left")
    made = made.join(
        pl.concat(each.select("place", "step", "reason", "numbers") for each in found),
        on="place",
        how="left",
        maintain_order="left",
    )
    return made.drop("place"), added.remembered


def prompts_of_decisions(decisions: pl.DataFrame) -> pl.DataFrame:
    """The prompts of the rows, in order: ``key`` and `assets.datasets.clusters.KEPT`."""
    return decisions.filter(pl.col("bands").is_not_null()).select("key", *KEPT)


def _finished(
    parts: Sequence[Part],
    rules: Rules,
    remembered: pl.DataFrame,
    decisions: Sequence[pl.DataFrame],
) -> Curated:
    """What is decided anew each time."""
    stage = f"datasets/{rules.name}"
    nothing = dropped(stage, "", [])
    if not decisions:
        kept = pl.DataFrame(schema=dict.fromkeys(("row", *_SHOWN), pl.String))
        return Curated(kept, nothing, remembered, ())
    small = ("prompt_id", "recipe", "refresh", "source", "row_id", "key", "step", "reason")
    every = pl.concat(frame.select(*small, "numbers") for frame in decisions)
    prompts = pl.concat(
        frame.filter(pl.col("bands").is_not_null()).select("key", "joined") for frame in decisions
    )
    splits = split_by_key(prompts, remembered).select("key", "cluster", "split")
    every = every.with_row_index("row").join(splits, on="key", how="left", maintain_order="left")
    out: list[pl.DataFrame] = []

    def refuse(rows: pl.DataFrame, against: pl.DataFrame) -> pl.DataFrame:
        """Drop the rows in ``against`` (``row``, ``reason``, ``numbers``); return the others."""
        refused = rows.select("row", "row_id").join(against, on="row", maintain_order="left")
        out.append(refused.select("row_id", "reason", "numbers", stage=pl.lit(stage)))
        return rows.join(against, on="row", how="anti", maintain_order="left")

    again = every.filter(pl.col("step").is_not_null()).sort("step", maintain_order=True)
    rows = every.filter(pl.col("step").is_null())
    out.append(again.select("row_id", "reason", "numbers", stage=pl.lit(stage)))
    for each in rules.filters[len(rules.lasting) :]:
        texts = _texts_of(parts, rows["row"])
        against, _ = _filtered(each, texts, rules, None, step=0, read=_reader((), ()))
        rows = refuse(rows, against.rename({"place": "row"}))
    near = rows.filter(pl.col("split").is_null()).select(
        "row", reason=pl.lit("held out, and like a prompt that is trained on"), numbers=pl.lit("{}")
    )
    rows = refuse(rows, near)
    limited = beyond(rows, rules.weights, rules.cap).with_columns(numbers=pl.lit("{}"))
    rows = refuse(rows, limited)
    return Curated(
        rows.select("row", *_SHOWN),
        pl.concat(
            [
                nothing,
                *(part.select(columns(Dropped).names()).cast(columns(Dropped)) for part in out),
            ]
        ),
        remembered,
        decisions,
    )


_SHOWN = ("recipe", "refresh", "prompt_id", "cluster", "split")


def _texts_of(parts: Sequence[Part], numbers: pl.Series) -> pl.DataFrame:
    """All columns of some rows, with their number among all rows as ``place``."""
    rows = pl.concat(part.rows() for part in parts).with_row_index("place")
    return rows.filter(pl.col("place").is_in(numbers.implode()))


def _tasks(rows: pl.DataFrame) -> pl.Series:
    """What each row's prompt is split by. Questions to a judge are split as the tasks that they are
    about: both orders of a pair, and all pairs of a task, are in one split, and the words that all
    questions share join none."""
    return rows.select(pl.coalesce("task", asked_texts(rows)).alias("prompt")).to_series()


def asked_texts(rows: pl.DataFrame) -> pl.Series:
    """What each row's prompt says, system messages aside; an answer to nothing stands for its own
    prompt."""
    if "messages" not in rows.columns:
        return rows.select(asked(pl.col("prompt"))).to_series()
    before = asked(pl.col("messages").list.slice(0, pl.col("messages").list.len() - 1))
    alone = pl.col("messages").list.len() < 2
    return rows.select(
        pl.when(alone).then(contents(pl.col("messages"))).otherwise(before).alias("prompt")
    ).to_series()


def _same(rows: pl.DataFrame, before: pl.DataFrame | None) -> pl.DataFrame:
    """The rows whose id an older row has: ``place``, ``reason`` and ``numbers``."""
    ids = rows.select("row_id", "recipe", "refresh", "place")
    if before is not None:
        wanted = ids["row_id"].implode()
        older = before.select("row_id", "recipe", "refresh", place=pl.lit(None, pl.UInt32))
        ids = pl.concat([older.filter(pl.col("row_id").is_in(wanted)), ids])
    first = pl.col("recipe", "refresh").first().over("row_id").name.prefix("kept_")
    again = ids.with_columns(first, again=~pl.col("row_id").is_first_distinct())
    kept = pl.struct(recipe="kept_recipe", refresh="kept_refresh").struct.json_encode()
    return again.filter("again", pl.col("place").is_not_null()).select(
        "place", reason=pl.lit("the same row"), numbers=kept
    )


def _of_prompts(operator: Filter) -> bool:
    return any(read.stage == "prompts" for read in operator.inputs())


def _filtered(
    operator: Filter,
    rows: pl.DataFrame,
    rules: Rules,
    before: pl.DataFrame | None,
    *,
    step: int,
    read: Read,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows that a filter drops: ``place``, ``reason`` and ``numbers``; and the marks of rows.

    A filter of prompts drops all rows of a dropped prompt.

    Args:
        operator: The filter.
        rows: The rows, with ``place``.
        rules: The table and the evaluation prompts.
        before: The decisions about earlier rows.
        step: The step of the filter.
        read: Reads earlier rows.
    """
    (unit,) = rules.table.primary_key()
    marks = rows.select("place").clear()
    reached = None
    if before is not None:
        numbered = before.with_row_index("number")
        reached = numbered.filter(pl.col("step").is_null() | (pl.col("step") >= step))
    if _of_prompts(operator):
        unit = "prompt_id"
        known = [] if reached is None else [_known_prompts(reached, rows, step)]
        asked = pl.concat([*(each["row_id"] for each in known), pl.Series([], dtype=pl.String)])
        new = rows.filter(~pl.col("prompt_id").is_in(asked.implode()))
        inputs = {"prompts": prompts_of(new), **rules.evaluations}
        split = operator.choose_rows(inputs, Prompts)
        found = pl.concat([*known, split.dropped.select("row_id", "reason", "numbers")]).drop_nulls(
            "reason"
        )
    else:
        frame = rows.select(columns(rules.table).names())
        if operator.in_order:
            earlier = Earlier(pl.Series([], dtype=pl.String), None, read)
            if reached is not None:
                numbers, ids = reached["number"], reached["row_id"]
                noted = reached[f"marks {step}"].struct.unnest()
                earlier = Earlier(ids, noted, lambda wanted: read(numbers.gather(wanted)))
            split, noted = operator.choose_more(frame, rules.table, earlier)
            marks = rows.select("place").with_columns(
                noted.select(pl.struct(pl.all()).alias(f"marks {step}"))
            )
        else:
            split = operator.choose_rows({"rows": frame, **rules.evaluations}, rules.table)
        found = split.dropped.select("row_id", "reason", "numbers")
    against = found.unique("row_id", keep="first")
    dropped = rows.select("place", row_id=unit).join(against, on="row_id", maintain_order="left")
    return dropped.drop("row_id"), marks


def _known_prompts(reached: pl.DataFrame, rows: pl.DataFrame, step: int) -> pl.DataFrame:
    """What a filter decided about prompts of ``rows`` when they first came to it."""
    mine = reached.filter(pl.col("prompt_id").is_in(rows["prompt_id"].unique().implode()))
    first = mine.unique("prompt_id", keep="first", maintain_order=True)
    decided = pl.col("step") == step
    return first.select(
        pl.when(decided).then("reason"), pl.when(decided).then("numbers"), row_id="prompt_id"
    ).select("row_id", "reason", "numbers")


def prompts_of(rows: pl.DataFrame) -> pl.DataFrame:
    """The distinct prompts of ``rows``, as a `schemas.Prompts` table."""
    messages = pl.col("prompt")
    if "messages" in rows.columns:
        length = pl.col("messages").list.len()
        messages = pl.col("messages").list.slice(0, pl.max_horizontal(length - 1, 1))
    once = rows.unique("prompt_id", keep="first", maintain_order=True)
    # Rows of a published version do not say their task.
    task = "task" if "task" in rows.columns else pl.lit(None, pl.String).alias("task")
    return once.select(
        "prompt_id",
        messages.alias("messages"),
        pl.lit(None, pl.String).alias("reference"),
        pl.col("source").fill_null("unknown"),
        pl.col("source_revision").fill_null(""),
        pl.col("licence").fill_null(""),
        task,
    ).cast(columns(Prompts))
