"""Which numbers of a table are pictured, and how."""

import base64
from typing import Any
from xml.etree import ElementTree

import polars as pl
import pytest

from assets.charts import histograms
from assets.charts.numbers import drawn
from schemas import (
    Checkpoints,
    Criteria,
    Demonstrations,
    Evaluations,
    Nodes,
    Pairs,
    Prompts,
    Rankings,
    Responses,
    Scores,
    StepLabels,
    Table,
    TokenScores,
    empty,
    rows,
)

TABLES = [
    *(Prompts, Responses, Scores, Nodes, Pairs, StepLabels),
    *(Rankings, Demonstrations, Checkpoints, Evaluations, TokenScores, Criteria),
]


def said(role: str, text: str) -> list[dict[str, str]]:
    return [{"role": role, "content": text}]


def pair(chosen: str, rejected: str, margin: float | None = None) -> dict[str, Any]:
    return {
        "chosen": said("assistant", chosen),
        "rejected": said("assistant", rejected),
        "margin": margin,
        "weight": 1.0,
    }


@pytest.mark.parametrize("table", TABLES)
def test_no_rows_have_no_picture(table: type[Table]) -> None:
    assert histograms(table, empty(table)) == {}


def test_pairs_show_how_long_either_side_is() -> None:
    pairs = rows(Pairs, [pair("a" * 40, "b" * 4, 0.5), pair("a" * 60, "b" * 8, 1.0)])
    plots = {plot.title: plot for plot in drawn(Pairs, pairs)}
    sides = plots["characters of a side"].series
    assert [(one.name, one.count, one.median) for one in sides] == [
        ("chosen", 2, 50.0),
        ("rejected", 2, 6.0),
    ]
    assert plots["characters, chosen less rejected"].series[0].median == 44
    assert plots["margin of a pair"].series[0].mean == 0.75
    assert "weight of a pair" not in plots


def test_each_annotator_has_a_picture_of_its_own_scale() -> None:
    opinions = [("judge", None, 7.0), ("verifier", None, 1.0), ("verifier", 0, 0.5)]
    scores = rows(
        Scores,
        [{"response_id": "a", "annotator": a, "step": s, "value": v} for a, s, v in opinions],
    )
    assert [plot.title for plot in drawn(Scores, scores)] == [
        "score by judge",
        "score by verifier",
        "score of a step by verifier",
    ]


def test_answers_that_were_cut_are_told_from_those_that_ended() -> None:
    ended = [{"finish": "stop", "tokens": 3}, {"finish": "length", "tokens": 8}]
    (plot,) = drawn(Responses, rows(Responses, ended))
    assert [(one.name, one.median) for one in plot.series] == [
        ("ended by the model", 3.0),
        ("cut at the limit", 8.0),
    ]


def test_a_picture_is_svg_that_says_its_numbers() -> None:
    scores = pl.DataFrame({"annotator": ["<script>"] * 4, "value": [0.0, 1.0, 1.0, None]})
    ((name, shown),) = histograms(Scores, scores.with_columns(step=None)).items()
    assert name == "histogram: score by <script>"
    svg = base64.b64decode(str(shown.value).partition("base64,")[2].rstrip(")")).decode()
    ElementTree.fromstring(svg)
    assert "<script" not in svg
    assert "3, median 1.00" in svg
    assert len(svg) < 20_000


def test_the_scores_of_all_tokens_are_pictured() -> None:
    scored = [{"annotator": "a", "values": [0.5, -0.5]}, {"annotator": "a", "values": [0.25]}]
    (plot,) = drawn(TokenScores, rows(TokenScores, scored))
    assert plot.title == "score of a token by a"
    assert plot.series[0].count == 3
