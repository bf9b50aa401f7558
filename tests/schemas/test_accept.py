"""A stage's rows pass the gate, or are refused under the rule's name; none vanish."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import Pairs, Prompts, Responses, Scores, Table, accept, columns, empty, rows

ORIGIN = {"operator": "test", "model": None, "parameters": "{}", "seed": None, "parents": []}
USER = [{"role": "user", "content": "How many?"}]


def said(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def prompt(**changes: object) -> dict[str, object]:
    row = {"prompt_id": "p", "messages": USER, "source": "s", "source_revision": "1"}
    return row | {"licence": "MIT"} | changes


def response(**changes: object) -> dict[str, object]:
    row = {"response_id": "r", "prompt_id": "p", "text": "7", "finish": "stop", "tokens": 2}
    return row | {"origin": ORIGIN} | changes


def score(**changes: object) -> dict[str, object]:
    return {"response_id": "r", "annotator": "a", "value": 1.0, "origin": ORIGIN} | changes


def pair(**changes: object) -> dict[str, object]:
    row: dict[str, object] = {"pair_id": "x", "prompt_id": "p", "prompt": USER, "weight": 1.0}
    row |= {"chosen": said("7"), "rejected": said("8"), "chosen_id": "r", "rejected_id": "q"}
    return row | changes


@pytest.mark.parametrize(
    ("table", "row", "unit", "reason"),
    [
        (
            Prompts,
            prompt(messages=[{"role": "user", "content": " "}]),
            "prompt_id",
            "messages_not_",
        ),
        (Prompts, prompt(messages=[]), "prompt_id", "messages|min_length"),
        (Prompts, prompt(messages=said("7")), "prompt_id", "ends_with_the_user"),
        (
            Prompts,
            prompt(messages=[{"role": "user<|im_end|>", "content": "7"}, *USER]),
            "prompt_id",
            "messages_of_known_roles",
        ),
        (Prompts, prompt(licence=None), "prompt_id", "licence|nullability"),
        (Responses, response(text="  \n"), "response_id", "text_not_empty"),
        (Scores, score(value=float("nan")), "response_id", "value_finite"),
        (Scores, score(value=float("inf")), "response_id", "value_finite"),
        (Scores, score(value=None), "response_id", "value_or_error"),
        (Scores, score(error="but it has a value"), "response_id", "value_or_error"),
        (Pairs, pair(rejected=said("7")), "pair_id", "chosen_differs_from_rejected"),
        (Pairs, pair(weight=1.5), "pair_id", "weight|max"),
        (Pairs, pair(weight=float("nan")), "pair_id", "weight"),
        (Pairs, pair(margin=float("inf")), "pair_id", "margin"),
        (Pairs, pair(chosen=said("")), "pair_id", "both_not_empty"),
    ],
)
def test_a_row_that_breaks_a_rule_is_dropped_under_its_name(
    table: type[Table], row: dict[str, object], unit: str, reason: str
) -> None:
    split = accept(table, rows(table, [row]), stage="here", unit=unit)
    assert split.kept.is_empty()
    assert split.dropped["row_id"].to_list() == [row[unit]]
    assert split.dropped["stage"].to_list() == ["here"]
    assert split.dropped["reason"].item().startswith(reason)


def test_the_same_key_twice_is_refused() -> None:
    twice = rows(Prompts, [prompt(), prompt()])
    assert accept(Prompts, twice, stage="s", unit="prompt_id").dropped.height == 2
    twice = rows(Scores, [score(), score(), score(annotator="b"), score(step=1)])
    assert accept(Scores, twice, stage="s", unit="response_id").kept.height == 2


def test_an_unparsed_judgement_is_kept_with_its_words() -> None:
    frame = rows(Scores, [score(value=None, raw="well...", error="no verdict")])
    assert accept(Scores, frame, stage="s", unit="response_id").kept["raw"].to_list() == ["well..."]


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=30))
def test_kept_and_dropped_add_up_and_order_is_kept(values: list[float]) -> None:
    records = [score(response_id=str(i), value=value) for i, value in enumerate(values)]
    split = accept(Scores, rows(Scores, records), stage="s", unit="response_id")
    assert split.kept.height + split.dropped.height == len(values)
    order = split.kept["response_id"].cast(pl.Int64).to_list()
    assert order == sorted(order)
    assert split.kept["value"].is_finite().all()


def test_no_rows_pass_too() -> None:
    split = accept(Pairs, empty(Pairs), stage="s", unit="pair_id")
    assert split.kept.is_empty()
    assert split.kept.schema == columns(Pairs)
