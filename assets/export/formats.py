"""The formats that rows are exported in. Those here are TRL's, whose trainers take them as they are
(https://huggingface.co/docs/trl/dataset_formats); any other is named by its import path."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import polars as pl

from assets.config.errors import FactoryError, near
from engines.operators.prompt_templates import conversation
from schemas import (
    Demonstrations,
    Dropped,
    Pairs,
    Scores,
    Split,
    StepLabels,
    Table,
    dropped,
    empty,
)
from schemas.named import UnknownNameError, instance_of, named

STAGE = "export"


@dataclass(frozen=True)
class Format:
    """How rows are written for others.

    ``what``: what the rows are, in the plural. ``columns``: what the columns hold, and
    ``trainers``: which trainers take them; both for the dataset card, in Markdown. ``converters``:
    the tables that it can be made from, the preferred one first, each with a function of the
    table's rows. It gives the rows of the format as ``kept``, and as ``dropped`` a
    `schemas.Dropped` row for each that the format has no place for. Rows have the columns of their
    table, and ``source``, ``licence`` and ``refresh``; pairs ``score_chosen`` and
    ``score_rejected`` too where they were scored.
    """

    what: str
    columns: str
    trainers: tuple[str, ...]
    converters: Mapping[type[Table], Callable[[pl.DataFrame], Split]]


def preference(pairs: pl.DataFrame) -> Split:
    """`schemas.Pairs` as ``prompt``, ``chosen`` and ``rejected`` (lists of messages), and all their
    other columns.

    ``margin`` is called ``score_margin``: RewardTrainer puts a column of that name into its loss,
    whatever its unit, and fails where it is null.
    """
    named = pairs.rename({"margin": "score_margin"})
    return Split(_ordered(named, "prompt", "chosen", "rejected"), empty(Dropped))


def unpaired(pairs: pl.DataFrame) -> Split:
    """Each response of `schemas.Pairs` once: ``prompt``, ``completion`` (lists of messages) and
    ``label``, whether it was the chosen one.

    A response that one pair prefers and another does not is neither: it is dropped.
    """
    shared = [name for name in ("prompt_id", *_ADDED) if name in pairs.columns]
    sides = pl.concat(
        [
            pairs.with_row_index("pair").select(
                "pair",
                "prompt",
                pl.col(side).alias("completion"),
                pl.lit(side == "chosen").alias("label"),
                pl.col(f"{side}_id").alias("response_id"),
                *shared,
                *([pl.col(f"score_{side}").alias("score")] if f"score_{side}" in pairs else []),
            )
            for side in ("chosen", "rejected")
        ]
    ).sort("pair", maintain_order=True)
    both = pl.col("label").n_unique().over("prompt_id", "response_id") > 1
    once = sides.unique(["prompt_id", "response_id"], keep="first", maintain_order=True)
    torn = once.join(
        sides.filter(both).select("prompt_id", "response_id").unique(),
        on=["prompt_id", "response_id"],
        how="semi",
    )
    kept = once.join(torn, on=["prompt_id", "response_id"], how="anti", maintain_order="left")
    reason = "chosen in one pair and rejected in another"
    return Split(kept.drop("pair"), dropped(STAGE, reason, torn["response_id"].sort().to_list()))


def labelled(scores: pl.DataFrame) -> Split:
    """Each response of `schemas.Scores` once: ``prompt``, ``completion`` (lists of messages) and
    ``label``, whether it is scored 1. Its ``prompt`` and ``text`` stand beside each score.

    Scores of steps do not count. A response is dropped unless its scores are all 1 or all 0 (any
    other number is no label), or where its prompt is not known.
    """
    shared = [name for name in ("prompt_id", *_ADDED) if name in scores.columns]
    value = pl.col("value").filter(pl.col("step").is_null())
    once = scores.group_by("response_id", maintain_order=True).agg(
        pl.col("prompt", "text", *shared).first(), lowest=value.min(), highest=value.max()
    )
    told = (pl.col("lowest") == pl.col("highest")) & pl.col("lowest").is_in([0.0, 1.0])
    asked = once.filter(pl.col("prompt").is_not_null())
    marked = asked.with_columns(told=told.fill_null(value=False))
    kept = marked.filter("told").select(
        "prompt",
        pl.concat_list(pl.struct(role=pl.lit("assistant"), content="text")).alias("completion"),
        (pl.col("lowest") == 1).alias("label"),
        "response_id",
        *shared,
    )
    other = marked.filter(~pl.col("told"))["response_id"].to_list()
    unasked = once.filter(pl.col("prompt").is_null())["response_id"].to_list()
    refused = [
        dropped(STAGE, "its scores are not all 1 or all 0", other),
        dropped(STAGE, "its prompt is none that the recipe drew", unasked),
    ]
    return Split(kept, pl.concat(refused))


def stepwise(step_labels: pl.DataFrame) -> Split:
    """`schemas.StepLabels` as ``prompt`` (a text), ``completions`` (the steps) and ``labels``.

    TRL's format has no label for "not known", and a null would be read as one: a solution ends
    before its first unlabelled step, and one without any label is dropped.
    """
    unknown = pl.col("labels").list.eval(pl.element().is_null())
    known = (
        pl.when(unknown.list.any())
        .then(unknown.list.arg_max())
        .otherwise(pl.col("labels").list.len())
    )
    cut = step_labels.with_columns(known=known)
    kept = cut.filter(pl.col("known") > 0)
    error = pl.col("first_error")
    shaped = kept.with_columns(
        pl.col("completions", "labels", "values").list.head(pl.col("known")),
        prompt=pl.col("prompt").map_elements(
            lambda messages: conversation(messages.to_list()), return_dtype=pl.String
        ),
        first_error=pl.when(error < pl.col("known")).then(error),
    )
    none = cut.filter(pl.col("known") == 0)["response_id"].to_list()
    return Split(
        _ordered(shaped.drop("known", "spans"), "prompt", "completions", "labels"),
        dropped(STAGE, "no step is labelled", none),
    )


def prompt_completion(demonstrations: pl.DataFrame) -> Split:
    """`schemas.Demonstrations` as ``prompt`` and ``completion``, lists of messages: the last
    message is what is learnt. One without a prompt is dropped."""
    turns = pl.col("messages")
    split = demonstrations.with_columns(
        prompt=turns.list.head(turns.list.len() - 1), completion=turns.list.tail(1)
    ).drop("messages")
    asked = pl.col("prompt").list.len() > 0
    alone = split.filter(~asked)["demonstration_id"].to_list()
    return Split(
        _ordered(split.filter(asked), "prompt", "completion"), dropped(STAGE, "no prompt", alone)
    )


_ADDED = ("source", "licence", "refresh")
"""Columns that every row of an export has beside its table's own."""

