"""AnnotatorPairs: a pair per prompt and annotator, who is named."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from filters import AnnotatorPairs, BestWorst
from schemas import Scores, rows

ORIGIN = {"operator": "t", "model": None, "parameters": "{}", "seed": None, "parents": []}


def opinions(of: pl.DataFrame, values: dict[str, dict[str, float]]) -> pl.DataFrame:
    """Scores by annotator and response."""
    return rows(
        Scores,
        [
            {"response_id": response, "annotator": name, "value": value, "origin": ORIGIN}
            for name, liked in values.items()
            for response, value in liked.items()
        ],
    )


def test_each_annotator_has_his_own_pair(world) -> None:
    tables = world({"p": [("short", []), ("long", [])], "q": [("a", []), ("b", [])]})
    one, two = tables["responses"].filter(prompt_id="p")["response_id"]
    tables["by"] = opinions(
        tables["responses"], {"ana": {one: 1.0, two: 0.0}, "ben": {one: 0.0, two: 2.0}}
    )
    split = AnnotatorPairs(of="responses", by="by").run(tables)
    found = split.kept.select("annotator", "chosen_id", "rejected_id", "margin").rows()
    assert found == [("ana", one, two, 1.0), ("ben", two, one, 2.0)]
    assert split.dropped.select("row_id", "reason").rows() == [("q", "no response has a score")]


VALUES = st.sampled_from([None, 0.0, 1.0])


@given(data=st.data())
def test_it_is_best_worst_of_each_annotator_alone(data, world) -> None:
    tables = world({name: [(f"{name}{n}", []) for n in range(3)] for name in "pq"})
    ids = tables["responses"]["response_id"].to_list()
    liked = {
        name: {each: v for each in ids if (v := data.draw(VALUES)) is not None}
        for name in ("ana", "ben")
    }
    tables["by"] = opinions(tables["responses"], liked)
    split = AnnotatorPairs(of="responses", by="by").run(tables)
    expected = set()
    for name, values in liked.items():
        alone = {**tables, "by": opinions(tables["responses"], {name: values})}
        kept = BestWorst(of="responses", by="by").run(alone).kept
        expected |= {(name, *row) for row in kept.select("chosen_id", "rejected_id").iter_rows()}
    found = split.kept.select("annotator", "chosen_id", "rejected_id").rows()
    assert set(found) == expected
    assert len(found) == len(expected)
    assert not split.kept["pair_id"].is_duplicated().any()
    assert set(split.kept["prompt_id"]) | set(split.dropped["row_id"]) == {"p", "q"}
    assert not set(split.kept["prompt_id"]) & set(split.dropped["row_id"])
