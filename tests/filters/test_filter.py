"""What holds for every filter: rules are kept, and what breaks one is said."""

from types import SimpleNamespace

import pytest

from filters import Best, BestWorst
from filters.filter import table_of
from schemas import Responses, content_id


def test_a_pair_that_breaks_a_rule_is_dropped_under_its_prompt(world):
    made = world({"p": [("good", [1e308]), ("bad", [-1e308])]})
    split = BestWorst(of="responses", by="scores").run(made)
    assert split.kept.is_empty()
    assert split.dropped.select("row_id", "reason").rows() == [("p", "margin_finite")]


def test_a_unit_whose_every_row_breaks_a_rule_is_dropped_too(world):
    made = world({"p": [(" ", [1.0])], "q": [("5", [1.0]), ("6", [1.0])]})
    split = Best(of="responses", by="scores", n=2).run(made)
    assert split.kept["prompt_id"].to_list() == ["q", "q"]
    blank = content_id("p", "p-0")
    assert split.dropped.select("row_id", "reason").rows() == [
        (blank, "messages_not_empty"),
        ("p", "no row kept"),
    ]


def test_dropped_rows_carry_the_stage(world):
    made = world({"p": [("a", [0.0])]})
    split = BestWorst(of="responses", by="scores").run(made, SimpleNamespace(stage="pairs"))
    assert split.dropped["stage"].to_list() == ["pairs"]


def test_a_frame_that_is_no_table_is_refused(world):
    responses = world({"p": [("a", [0.0])]})["responses"]
    assert table_of(responses) is Responses
    with pytest.raises(ValueError, match="no table"):
        table_of(responses.drop("text"))
