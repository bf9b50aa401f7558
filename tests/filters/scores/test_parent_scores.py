"""Scores of texts as scores of what they were made from, against a slow count."""

import statistics
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters import ParentScores
from schemas import Responses, Scores, rows

RESPONSES = ("a", "b", "c")
values = st.sampled_from([0.0, 0.1, 0.2, 0.3, None])
made = st.lists(
    st.tuples(st.sampled_from(RESPONSES), st.dictionaries(st.sampled_from("xy"), values)),
    max_size=6,
)


def origin(*parents: str) -> dict[str, Any]:
    known = {"operator": "t", "model": None, "parameters": "{}", "seed": None}
    return {**known, "parents": list(parents)}


def written(texts: dict[str, tuple[str, ...]]) -> pl.DataFrame:
    known = {"prompt_id": "p", "text": "x", "finish": "stop", "tokens": 1}
    return rows(
        Responses,
        [
            {"response_id": name, **known, "origin": origin(*parents)}
            for name, parents in texts.items()
        ],
    )


@given(made)
def test_a_response_has_the_mean_of_what_was_made_from_it(
    drawn: list[tuple[str, dict[str, float | None]]],
) -> None:
    texts = {f"text {place}": parent for place, (parent, _) in enumerate(drawn)}
    scores = [
        {
            "response_id": f"text {place}",
            "annotator": name,
            "value": value,
            "error": "unread" if value is None else None,
            "mass": value,
            "origin": origin(),
        }
        for place, (_, each) in enumerate(drawn)
        for name, value in each.items()
    ]
    tables = {
        "responses": written(dict.fromkeys(RESPONSES, ())),
        "texts": written({name: (parent,) for name, parent in texts.items()}),
        "scores": rows(Scores, scores),
    }
    split = ParentScores(of="responses", texts="texts", by="scores").run(tables)
    slow = {}
    for response in RESPONSES:
        for annotator in "xy":
            known = [
                each["value"]
                for each in scores
                if (texts[each["response_id"]], each["annotator"]) == (response, annotator)
                and each["value"] is not None
            ]
            if known:
                slow[response, annotator] = (statistics.fmean(known), min(known))
    told = split.kept.select("response_id", "annotator", "value", "mass").rows()
    assert {row[:2]: row[2:] for row in told} == {
        key: pytest.approx(value) for key, value in slow.items()
    }
    reasons = dict(split.dropped.select("row_id", "reason").iter_rows())
    unscored = set(RESPONSES) - {response for response, _ in slow}
    assert reasons == {
        response: "no text that was made from it has a score"
        if response in texts.values()
        else "no text was made from it"
        for response in unscored
    }


def test_the_parents_of_a_score_are_the_texts() -> None:
    score = {"annotator": "judge", "value": 1.0, "origin": origin()}
    tables = {
        "responses": written({"a": ()}),
        "texts": written({"t": ("a",), "u": ("other", "a")}),
        "scores": rows(Scores, [{"response_id": name, **score} for name in "tu"]),
    }
    kept = ParentScores(of="responses", texts="texts", by="scores").run(tables).kept
    assert kept["origin"].struct.field("parents").to_list() == [["t", "u"]]
