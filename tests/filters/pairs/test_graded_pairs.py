"""GradedPairs: a version of a response against more degraded ones."""

from typing import Any

import polars as pl
import pytest

from filters import GradedPairs
from schemas import Responses, canonical, rows


def degraded(*versions: tuple[str, str, float | None, str]) -> pl.DataFrame:
    """Versions (id, original, level, text) of responses named ``<prompt>-<place>``."""
    return rows(
        Responses,
        [
            {
                "response_id": name,
                "prompt_id": original.partition("-")[0],
                "text": text,
                "finish": "stop",
                "tokens": 1,
                "origin": {
                    "operator": "t",
                    "model": None,
                    "parameters": "{}" if level is None else canonical({"level": level}),
                    "seed": None,
                    "parents": [original],
                },
            }
            for name, original, level, text in versions
        ],
    )


@pytest.fixture
def tables(world: Any) -> Any:
    made = world({"p": [("one two three", []), ("four five six", [])], "q": [("seven", [])]})
    made["worse"] = degraded(
        ("a3", "p-0", 0.75, "one"),
        ("a1", "p-0", 0.25, "one two"),
        ("b1", "p-1", 0.5, "four"),
        ("none", "q-0", None, "s"),
        ("lost", "q-9", 0.5, "x"),
    )
    return made


def made(tables: Any, pairs: Any) -> list[tuple[str, str, float]]:
    split = GradedPairs(of="worse", originals="responses", pairs=pairs).run(tables)
    assert split.dropped.select("row_id", "reason").rows() == [
        ("none", "no level"),
        ("lost", "original not found"),
        ("q", "no pair left"),
    ]
    return split.kept.select("chosen_id", "rejected_id", "margin").rows()


def test_adjacent_levels(tables: Any) -> None:
    assert made(tables, "adjacent") == [
        ("a1", "a3", 0.5),
        ("p-0", "a1", 0.25),
        ("p-1", "b1", 0.5),
    ]


def test_originals_against_each_version(tables: Any) -> None:
    assert made(tables, "original") == [
        ("p-0", "a3", 0.75),
        ("p-0", "a1", 0.25),
        ("p-1", "b1", 0.5),
    ]


def test_each_against_all_that_are_worse(tables: Any) -> None:
    assert made(tables, "all") == [
        ("p-0", "a3", 0.75),
        ("a1", "a3", 0.5),
        ("p-0", "a1", 0.25),
        ("p-1", "b1", 0.5),
    ]


def test_a_pair_knows_what_both_sides_begin_with(tables: Any) -> None:
    kept = GradedPairs(of="worse", originals="responses").run(tables).kept
    assert kept["shared_prefix"].to_list() == [3, 7, 4]
    assert kept["chosen"].list.first().struct.field("content").to_list()[1] == "one two three"
