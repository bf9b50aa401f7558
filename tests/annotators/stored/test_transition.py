"""Transition: the score of a revision less that of the response it was made from."""

import json
from itertools import chain
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotators import Transition
from schemas import Responses, Scores, Split, rows

UNIT = st.floats(0, 1, allow_nan=False).map(lambda value: round(value, 3))


def origin(*parents: str) -> dict[str, Any]:
    known = {"operator": "t", "model": None, "parameters": "{}", "seed": None}
    return {**known, "parents": list(parents)}


def revisions(made_from: dict[str, tuple[str, ...]]) -> pl.DataFrame:
    given = {"prompt_id": "p", "text": "x", "finish": "stop", "tokens": 1}
    return rows(
        Responses,
        [
            {"response_id": name, **given, "origin": origin(*parents)}
            for name, parents in made_from.items()
        ],
    )


def scores(values: dict[str, float | None], annotator: str = "judge") -> pl.DataFrame:
    return rows(
        Scores,
        [
            {
                "response_id": name,
                "annotator": annotator,
                "value": value,
                "error": "unread" if value is None else None,
                "origin": origin(),
            }
            for name, value in values.items()
        ],
    )


def ran(made_from: dict[str, tuple[str, ...]], *tables: pl.DataFrame, **fields: Any) -> Split:
    named = {f"by{number}": table for number, table in enumerate(tables)}
    operator = Transition(of="revised", by=tuple(named), **fields)
    return operator.run({"revised": revisions(made_from), **named}, None)


@given(st.lists(st.tuples(UNIT, UNIT), min_size=1, max_size=12), UNIT)
def test_scores_and_counts_are_those_of_a_slow_count(
    both: list[tuple[float, float]], right: float
) -> None:
    made_from = {f"r{place}": (f"d{place}",) for place in range(len(both))}
    values = chain.from_iterable(
        ((f"d{place}", before), (f"r{place}", after)) for place, (before, after) in enumerate(both)
    )
    split = ran(made_from, scores(dict(values)), right=right)
    assert split.kept["value"].to_list() == pytest.approx([a - b for b, a in both])
    counts = {(b, a): 0 for b in (True, False) for a in (True, False)}
    for before, after in both:
        counts[before > right, after > right] += 1
    told = split.report.findings
    assert list(told.values())[:4] == list(counts.values())
    good, bad = counts[True, True], counts[True, False]
    assert told["kept right"] == (good / (good + bad) if good + bad else None)
    good, bad = counts[False, True], counts[False, False]
    assert told["put right"] == (good / (good + bad) if good + bad else None)


def test_scores_of_several_stages_and_annotators_are_averaged() -> None:
    split = ran(
        {"r": ("critique", "d")},
        scores({"d": 0.2, "r": 0.5}),
        scores({"d": 0.4, "r": 1.0}, "other"),
    )
    (row,) = split.kept.rows(named=True)
    assert row["value"] == 0.45
    assert json.loads(row["raw"]) == {"after": 0.75, "before": pytest.approx(0.3)}
    assert row["origin"]["parents"] == ["d"]


def test_what_is_not_known_is_an_error() -> None:
    split = ran(
        {"new": (), "unread": ("d",), "lost": ("x",), "good": ("x", "d")},
        scores({"d": 1.0, "x": None, "new": 1.0, "unread": None, "lost": 0.0, "good": 1.0}),
    )
    assert split.dropped.is_empty()
    assert split.kept["value"].to_list() == [None, None, None, 0.0]
    unknown = "no response that it was made from has a score"
    assert split.kept["error"].to_list() == [unknown, "it has no score", unknown, None]
    assert split.report.findings["right before and after"] == 1
    assert split.report.findings["put right"] is None
    Scores.validate(split.kept)
