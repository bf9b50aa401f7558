"""The formats of exported rows.

The formats here are TRL's, and its trainers read them unchanged
(https://huggingface.co/docs/trl/dataset_formats). Any other format is named by its import path.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import polars as pl

from assets.config.errors import FactoryError
from engines.operators.prompt_templates import conversation
from schemas import (
    Demonstrations,
    Pairs,
    Scores,
    Split,
    StepLabels,
    Table,
    dropped,
)
from schemas.named import UnknownNameError, instance_of, named
from schemas.near import near

STAGE = "export"
CUT = "cut off: it would be trained with an end of the turn"


@dataclass(frozen=True)
class Marks:
    """What a converter must know of all rows of a split, in columns that are added to each row.

    ``of`` is called once, with ``columns`` of all rows, and returns the new columns. The rows
    themselves may be too many for the memory, so none of ``columns`` should hold texts.
    """

    columns: tuple[str, ...]
    of: Callable[[pl.DataFrame], pl.DataFrame]


@dataclass(frozen=True)
class Format:
    """A format of exported rows.

    ``what`` names the rows, in the plural. ``columns`` describes the columns and ``trainers`` lists
    the trainers that read them, both in Markdown for the dataset card. ``converters`` has a
    function for each table that the format can be made from, the preferred table first.

    A converter takes the table's rows, with three more columns: ``source``, ``licence`` and
    ``refresh``. Pairs that were scored also have ``score_chosen`` and ``score_rejected``. It
    returns the rows of the format as ``kept``. For each row that the format cannot hold, it returns
    a `schemas.Dropped` row as ``dropped``. With ``one_row``, it looks at each row alone, with the
    columns that the table's ``marks`` add, so few rows are in memory at a time; otherwise the rows
    of a split are in memory together.
    """

    what: str
    columns: str
    trainers: tuple[str, ...]
    converters: Mapping[type[Table], Callable[[pl.DataFrame], Split]]
    one_row: bool = False
    marks: Mapping[type[Table], Marks] = field(default_factory=dict)


def preference(pairs: pl.DataFrame) -> Split:
    """Pairs as ``prompt``, ``chosen``, ``rejected`` (lists of messages) and their other columns.

    ``margin`` becomes ``score_margin``: RewardTrainer would use a column ``margin`` in its loss,
    whatever its unit, and fail on nulls. A pair whose chosen answer was cut off is dropped, because
    TRL ends the turn of every answer.
    """
    ends = pl.col("ends").struct.field("chosen").fill_null(value=True)
    cut = ~ends & pl.col("shared_prefix").is_null()
    named = pairs.filter(~cut).rename({"margin": "score_margin"})
    return Split(
        _ordered(named, "prompt", "chosen", "rejected"),
        dropped(STAGE, f"the chosen answer was {CUT}", pairs.filter(cut)["pair_id"].to_list()),
    )


def unpaired(pairs: pl.DataFrame) -> Split:
    """Each response of `schemas.Pairs` once: ``prompt``, ``completion`` (lists of messages) and
    ``label``, true for the chosen side. Each row has the marks of `_side_marks`.

    A response that is chosen in one pair and rejected in another is dropped, and so is one that
    does not end: TRL ends the turn of every completion.
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
                pl.col("ends").struct.field(side).fill_null(value=True).alias("ended"),
                pl.col(f"{side}_mark").alias("mark"),
                *shared,
                *([pl.col(f"score_{side}").alias("score")] if f"score_{side}" in pairs else []),
            )
            for side in ("chosen", "rejected")
        ]
    ).sort("pair", maintain_order=True)
    decided = sides.filter(pl.col("mark") == _ONCE)
    both_ways = sides.filter(pl.col("mark") == _BOTH_WAYS)["response_id"].sort().to_list()
    unended = decided.filter(~pl.col("ended"))["response_id"].to_list()
    return Split(
        decided.filter("ended").drop("pair", "ended", "mark"),
        pl.concat(
            [
                dropped(STAGE, "chosen in one pair and rejected in another", both_ways),
                dropped(STAGE, f"a step, or {CUT}", unended),
            ]
        ),
    )


def _side_marks(pairs: pl.DataFrame) -> pl.DataFrame:
    """``chosen_mark`` and ``rejected_mark``: `_ONCE` or `_BOTH_WAYS` where a response is met first,
    and null where it is met again."""
    sides = (
        pairs.select("prompt_id", pl.concat_list("chosen_id", "rejected_id").alias("response_id"))
        .explode("response_id")
        .with_columns(chosen=pl.int_range(pl.len()) % 2 == 0)
    )
    response = ("prompt_id", "response_id")
    each = sides.select(
        pl.when(pl.struct(response).is_first_distinct()).then(
            pl.when(pl.col("chosen").n_unique().over(response) > 1)
            .then(pl.lit(_BOTH_WAYS))
            .otherwise(pl.lit(_ONCE))
        )
    ).to_series()
    return pl.DataFrame(
        {"chosen_mark": each.gather_every(2), "rejected_mark": each.gather_every(2, offset=1)}
    )


