"""The rows of evaluations: held-out prompts, pairs and solutions, before and after a training."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from assets.report.report_data import ReportData
from assets.report.row_browser import Browsed, chosen, interned, rounded, units
from assets.report.row_columns import prompt_texts, truth_words
from engines.operators.prompt_templates import conversation
from schemas import Pairs, StepLabels


def evaluation_rows(browsed: Browsed, rows: pl.DataFrame, data: ReportData) -> None:
    """Each held-out prompt, and what was measured before and after. The answers are not stored."""
    put = interned(browsed.texts)
    browsed.prompts = put(prompt_texts(data, rows["prompt_id"]))
    for when in ("before", "after"):
        browsed.sides[when] = put(_measured_text(row, when) for row in rows.iter_rows(named=True))
        browsed.right[when] = rows[f"greedy_{when}"].to_list()
    browsed.choices.append(chosen("answer", truth_words(browsed.right["after"])))
    browsed.numbers = {
        "preference": rounded(rows["preference"]),
        "reward, after less before": rounded(rows["reward_after"] - rows["reward_before"]),
        "right samples, after less before": rounded(
            rows["right_after"].cast(pl.Int64) - rows["right_before"].cast(pl.Int64)
        ),
    }


def _measured_text(row: Mapping[str, Any], when: str) -> str:
    lines = []
    if row[f"greedy_{when}"] is not None:
        lines.append(f"greedy answer {'right' if row[f'greedy_{when}'] else 'wrong'}")
    if row[f"right_{when}"] is not None and row["samples"]:
        lines.append(f"{row[f'right_{when}']} of {row['samples']} samples right")
    if row[f"reward_{when}"] is not None:
        lines.append(f"reward {row[f'reward_{when}']:.4g}")
    if row[f"length_{when}"] is not None:
        lines.append(f"{row[f'length_{when}']:,} characters")
    return "\n".join(lines) or "not measured alone"


def pair_evaluation_rows(browsed: Browsed, rows: pl.DataFrame, data: ReportData) -> None:
    """Each held-out pair with what was measured of its sides: log-probs, or rewards."""
    put = interned(browsed.texts)
    pairs = data.with_ids(Pairs, rows["pair_id"]).select("pair_id", "prompt", "chosen", "rejected")
    joined = rows.select("pair_id", "prompt_id").join(
        pairs, on="pair_id", how="left", maintain_order="left"
    )
    kept = [conversation(turns) if turns else None for turns in joined["prompt"].to_list()]
    fallback = prompt_texts(data, rows["prompt_id"])
    browsed.prompts = put(one or other for one, other in zip(kept, fallback, strict=True))
    for side in ("chosen", "rejected"):
        sides = joined[side].to_list()
        browsed.sides[side] = put(conversation(turns) if turns else "not stored" for turns in sides)
        browsed.right[side] = [None] * rows.height
        for when in ("before", "after"):
            browsed.scores.setdefault(when, {})[side] = rounded(rows[f"{side}_{when}"])
    margins = {
        when: rows[f"chosen_{when}"] - rows[f"rejected_{when}"] for when in ("before", "after")
    }
    browsed.numbers = {
        "margin after": rounded(margins["after"]),
        "margin before": rounded(margins["before"]),
        "margin, after less before": rounded(margins["after"] - margins["before"]),
    }


def step_evaluation_rows(browsed: Browsed, rows: pl.DataFrame, data: ReportData) -> None:
    """Each held-out solution: its steps with their labels and the rewards after the training."""
    put = interned(browsed.texts)
    solutions = data.with_ids(StepLabels, rows["response_id"]).select("response_id", "completions")
    joined = rows.select("response_id").join(
        solutions, on="response_id", how="left", maintain_order="left"
    )["completions"]
    texts = [
        steps if steps is not None else ["not stored"] + [""] * (len(labels) - 1)
        for steps, labels in zip(joined.to_list(), rows["labels"].to_list(), strict=True)
    ]
    browsed.prompts = put(prompt_texts(data, rows["prompt_id"]))
    browsed.sides["solution"] = put("".join(steps) for steps in texts)
    browsed.right["solution"] = [None] * rows.height
    browsed.steps = {
        "lengths": [[units(step) for step in steps] for steps in texts],
        "labels": rows["labels"].to_list(),
        "values": [rounded(values) for values in rows["after"]],
        "truths": [None] * rows.height,
    }
    browsed.numbers = {
        "lowest reward after": rounded(rows["after"].list.min()),
        "lowest reward before": rounded(rows["before"].list.min()),
        "threshold": rounded(rows["threshold"]),
    }
