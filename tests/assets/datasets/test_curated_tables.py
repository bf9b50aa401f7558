"""Curated datasets of tables other than pairs: what their rows are split by."""

import random
from typing import Any

import polars as pl
import pytest

from assets.datasets.gather import PROVENANCE
from assets.datasets.splits import keys, shares
from schemas import Demonstrations, StepLabels, columns, prompt_id
from tests.assets.datasets.curations import ABOUT, WORDS, asked, curation_of, pair


def judged(seed: int, order: str, *, task: str | None) -> dict[str, Any]:
    """A question about a pair, as an answer to which a verdict is learnt."""
    first, second = (f"{seed} pears", f"{seed + 1} pears")[:: 1 if order == "A" else -1]
    asked = f"Which is better? Problem: sum {seed}? A: {first}. B: {second}."
    said = [{"role": "user", "content": asked}, {"role": "assistant", "content": order}]
    return {
        "demonstration_id": f"{seed}{order}",
        "prompt_id": prompt_id(said[:1]),
        "messages": said,
        "recipe": "judge",
        "refresh": "2026-01-01",
        "task": task,
    }


def test_both_orders_of_a_pair_and_its_task_are_in_one_split() -> None:
    """The words that all questions share do not make one cluster of them."""
    tasks = [" ".join(random.Random(seed).sample(WORDS, 9)) for seed in range(40)]
    records = [
        judged(seed, order, task=task) for seed, task in enumerate(tasks) for order in ("A", "B")
    ]
    for seed, task in enumerate(tasks):
        solved = {**judged(seed, "S", task=None), "recipe": "solver"}
        solved["messages"] = [
            {"role": "user", "content": task},
            {"role": "assistant", "content": ""},
        ]
        records.append(solved)
    gathered = pl.DataFrame(records, schema=pl.Schema({**columns(Demonstrations), **ABOUT}))
    found = curation_of(gathered, Demonstrations, filters=[], evaluations={}, held_out=0.5).rows
    assert found.height == 120
    for seed, task in enumerate(tasks):
        splits_of = set(found.filter(pl.col("demonstration_id").str.head(-1) == str(seed))["split"])
        assert splits_of == {"held_out" if shares(keys(pl.Series([task])))[0] < 0.5 else "train"}
    assert set(found["split"]) == {"train", "held_out"}


def of_table(kind: Any, seed: int) -> dict[str, Any]:
    prompt = pair(seed)
    answer = {"role": "assistant", "content": f"answer {seed}"}
    return {
        StepLabels: {
            "response_id": str(seed),
            "prompt": prompt["prompt"],
            "completions": [f"answer {seed}"],
            "labels": [True],
            "values": [1.0],
        },
        Demonstrations: {
            "demonstration_id": str(seed),
            "messages": [*prompt["prompt"], answer],
        },
    }[kind] | {name: prompt[name] for name in ("prompt_id", *PROVENANCE)}


@pytest.mark.parametrize("kind", [StepLabels, Demonstrations])
def test_solutions_and_demonstrations_are_split_by_prompt_too(kind: Any) -> None:
    schema = pl.Schema({**columns(kind), **ABOUT})
    records = [of_table(kind, seed) for seed in [*range(60), 9_000]]
    again = {**of_table(kind, 5), kind.primary_key()[0]: "again", "refresh": "2026-01-02"}
    found = curation_of(pl.DataFrame([*records, again], schema=schema), kind)
    assert found.rows.height + found.dropped.height == 62
    assert {"again", "9000"} <= set(found.dropped["row_id"])
    assert set(found.rows["split"]) == {"train", "held_out"}


def test_an_answer_to_nothing_is_its_own_prompt() -> None:
    schema = pl.Schema({**columns(Demonstrations), **ABOUT})
    said = [
        {**of_table(Demonstrations, seed), "messages": [{"role": "assistant", "content": text}]}
        for seed, text in enumerate((asked(9_000), asked(3)))
    ]
    found = curation_of(pl.DataFrame(said, schema=schema), Demonstrations, held_out=0.0)
    assert found.rows["demonstration_id"].to_list() == ["1"]