def labelled(scores: pl.DataFrame) -> Split:
    """Each response of `schemas.Scores` once: ``prompt``, ``completion`` (lists of messages) and
    ``label``, true for a score of 1.

    Each row of ``scores`` also has the response's ``prompt``, ``text`` and ``finish``, and the
    marks of `_scores_of_responses`. A response is dropped if its scores are not all 1 or all 0, if
    its prompt is not known, or if it was cut off.
    """
    shared = [name for name in ("prompt_id", *_ADDED) if name in scores.columns]
    once = scores.filter("first")
    decided = (pl.col("lowest") == pl.col("highest")) & pl.col("lowest").is_in([0.0, 1.0])
    with_prompt = once.filter(pl.col("prompt").is_not_null())
    marked = with_prompt.with_columns(decided=decided.fill_null(value=False))
    whole = pl.col("finish").cast(pl.String) == "stop"
    kept = marked.filter("decided", whole).select(
        "prompt",
        pl.concat_list(pl.struct(role=pl.lit("assistant"), content="text")).alias("completion"),
        (pl.col("lowest") == 1).alias("label"),
        "response_id",
        *shared,
    )
    cut = marked.filter("decided", ~whole)["response_id"].to_list()
    undecided = marked.filter(~pl.col("decided"))["response_id"].to_list()
    without_prompt = once.filter(pl.col("prompt").is_null())["response_id"].to_list()
    refused = [
        dropped(STAGE, "its scores are not all 1 or all 0", undecided),
        dropped(STAGE, "its prompt is none that the recipe drew", without_prompt),
        dropped(STAGE, CUT, cut),
    ]
    return Split(kept, pl.concat(refused))


def _scores_of_responses(scores: pl.DataFrame) -> pl.DataFrame:
    """``first``, whether a row is the first about its response, and the ``lowest`` and ``highest``
    score of the response. Scores of steps are ignored."""
    value = pl.col("value").filter(pl.col("step").is_null())
    return scores.select(
        pl.col("response_id").is_first_distinct().alias("first"),
        value.min().over("response_id").alias("lowest"),
        value.max().over("response_id").alias("highest"),
    )


def stepwise(step_labels: pl.DataFrame) -> Split:
    """`schemas.StepLabels` as ``prompt`` (a text), ``completions`` (the steps) and ``labels``.

    TRL's format has no label for "not known", and TRL would read a null as a label. So a solution
    is cut before its first unlabelled step, and a solution without labels is dropped.
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
    """`schemas.Demonstrations` as ``prompt`` and ``completion``, two lists of messages.

    The last message is the completion. A demonstration without a prompt is dropped, and so is one
    that was cut off: TRL ends the turn of every completion.
    """
    turns = pl.col("messages")
    split = demonstrations.with_columns(
        prompt=turns.list.head(turns.list.len() - 1), completion=turns.list.tail(1)
    ).drop("messages")
    has_prompt = pl.col("prompt").list.len() > 0
    whole = pl.col("ends").fill_null(value=True)
    without = split.filter(~has_prompt)["demonstration_id"].to_list()
    cut = split.filter(has_prompt, ~whole)["demonstration_id"].to_list()
    return Split(
        _ordered(split.filter(has_prompt, whole).drop("ends"), "prompt", "completion"),
        pl.concat([dropped(STAGE, "no prompt", without), dropped(STAGE, CUT, cut)]),
    )


_ONCE, _BOTH_WAYS = "once", "both ways"
_ADDED = ("source", "licence", "refresh")
"""Columns that an export adds to those of the table."""

FORMATS: Mapping[str, Format] = {
    "preference": Format(
        "pairs",
        "`prompt`, `chosen` and `rejected` are lists of messages. `weight` is the confidence that "
        "`chosen` is the better one, `score_margin` by how much; `score_chosen` and "
        "`score_rejected` are what the stage that the pairs were chosen by said of whole answers. "
        "With `shared_prefix`, both sides begin with so many characters of the same text, and "
        "`ends` says which side its author ended there: to close the other one with an end token "
        "would teach to stop after a step. Without `shared_prefix`, a side that does not end was "
        "cut off; it is a rejected one.",
        ("DPOTrainer", "RewardTrainer"),
        {Pairs: preference},
        one_row=True,
    ),
    "unpaired": Format(
        "labelled completions",
        "`prompt` and `completion` are lists of messages, `label` says whether the completion is a "
        "good one: the chosen one of its pairs, or one that is scored 1 and not 0.",
        ("KTOTrainer",),
        {Pairs: unpaired, Scores: labelled},
        one_row=True,
        marks={
            Pairs: Marks(("prompt_id", "chosen_id", "rejected_id"), _side_marks),
            Scores: Marks(("response_id", "value", "step"), _scores_of_responses),
        },
    ),
    "stepwise": Format(
        "step-labelled solutions",
        "`prompt` is a text, `completions` are the steps of a solution with their own line ends "
        "(joined they are the solution), `labels` whether each is right, `values` what the labels "
        "were decided by, `first_error` the first wrong step, from 0.",
        (),
        {StepLabels: stepwise},
        one_row=True,
    ),
    "prompt-completion": Format(
        "demonstrations",
        "`prompt` and `completion` are lists of messages. `loss_spans`, where there are any, are "
        "the [start, end) characters of the completion that are to be learnt.",
        ("SFTTrainer",),
        {Demonstrations: prompt_completion},
        one_row=True,
    ),
}


def format_of(tables: Collection[type[Table]], name: str | None) -> tuple[str, Format]:
    """Find a format.

    Args:
        tables: The tables to export.
        name: One of `FORMATS`, or the import path of a `Format` (``package.NAME``). By default the
            first format that can be made from one of ``tables``.

    Returns:
        The format's name, and the format.

    Raises:
        FactoryError: There is no such format.
    """
    if name is None:
        name = next(iter(fitting(tables)), None)
    if name is None:
        made = ", ".join(one.__name__ for one in tables)
        raise FactoryError(f"no format is made from {made}; see factory export --list")
    if name in FORMATS:
        return name, FORMATS[name]
    if "." not in name:
        raise FactoryError(f"there is no format {name!r}; {near(name, FORMATS)}")
    try:
        return name, named(name, instance_of(Format, "a format (assets.formats.Format)"))
    except UnknownNameError as error:
        raise FactoryError(f"format {error}") from error


def fitting(tables: Collection[type[Table]]) -> list[str]:
    """The names of the formats that can be made from any of ``tables``."""
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
