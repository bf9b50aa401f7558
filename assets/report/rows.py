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
from engines.operators.prompt_templates import conversation
from schemas import Demonstrations, Pairs, Responses, StepLabels


def browsed(data: ReportData) -> Browsed:
    """The rows of the reported stage, by refresh, in the order of the tables."""
    rows = data.rows(data.stage.name)
    (unit,) = data.stage.gives.primary_key()
    found = Browsed(_SHAPES[data.stage.gives][0], rows[unit].to_list())
    _SHAPES[data.stage.gives][1](found, rows, data)
    sources = rows.select("prompt_id").join(
        data.prompts().select("prompt_id", "source"),
        on="prompt_id",
        how="left",
        maintain_order="left",
    )["source"]
    found.choices += [chosen("refresh", rows["refresh"]), chosen("source", sources)]
    truths = next(each for each in found.choices if each.name in ("label", "answer"))
    counts = Counter(truths.values)
    found.labels = {option: counts[number] for number, option in enumerate(truths.options)}
    found.choices = [choice for choice in found.choices if len(choice.options) > 1]
    found.numbers = {name: values for name, values in found.numbers.items() if len(set(values)) > 1}
    return found


def _pairs(found: Browsed, rows: pl.DataFrame, data: ReportData) -> None:
    put = interned(found.texts)
    found.prompts = put(map(conversation, rows["prompt"].to_list()))
    lengths = {}
    for side in ("chosen", "rejected"):
        texts = pl.Series(list(map(conversation, rows[side].to_list())), dtype=pl.String)
        found.sides[side] = put(texts)
        found.right[side] = data.right(answered(rows, side)).to_list()
        lengths[side] = texts.str.len_chars().cast(pl.Int64)
        _score(found, data, side, rows[f"{side}_id"])
    truths = [
        _pair_truth(one, other)
        for one, other in zip(found.right["chosen"], found.right["rejected"], strict=True)
    ]
    found.choices.append(chosen("label", pl.Series(truths, dtype=pl.String)))
    if rows["shared_prefix"].fill_null(0).max():
        found.shared = [
            units(text[: shared or 0])
            for text, shared in rows.select(_last("chosen"), "shared_prefix").iter_rows()
        ]
    found.numbers = {
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


def _solutions(found: Browsed, rows: pl.DataFrame, data: ReportData) -> None:
    put = interned(found.texts)
    found.prompts = put(map(conversation, rows["prompt"].to_list()))
    whole = rows["completions"].list.join("")
    found.sides["solution"] = put(whole)
    answers = rows.select("prompt_id").with_columns(text=whole)
    found.right["solution"] = data.right(answers).to_list()
    truth = step_columns(rows, data)
    found.steps = {
        "lengths": [[units(step) for step in steps] for steps in rows["completions"]],
        "labels": rows["labels"].to_list(),
        "values": [rounded(values) for values in rows["values"]],
        "truths": truth.truths,
    }
    found.choices.append(chosen("label", truth.labels))
    found.choices.append(chosen("answer", _answer(found.right["solution"])))
    error = rows["first_error"].is_not_null()
    marked = pl.select(
        pl.when(error).then(pl.lit("a wrong step")).otherwise(pl.lit("no wrong step"))
    ).to_series()
    found.choices.append(chosen("labelled with", marked))
    found.numbers = {
        "lowest value of a step": rounded(rows["values"].list.min()),
        "first wrong step": rounded(rows["first_error"] + 1),
        "steps": rounded(rows["completions"].list.len()),
    }
    _score(found, data, "solution", rows["response_id"])


def _demonstrations(found: Browsed, rows: pl.DataFrame, data: ReportData) -> None:
    put = interned(found.texts)
    messages = rows["messages"].to_list()
    found.prompts = put(conversation(turns[:-1]) if turns[:-1] else "" for turns in messages)
    found.sides["answer"] = put(turns[-1]["content"] for turns in messages)
    found.right["answer"] = data.right(rows.select("prompt_id", text=_last("messages"))).to_list()
    found.choices.append(chosen("answer", _answer(found.right["answer"])))
    if rows["condition"].n_unique() > 1:
        found.choices.append(chosen("condition", rows["condition"]))
    found.numbers = {
        "characters": rounded(rows.select(_last("messages").str.len_chars()).to_series())
    }
    _score(found, data, "answer", rows["response_id"])


def _responses(found: Browsed, rows: pl.DataFrame, data: ReportData) -> None:
    put = interned(found.texts)
    prompts = data.prompts().select("prompt_id", "messages")
    joined = rows.join(prompts, on="prompt_id", how="left", maintain_order="left")["messages"]
    found.prompts = put(conversation(turns) if turns else "" for turns in joined.to_list())
    found.sides["response"] = put(rows["text"])
    found.right["response"] = data.right(rows).to_list()
    found.choices.append(chosen("answer", _answer(found.right["response"])))
    found.choices.append(chosen("ended by", rows["finish"].cast(pl.String)))
    _score(found, data, "response", rows["response_id"])
    found.numbers = {"tokens": rounded(rows["tokens"])} | {
        name: sides["response"] for name, sides in found.scores.items()
    }


_SHAPES: Mapping[Any, tuple[str, Callable[[Browsed, pl.DataFrame, ReportData], None]]] = {
    Pairs: ("pairs", _pairs),
    StepLabels: ("solutions", _solutions),
    Demonstrations: ("demonstrations", _demonstrations),
    Responses: ("responses", _responses),
}


def _score(found: Browsed, data: ReportData, side: str, ids: pl.Series) -> None:
    """Add the scores of the responses ``ids`` by each annotator that scored any of them."""
    for name, scores in response_scores(data).items():
        values = pl.DataFrame({"response_id": ids}).join(
            scores, on="response_id", how="left", maintain_order="left"
        )["value"]
        if values.count():
            found.scores.setdefault(name, {})[side] = rounded(values)


def _answer(right: Sequence[bool | None]) -> pl.Series:
    words = {True: "right", False: "wrong", None: "unknown"}
    return pl.Series([words[each] for each in right], dtype=pl.String)


def _last(column: str) -> pl.Expr:
    return pl.col(column).list.last().struct.field("content")
