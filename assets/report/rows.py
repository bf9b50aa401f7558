"""The rows of a report, in the form that each table needs: prompts, answers and their truth."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from assets.project.label_truth import sides as answered
from assets.report.evaluated_rows import (
    evaluation_rows,
    pair_evaluation_rows,
    step_evaluation_rows,
)
from assets.report.report_data import ReportData
from assets.report.row_browser import Browsed, chosen, interned, rounded, units
from assets.report.row_columns import add_scores, last_content, prompt_texts, truth_words
from assets.report.scored_rows import (
    criterion_rows,
    node_rows,
    prompt_rows,
    ranking_rows,
    score_rows,
    token_score_rows,
)
from assets.report.steps import step_columns
from engines.operators.prompt_templates import conversation, message_text
from schemas import (
    Criteria,
    Demonstrations,
    Evaluations,
    Nodes,
    PairEvaluations,
    Pairs,
    Prompts,
    Rankings,
    Responses,
    RewardEvaluations,
    Scores,
    StepEvaluations,
    StepLabels,
    TokenScores,
    id_column,
)


def browsed(data: ReportData, rows: pl.DataFrame) -> Browsed:
    """``rows`` of the reported stage (`assets.report.listed`) for the browser of rows, without
    their traces (`assets.report.traces.add_traces`)."""
    unit = id_column(data.stage.gives)
    address = f"{data.recipe.name}/{data.stage.name}"
    browsed = Browsed(_SHAPES[data.stage.gives][0], rows[unit].to_list(), address)
    _SHAPES[data.stage.gives][1](browsed, rows, data)
    browsed.choices.append(chosen("refresh", rows["refresh"]))
    if "prompt_id" in rows.columns:
        sources = rows.select("prompt_id").join(
            data.prompts(rows["prompt_id"]).select("prompt_id", "source"),
            on="prompt_id",
            how="left",
            maintain_order="left",
        )["source"]
        browsed.choices.append(chosen("source", sources))
    truths = next((each for each in browsed.choices if each.name in ("label", "answer")), None)
    if truths is not None:
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
        add_scores(browsed, data, side, rows[f"{side}_id"])
    truths = [
        _pair_truth(one, other)
        for one, other in zip(browsed.right["chosen"], browsed.right["rejected"], strict=True)
    ]
    browsed.choices.append(chosen("label", pl.Series(truths, dtype=pl.String)))
    if rows["shared_prefix"].fill_null(0).max():
        browsed.shared = [
            units(text[: shared or 0])
            for text, shared in rows.select(last_content("chosen"), "shared_prefix").iter_rows()
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
    solutions = rows["completions"].list.join("")
    browsed.sides["solution"] = put(solutions)
    answers = rows.select("prompt_id").with_columns(text=solutions)
    browsed.right["solution"] = data.right(answers).to_list()
    truth = step_columns(rows, data)
    browsed.steps = {
        "lengths": [[units(step) for step in steps] for steps in rows["completions"]],
        "labels": rows["labels"].to_list(),
        "values": [rounded(values) for values in rows["values"]],
        "truths": truth.truths,
    }
    browsed.choices.append(chosen("label", truth.labels))
    browsed.choices.append(chosen("answer", truth_words(browsed.right["solution"])))
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
    add_scores(browsed, data, "solution", rows["response_id"])


def _demonstrations(browsed: Browsed, rows: pl.DataFrame, data: ReportData) -> None:
    put = interned(browsed.texts)
    messages = rows["messages"].to_list()
    browsed.prompts = put(conversation(turns[:-1]) if turns[:-1] else "" for turns in messages)
    browsed.sides["answer"] = put(message_text(turns[-1]) for turns in messages)
    browsed.right["answer"] = data.right(
        rows.select("prompt_id", text=last_content("messages"))
    ).to_list()
    browsed.choices.append(chosen("answer", truth_words(browsed.right["answer"])))
    if rows["condition"].n_unique() > 1:
        browsed.choices.append(chosen("condition", rows["condition"]))
    browsed.numbers = {
        "characters": rounded(rows.select(last_content("messages").str.len_chars()).to_series())
    }
    add_scores(browsed, data, "answer", rows["response_id"])


def _responses(browsed: Browsed, rows: pl.DataFrame, data: ReportData) -> None:
    put = interned(browsed.texts)
    browsed.prompts = put(prompt_texts(data, rows["prompt_id"]))
    browsed.sides["response"] = put(rows["text"])
    browsed.right["response"] = data.right(rows).to_list()
    browsed.choices.append(chosen("answer", truth_words(browsed.right["response"])))
    browsed.choices.append(chosen("ended by", rows["finish"].cast(pl.String)))
    add_scores(browsed, data, "response", rows["response_id"])
    browsed.numbers = {"tokens": rounded(rows["tokens"])} | {
        name: sides["response"] for name, sides in browsed.scores.items()
    }


_SHAPES: Mapping[Any, tuple[str, Callable[[Browsed, pl.DataFrame, ReportData], None]]] = {
    Pairs: ("pairs", _pairs),
    StepLabels: ("solutions", _solutions),
    Demonstrations: ("demonstrations", _demonstrations),
    Responses: ("responses", _responses),
    Rankings: ("rankings", ranking_rows),
    Prompts: ("prompts", prompt_rows),
    Scores: ("scores", score_rows),
    TokenScores: ("scores of tokens", token_score_rows),
    Criteria: ("criteria", criterion_rows),
    Nodes: ("nodes", node_rows),
    Evaluations: ("evaluations", evaluation_rows),
    PairEvaluations: ("pair evaluations", pair_evaluation_rows),
    RewardEvaluations: ("reward evaluations", pair_evaluation_rows),
    StepEvaluations: ("step evaluations", step_evaluation_rows),
}
