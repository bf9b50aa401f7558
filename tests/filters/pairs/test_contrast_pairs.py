"""ContrastPairs: the answers of two prompts that are nearly the same, against each other."""

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters import ContrastPairs
from filters.curation.embedding import bag_of_words
from schemas import Prompts, Responses, rows

ORIGIN = {"operator": "t", "model": None, "parameters": "{}", "seed": None, "parents": []}
APPLES = "Anna has 4 apples. She buys {} more apples at the market. How many apples has Anna?"
ASKED = {
    "a": (APPLES.format("2"), "6"),
    "b": (APPLES.format("3"), "7"),
    "c": ("Who wrote the play about the prince of Denmark?", "Shakespeare"),
    "d": ("Name a river that crosses the city of Paris.", "Seine"),
}


def tables(asked: Any = ASKED, **changes: Any) -> dict[str, pl.DataFrame]:
    known = {"source": "t", "source_revision": "1", "licence": "none"}
    prompts = [
        {"prompt_id": name, "messages": [{"role": "user", "content": said}], "reference": right}
        for name, (said, right) in asked.items()
    ]
    responses = [
        {"response_id": f"{name}-1", "prompt_id": name, "text": f"So it is {right}."}
        for name, (_, right) in asked.items()
    ]
    common = {"finish": "stop", "tokens": 4, "origin": ORIGIN}
    return {
        "prompts": rows(Prompts, [each | known for each in prompts]),
        "responses": rows(Responses, [each | common | changes for each in responses]),
    }


def reasons(split: Any) -> dict[str, str]:
    return dict(split.dropped.select("row_id", "reason").iter_rows())


def test_the_answer_to_each_twin_is_rejected_for_the_other() -> None:
    split = ContrastPairs(of="responses").run(tables())
    one, two = split.kept.rows(named=True)
    assert (one["prompt_id"], one["chosen_id"], one["rejected_id"]) == ("a", "a-1", "b-1")
    assert (two["prompt_id"], two["chosen_id"], two["rejected_id"]) == ("b", "b-1", "a-1")
    assert one["prompt"][0]["content"] == ASKED["a"][0]
    assert one["rejected"][0]["content"] == two["chosen"][0]["content"] == "So it is 7."
    assert set(reasons(split)) == {"c", "d"}
    assert "similar enough" in reasons(split)["c"]


def test_prompts_with_the_same_answer_are_no_twins() -> None:
    same = {**ASKED, "b": (ASKED["b"][0], "6")}
    assert ContrastPairs(of="responses").run(tables(same)).kept.is_empty()
    # Another wording of the answer to the same reference.
    other = tables(same)
    reworded = pl.concat(
        [other["responses"][:1].with_columns(text=pl.lit("6")), other["responses"][1:]]
    )
    assert ContrastPairs(of="responses").run({**other, "responses": reworded}).kept.is_empty()


def test_an_answer_that_was_cut_off_and_a_prompt_that_is_missing_are_told() -> None:
    cut = ContrastPairs(of="responses").run(tables(finish="length"))
    assert set(reasons(cut).values()) == {"the answer was cut off at 4 tokens"}
    assert ContrastPairs(of="responses", cut="keep").run(tables(finish="length")).kept.height == 2
    gone = tables() | {"prompts": tables()["prompts"].filter(pl.col("prompt_id") != "a")}
    assert reasons(ContrastPairs(of="responses").run(gone))["a"] == "prompt not found"


WORDS = st.lists(st.sampled_from(["red", "blue", "cat", "dog"]), min_size=1, max_size=4)


@given(said=st.lists(WORDS.map(" ".join), max_size=6, unique=True), data=st.data())
def test_twins_are_the_most_similar_of_each_other(said: list[str], data: Any) -> None:
    rights = [data.draw(st.sampled_from("123")) for _ in said]
    asked = {f"p{n}": each for n, each in enumerate(zip(said, rights, strict=True))}
    given_tables = tables(asked)
    split = ContrastPairs(of="responses", at_least=0.3).run(given_tables)
    vectors = bag_of_words(pl.Series(said, dtype=pl.String)).astype(np.float64)

    def nearest(one: int) -> tuple[float, int]:
        others = [n for n in range(len(said)) if rights[n] != rights[one]]
        return max(
            ((round(float(vectors[one] @ vectors[n]), 5), -n) for n in others), default=(-1.0, 1)
        )

    expected = set()
    for one in range(len(said)):
        alike, other = nearest(one)
        if alike >= 0.3 and nearest(-other)[1] == -one:
            expected.add((f"p{one}-1", f"p{-other}-1"))
    found = set(split.kept.select("chosen_id", "rejected_id").iter_rows())
    # Rounded cosines of equal texts may differ in the last decimal.
    assert found == expected
    assert {row[::-1] for row in found} == found
    assert sorted([*split.kept["prompt_id"], *split.dropped["row_id"]]) == sorted(asked)


def test_a_smaller_similarity_is_enough_where_it_is_asked_for() -> None:
    with pytest.raises(ValueError, match="greater than 0"):
        ContrastPairs(of="responses", at_least=0)
    assert ContrastPairs(of="responses", at_least=0.95).run(tables()).kept.is_empty()
