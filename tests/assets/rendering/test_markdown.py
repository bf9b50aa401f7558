"""What the UI shows cannot be drawn on by what a model wrote."""

import html

import polars as pl

from assets.execution.schema_check import schema_check
from assets.rendering.markdown import dropped_rows, escaped, markdown, sampled
from schemas import Scores, dropped, empty, rows

ORIGIN = {"operator": "test", "model": None, "parameters": "{}", "seed": None, "parents": []}


def test_untrusted_text_is_escaped() -> None:
    table = markdown(["text"], [["<img src=x onerror=alert(1)> | **bold** [a](b)\n# head"]])
    assert len(table.splitlines()) == 3
    cell = table.splitlines()[2].removeprefix("| ").removesuffix(" |")
    assert not set("<|*[]#\n") & set(cell.replace("&#", "&"))
    signs = "\\ ` * _ [ ] # ! | ~ & < &#92;"
    assert html.unescape(escaped(signs)) == signs


def test_no_rows_are_no_table() -> None:
    assert sampled(pl.DataFrame({"text": []})) == "no rows"


def test_drop_reasons_are_counted_with_an_example() -> None:
    refused = pl.concat([dropped("s", "empty", ["a"]), dropped("s", "long", ["b", "c"])])
    lines = dropped_rows(refused).splitlines()
    assert lines[2].startswith("| long | 2 |  | b |")
    assert lines[3].startswith("| empty | 1 |  | a |")


def test_a_broken_rule_is_named_with_how_many_rows_break_it() -> None:
    scores = empty(Scores)
    assert schema_check(Scores, scores).description == "all 0 rows keep every rule of Scores"
    known = {"annotator": "judge", "origin": ORIGIN}
    twice = rows(Scores, [{"response_id": "a", "value": 1.0, **known}] * 2)
    broken = schema_check(Scores, twice)
    assert not broken.passed
    assert broken.description == "2 of 2 rows break the rule one_score_a_step"
    less = schema_check(Scores, scores.drop("value"))
    assert (less.passed, less.description) == (False, "there is no column value")
    other = schema_check(Scores, scores.with_columns(pl.col("value").cast(pl.Int64)))
    assert (other.passed, other.description) == (False, "columns are not of their types")


def test_scores_are_sampled_beside_the_responses_that_they_score() -> None:
    scores = pl.DataFrame({"response_id": ["a", "b"], "value": [0.0, 1.0]})
    responses = pl.DataFrame({"response_id": ["b", "a"], "text": ["of b", "of a"]})
    header, _, first, second = sampled(scores, [responses]).splitlines()
    assert header.split(" | ")[0] == "| response"
    assert first == "| of a | 0 | a |"
    assert second == "| of b | 1 | b |"


def test_a_single_row_has_a_line_for_each_column_with_a_value() -> None:
    checkpoint = pl.DataFrame({"path": ["models/a"], "reason": [None], "steps": [3]})
    assert sampled(checkpoint).splitlines()[2:] == ["| path | models/a |", "| steps | 3 |"]
