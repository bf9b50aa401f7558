"""What holds for every filter: rules are kept, and what breaks one is said."""

from types import SimpleNamespace

import polars as pl
import pytest

from filters import Best, BestWorst, Deduplicate, Union
from schemas import Responses, columns, content_id


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


def test_the_plan_says_which_table_a_filter_of_several_reads(world):
    more = world({"p": [("a", [0.0])]})["responses"].with_columns(pair_id=pl.lit("x"))
    context = SimpleNamespace(stage="once", gives=Responses)
    split = Deduplicate(of="responses").run({"responses": more}, context)
    assert split.kept.columns == list(columns(Responses))


def test_without_a_plan_the_columns_say_it(world):
    responses = world({"p": [("a", [0.0])]})["responses"]
    more = responses.with_columns(mine=pl.lit(1))
    assert Deduplicate(of="r").run({"r": more}).kept.equals(responses)
    with pytest.raises(ValueError, match="Responses, which also needs text"):
        Deduplicate(of="r").run({"r": responses.drop("text")})


def test_stages_of_different_tables_are_no_union(world):
    tables = world({"p": [("a", [0.0])]})
    with pytest.raises(ValueError, match="'responses' gives Responses, 'prompts' gives Prompts"):
        Union(of=("responses", "prompts")).run(tables)
