"""Shared by filters that make pairs: tie-breaks, mean scores, and rows of `Pairs`."""

import polars as pl

from filters.cut_off import end_of_answer, ends_of_sides
from schemas.ids import content_ids
from schemas.messages import transcript


def tie_break(column: str, seed: int = 0) -> pl.Expr:
    """A random but reproducible sort key for each id of ``column``: a hash of the id and ``seed``,
    the same on every machine and in every order of the rows. Ids themselves may depend on age or
    rank; a hash does not."""
    return pl.col(column).map_batches(
        lambda texts: content_ids(seed, texts), return_dtype=pl.String
    )


def mean_scores(scores: pl.DataFrame) -> pl.DataFrame:
    """One row per response: ``value``, the mean of its scores as a whole, null if there is none;
    ``votes``, the number of these scores; ``errors``, the number of scores that are errors."""
    of_responses = scores.filter(pl.col("step").is_null())
    if of_responses["response_id"].n_unique() == of_responses.height:
        return of_responses.select("response_id", **_ONE_SCORE)
    # In floating point (0.1 + 0.2 + 0.3) / 3 is not 0.2: means are rounded, so that ties stay ties.
    values = pl.col("value").drop_nulls()
    return of_responses.group_by("response_id", maintain_order=True).agg(
        value=pl.when(values.len() == 1)
        .then(values.first())
        .otherwise(values.sort().mean().round_sig_figs(12)),
        votes=pl.col("value").count(),
        errors=pl.col("value").null_count(),
    )


_ONE_SCORE = {
    "value": pl.col("value"),
    "votes": pl.col("value").is_not_null().cast(pl.get_index_type()),
    "errors": pl.col("value").is_null().cast(pl.get_index_type()),
}
"""`mean_scores` if each response has one score: an eighth of the time of grouping a million."""


def scored(responses: pl.DataFrame, scores: pl.DataFrame) -> pl.DataFrame:
    """``responses`` with their `mean_scores`. A response without scores has null and zeros."""
    if scores["response_id"].equals(responses["response_id"]) and scores["step"].is_null().all():
        # One score per response in the same order, as an annotator gives them: no join is needed.
        return responses.hstack(scores.select(**_ONE_SCORE))
    return responses.join(
        mean_scores(scores), on="response_id", how="left", maintain_order="left"
    ).with_columns(pl.col("votes", "errors").fill_null(0))


def assistant_message(text: str) -> pl.Expr:
    """Column ``text`` as the messages of an assistant's turn."""
    return pl.concat_list(pl.struct(role=pl.lit("assistant"), content=pl.col(text)))


def answer_messages(frame: pl.DataFrame, side: str = "") -> pl.Series:
    """The answer of each row as messages, by its columns ``{side}text`` and ``{side}turns``: one of
    the assistant or, of a transcript, one for each turn."""
    messages = frame.select(assistant_message(f"{side}text")).to_series()
    name = f"{side}turns"
    if name not in frame.columns or not frame[name].count():
        return messages
    return pl.Series(
        [
            answer if turns is None else transcript(text, (turn.values() for turn in turns))
            for answer, text, turns in zip(messages, frame[f"{side}text"], frame[name], strict=True)
        ],
        dtype=messages.dtype,
    )


def as_pairs(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows of `schemas.Pairs` from columns ``prompt_id``, ``messages``, ``margin`` and, for each
    side, ``chosen_id``, ``chosen_text``, ``chosen_turns`` and ``chosen_finish``. Columns of turns
    may be missing: no side is a transcript then."""
    ids = frame.select("prompt_id", "chosen_id", "rejected_id").get_columns()
    return frame.select(
        content_ids(*ids).alias("pair_id"),
        "prompt_id",
        pl.col("messages").alias("prompt"),
        *(answer_messages(frame, f"{side}_").alias(side) for side in ("chosen", "rejected")),
        "chosen_id",
        "rejected_id",
        pl.col("margin").cast(pl.Float64),
        pl.lit(1.0).alias("weight"),
        pl.lit(None, pl.UInt32).alias("shared_prefix"),
        pl.lit(
            None, pl.Struct({"chosen": pl.List(pl.Float32), "rejected": pl.List(pl.Float32)})
        ).alias("token_weights"),
        ends_of_sides(),
        pl.lit(None, pl.String).alias("annotator"),
    )


def as_demonstrations(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows of `schemas.Demonstrations` from columns ``prompt_id``, ``messages``, ``response_id``,
    ``text``, ``finish`` and ``turns``. The whole answer is learned; of a transcript, the
    assistant's turns, which are messages of their own."""
    ids = frame.select("prompt_id", "response_id").get_columns()
    return frame.select(
        content_ids(*ids).alias("demonstration_id"),
        "prompt_id",
        pl.concat_list("messages", answer_messages(frame)).alias("messages"),
        "response_id",
        _learned(frame).alias("loss_spans"),
        pl.lit(None, pl.String).alias("condition"),
        end_of_answer(),
        pl.lit(None, pl.Float64).alias("weight"),
    )


def _learned(frame: pl.DataFrame) -> pl.Series:
    """[message, start, end) of each turn of the assistant in a transcript; null of others."""
    spans = [
        turns
        and [
            [before + place, 0, turn["end"] - turn["start"]]
            for place, turn in enumerate(turns)
            if turn["role"] == "assistant"
        ]
        for turns, before in frame.select("turns", pl.col("messages").list.len()).iter_rows()
    ]
    return pl.Series(spans, dtype=pl.List(pl.List(pl.UInt32)))


def with_messages(frame: pl.DataFrame, prompts: pl.DataFrame) -> pl.DataFrame:
    """``frame`` with the ``messages`` of each row's prompt, null if the prompt is missing."""
    messages = prompts.select("prompt_id", "messages")
    return frame.join(messages, on="prompt_id", how="left", maintain_order="left")


def same_text() -> pl.Expr:
    """Whether both sides of a pair have the same text, ignoring surrounding spaces."""
    return pl.col("chosen_text").str.strip_chars() == pl.col("rejected_text").str.strip_chars()