FORMATS: Mapping[str, Format] = {
    "preference": Format(
        "pairs",
        "`prompt`, `chosen` and `rejected` are lists of messages. `weight` is the confidence that "
        "`chosen` is the better one, `score_margin` by how much; `score_chosen` and "
        "`score_rejected` are what the stage that the pairs were chosen by said of whole answers. "
        "With `shared_prefix`, both sides begin with so many characters of the same text, and "
        "`ends` says which side its author ended there: to close the other one with an end token "
        "would teach to stop after a step.",
        ("DPOTrainer", "RewardTrainer"),
        {Pairs: preference},
    ),
    "unpaired": Format(
        "labelled completions",
        "`prompt` and `completion` are lists of messages, `label` says whether the completion is a "
        "good one: the chosen one of its pairs, or one that is scored 1 and not 0.",
        ("KTOTrainer",),
        {Pairs: unpaired, Scores: labelled},
    ),
    "stepwise": Format(
        "step-labelled solutions",
        "`prompt` is a text, `completions` are the steps of a solution with their own line ends "
        "(joined they are the solution), `labels` whether each is right, `values` what the labels "
        "were decided by, `first_error` the first wrong step, from 0.",
        (),
        {StepLabels: stepwise},
    ),
    "prompt-completion": Format(
        "demonstrations",
        "`prompt` and `completion` are lists of messages. `loss_spans`, where there are any, are "
        "the [start, end) characters of the completion that are to be learnt.",
        ("SFTTrainer",),
        {Demonstrations: prompt_completion},
    ),
}


def format_of(tables: Collection[type[Table]], name: str | None) -> tuple[str, Format]:
    """The format ``name`` and its name; by default the first that one of ``tables`` has.

    ``name`` is one of `FORMATS`, or the import path of a `Format` (``package.NAME``). Raises
    `FactoryError` if there is no such format.
    """
    if name is None:
        name = next(iter(fitting(tables)), None)
    if name is None:
        raise FactoryError(f"no format is made from {', '.join(one.__name__ for one in tables)}")
    if name in FORMATS:
        return name, FORMATS[name]
    if "." not in name:
        raise FactoryError(f"there is no format {name!r}; {near(name, FORMATS)}")
    try:
        return name, named(name, instance_of(Format, "a format (assets.export.formats.Format)"))
    except UnknownNameError as error:
        raise FactoryError(f"format {error}") from error


def fitting(tables: Collection[type[Table]]) -> list[str]:
    """The names of the formats that can be made from one of ``tables``."""
    return [name for name, one in FORMATS.items() if not one.converters.keys().isdisjoint(tables)]


def formats_table() -> str:
    """A Markdown table of `FORMATS`, for ``factory export --list``."""
    lines = ["| format | rows | made from | trainers |", "| --- | --- | --- | --- |"]
    for name, format in FORMATS.items():
        tables = ", ".join(f"`{table.__name__}`" for table in format.converters)
        trainers = ", ".join(f"`{trainer}`" for trainer in format.trainers)
        lines.append(f"| `{name}` | {format.what} | {tables} | {trainers} |")
    return "\n".join(lines)


def _ordered(frame: pl.DataFrame, *first: str) -> pl.DataFrame:
    return frame.select(*first, pl.exclude(*first))
