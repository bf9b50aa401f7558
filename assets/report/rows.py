"""The rows of a report, in the form that each table needs: prompts, answers and their truth."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import polars as pl

from assets.project.label_truth import sides as answered
from assets.report.agreement import response_scores
from assets.report.report_data import ReportData
from assets.report.row_browser import Browsed, chosen, interned, rounded, units
from assets.report.steps import step_columns
from engines.operators.prompt_templates import conversation, message_text
from schemas import Demonstrations, Pairs, Responses, StepLabels


def browsed(data: ReportData) -> Browsed:
    """The rows of the reported stage, by refresh, in the order of the tables."""
    rows = data.rows(data.stage.name)
    (unit,) = data.stage.gives.primary_key()
    browsed = Browsed(_SHAPES[data.stage.gives][0], rows[unit].to_list())
    _SHAPES[data.stage.gives][1](browsed, rows, data)
    sources = rows.select("prompt_id").join(
        data.prompts().select("prompt_id", "source"),
        on="prompt_id",
        how="left",
        maintain_order="left",
    )["source"]
    browsed.choices += [chosen("refresh", rows["refresh"]), chosen("source", sources)]
    truths = next(each for each in browsed.choices if each.name in ("label", "answer"))
    counts = Counter(truths.values)
    browsed.labels = {option: counts[number] for number, option in enumerate(truths.options)}
    browsed.choices = [choice for choice in browsed.choices if len(choice.options) > 1]
    browsed.numbers = {
        name: values for name, values in browsed.numbers.items() if len(set(values)) > 1
    }
    return browsed


def _pairs(browsed: Browsed, rows: pl.DataFrame, data: ReportData) -> None:
    put = interned(browsed.texts)
    browsed.prompts = put(map(conversation, rows["prompt"].to_list()))
    lengths = {}
    for side in ("chosen", "rejected"):
        texts = pl.Series(list(map(conversation, rows[side].to_list())), dtype=pl.String)
        browsed.sides[side] = put(texts)
        browsed.right[side] = data.right(answered(rows, side)).to_list()
        lengths[side] = texts.str.len_chars().cast(pl.Int64)
        _score(browsed, data, side, rows[f"{side}_id"])
    truths = [
        _pair_truth(one, other)
        for one, other in zip(browsed.right["chosen"], browsed.right["rejected"], strict=True)
    ]
    browsed.choices.append(chosen("label", pl.Series(truths, dtype=pl.String)))
    if rows["shared_prefix"].fill_null(0).max():
        browsed.shared = [
            units(text[: shared or 0])
            for text, shared in rows.select(_last("chosen"), "shared_prefix").iter_rows()
        ]
    browsed.numbers = {
        "margin": rounded(rows["margin"]),
        "weight": rounded(rows["weight"]),
        "characters, chosen less rejected": rounded(lengths["chosen"] - lengths["rejected"]),
        "characters of chosen": rounded(lengths["chosen"]),
    }


def _pair_truth(chosen_right: bool | None, rejected_right: bool | None) -> str:
    if chosen_right is None or rejected_right is None:
        return "unknown"
    if chosen_right == rejected_right:
        return "both answers right" if chosen_right else "both answers wrong"
    return "right" if chosen_right else "wrong"


def _solutions(browsed: Browsed, rows: pl.DataFrame, data: ReportData) -> None:
    put = interned(browsed.texts)
    browsed.prompts = put(map(conversation, rows["prompt"].to_list()))
    whole = rows["completions"].list.join("")
    browsed.sides["solution"] = put(whole)
    answers = rows.select("prompt_id").with_columns(text=whole)
    browsed.right["solution"] = data.right(answers).to_list()
    truth = step_columns(rows, data)
    browsed.steps = {
        "lengths": [[units(step) for step in steps] for steps in rows["completions"]],
        "labels": rows["labels"].to_list(),
        "values": [rounded(values) for values in rows["values"]],
        "truths": truth.truths,
    }
    browsed.choices.append(chosen("label", truth.labels))
    browsed.choices.append(chosen("answer", _answer(browsed.right["solution"])))
    error = rows["first_error"].is_not_null()
    marked = pl.select(
        pl.when(error).then(pl.lit("a wrong step")).otherwise(pl.lit("no wrong step"))
    ).to_series()
    browsed.choices.append(chosen("labelled with", marked))
    browsed.numbers = {
        "lowest value of a step": rounded(rows["values"].list.min()),
        "first wrong step": rounded(rows["first_error"] + 1),
        "steps": rounded(rows["completions"].list.len()),
    }
    _score(browsed, data, "solution", rows["response_id"])


def _demonstrations(browsed: Browsed, rows: pl.DataFrame, data: ReportData) -> None:
    put = interned(browsed.texts)
    messages = rows["messages"].to_list()
    browsed.prompts = put(conversation(turns[:-1]) if turns[:-1] else "" for turns in messages)
    browsed.sides["answer"] = put(message_text(turns[-1]) for turns in messages)
    browsed.right["answer"] = data.right(rows.select("prompt_id", text=_last("messages"))).to_list()
    browsed.choices.append(chosen("answer", _answer(browsed.right["answer"])))
    if rows["condition"].n_unique() > 1:
        browsed.choices.append(chosen("condition", rows["condition"]))
    browsed.numbers = {
        "characters": rounded(rows.select(_last("messages").str.len_chars()).to_series())
    }
    _score(browsed, data, "answer", rows["response_id"])


def _responses(browsed: Browsed, rows: pl.DataFrame, data: ReportData) -> None:
    put = interned(browsed.texts)
    prompts = data.prompts().select("prompt_id", "messages")
    joined = rows.join(prompts, on="prompt_id", how="left", maintain_order="left")["messages"]
    browsed.prompts = put(conversation(turns) if turns else "" for turns in joined.to_list())
    browsed.sides["response"] = put(rows["text"])
    browsed.right["response"] = data.right(rows).to_list()
    browsed.choices.append(chosen("answer", _answer(browsed.right["response"])))
    browsed.choices.append(chosen("ended by", rows["finish"].cast(pl.String)))
    _score(browsed, data, "response", rows["response_id"])
    browsed.numbers = {"tokens": rounded(rows["tokens"])} | {
        name: sides["response"] for name, sides in browsed.scores.items()
    }


_SHAPES: Mapping[Any, tuple[str, Callable[[Browsed, pl.DataFrame, ReportData], None]]] = {
    Pairs: ("pairs", _pairs),
    StepLabels: ("solutions", _solutions),
    Demonstrations: ("demonstrations", _demonstrations),
    Responses: ("responses", _responses),
}


def _score(browsed: Browsed, data: ReportData, side: str, ids: pl.Series) -> None:
    """Add the scores of the responses ``ids`` by each annotator that scored any of them."""
    for name, scores in response_scores(data).items():
        values = pl.DataFrame({"response_id": ids}).join(
            scores, on="response_id", how="left", maintain_order="left"
        )["value"]
        if values.count():
            browsed.scores.setdefault(name, {})[side] = rounded(values)


def _answer(right: Sequence[bool | None]) -> pl.Series:
    words = {True: "right", False: "wrong", None: "unknown"}
    return pl.Series([words[each] for each in right], dtype=pl.String)


def _last(column: str) -> pl.Expr:
    return pl.col(column).list.last().struct.field("content")
