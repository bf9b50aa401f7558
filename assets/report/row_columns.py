"""Columns that the shapes of several tables share."""

from collections.abc import Iterable, Sequence

import polars as pl

from assets.report.agreement import annotators_of, response_scores
from assets.report.report_data import ReportData
from assets.report.row_browser import Browsed, rounded
from engines.operators.prompt_templates import conversation
from schemas import Message


def add_scores(browsed: Browsed, data: ReportData, side: str, ids: pl.Series) -> None:
    """Add the scores of the responses ``ids`` by each annotator that scored any of them."""
    browsed.answers[side] = ids.to_list()
    for annotator in annotators_of(data):
        scores = response_scores(data, annotator, ids.unique())
        values = pl.DataFrame({"response_id": ids}).join(
            scores, on="response_id", how="left", maintain_order="left"
        )["value"]
        if values.count():
            browsed.scores.setdefault(annotator.label, {})[side] = rounded(values)


def truth_words(right: Sequence[bool | None]) -> pl.Series:
    """``right``, ``wrong`` or ``unknown``."""
    words = {True: "right", False: "wrong", None: "unknown"}
    return pl.Series([words[each] for each in right], dtype=pl.String)


def last_content(column: str) -> pl.Expr:
    """The content of the last message."""
    return pl.col(column).list.last().struct.field("content")


def prompt_texts(data: ReportData, prompt_ids: pl.Series) -> list[str]:
    """The text of each prompt; empty if it is not stored."""
    prompts = data.prompts(prompt_ids).select("prompt_id", "messages")
    joined = pl.DataFrame({"prompt_id": prompt_ids}).join(
        prompts, on="prompt_id", how="left", maintain_order="left"
    )["messages"]
    return conversations(joined.to_list())


def conversations(chats: Iterable[Sequence[Message] | None]) -> list[str]:
    """The text of each conversation; empty if there is none."""
    return [conversation(turns) if turns else "" for turns in chats]
