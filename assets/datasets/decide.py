"""The lasting decisions about new rows of a curated dataset: no later row changes them."""

from collections.abc import Sequence

import polars as pl

from assets.datasets.clusters import KEPT
from assets.datasets.filtering import Read, filtered
from assets.datasets.rules import Rules
from assets.datasets.splits import add_prompts
from filters.curation.texts import conversation_text
from schemas import contents

SAME_ROW = 0
"""The step at which rows are dropped that an older one equals. The first filter is the step 1."""


def decided(
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
        return tasks_of(read(firsts.gather(numbers)))

    # Of all rows, even of dropped ones: another rule may keep what these drop.
    added = add_prompts(
        tasks_of(rows),
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
        against, marks = filtered(each, left, rules, before, step=step, read=read)
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


def tasks_of(rows: pl.DataFrame) -> pl.Series:
    """What each row's prompt is split by. Questions to a judge are split as the tasks that they are
    about: both orders of a pair, and all pairs of a task, are in one split, and the words that all
    questions share join none."""
    return rows.select(pl.coalesce("task", asked_texts(rows)).alias("prompt")).to_series()


def asked_texts(rows: pl.DataFrame) -> pl.Series:
    """What each row's prompt says, system messages aside; an answer to nothing stands for its own
    prompt."""
    if "messages" not in rows.columns:
        return rows.select(conversation_text(pl.col("prompt"))).to_series()
    before = conversation_text(pl.col("messages").list.slice(0, pl.col("messages").list.len() - 1))
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
