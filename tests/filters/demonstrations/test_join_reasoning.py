"""A thought is learnt where a recipe joins it to its answer, and nowhere else."""

import polars as pl

from filters import BestWorst, JoinReasoning
from schemas import Responses, columns


def thinking(world, answers, thoughts):
    made = world({"a": [(text, [value]) for text, value in answers]})
    column = pl.Series(thoughts, dtype=pl.String)
    made["responses"] = made["responses"].with_columns(reasoning=column)
    return made


def test_a_thought_is_not_learnt_unless_it_is_joined(world):
    made = thinking(world, [("4", 1.0), ("5", 0.0)], ["two and two", None])
    (apart,) = BestWorst(of="responses", by="scores").run(made).kept["chosen"]
    assert apart[0]["content"] == "4"
    made["joined"] = JoinReasoning(of="responses").run(made).kept
    pairs = BestWorst(of="joined", by="scores").run(made).kept
    assert pairs["chosen"][0][0]["content"] == "<think>\ntwo and two\n</think>\n\n4"
    assert pairs["rejected"][0][0]["content"] == "5"


def test_the_marks_are_those_of_the_model(world):
    made = thinking(world, [("4", 1.0)], ["two and two"])
    joined = JoinReasoning(of="responses", opens="[THINK]", closes="[/THINK]").run(made).kept
    assert joined["text"].to_list() == ["[THINK]two and two[/THINK]4"]
    assert joined["reasoning"].to_list() == [None]


def test_steps_of_the_answer_alone_are_refused(world):
    made = thinking(world, [("4", 1.0), ("5", 1.0)], ["two and two", None])
    span = [{"start": 0, "end": 1, "token_start": 0, "token_end": 1}]
    made["responses"] = made["responses"].with_columns(
        steps=pl.Series([span, span], dtype=columns(Responses)["steps"])
    )
    split = JoinReasoning(of="responses").run(made)
    assert split.kept["text"].to_list() == ["5"]
    assert split.dropped.height == 1


def test_words_of_a_response_never_become_a_mark(world):
    said = [("4", 1.0), ("write </think> here", 1.0), ("5", 1.0), ("6", 1.0)]
    made = thinking(world, said, ["a </think> b", None, "two and three", None])
    split = JoinReasoning(of="responses").run(made)
    assert split.kept["text"].to_list() == ["<think>\ntwo and three\n</think>\n\n5", "6"]
    assert set(split.dropped["reason"]) == {"its own words contain a mark of the thought"}
    unmarked = JoinReasoning(of="responses", opens="", closes="").run(made)
    assert unmarked.kept.height == 4
