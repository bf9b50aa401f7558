"""What people decided about pairs, as scores of the responses in them."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from upath import UPath

from annotators import Reviewed
from engines.context import Context
from schemas import Responses, Scores, rows


def responses(*ids: str) -> pl.DataFrame:
    told = {"prompt_id": "p", "text": "said", "finish": "stop", "tokens": 1}
    return rows(Responses, [{"response_id": each, "origin": origin(), **told} for each in ids])


def origin(*parents: str) -> dict[str, Any]:
    return {
        "operator": "factory review",
        "model": None,
        "parameters": "{}",
        "seed": 0,
        "parents": list(parents),
    }


def decided(folder: Path, person: str, *pairs: tuple[str, str, str]) -> None:
    """Write decisions: the better response, the other, and the verdict."""
    records = []
    for number, (better, worse, verdict) in enumerate(pairs):
        for response, value in ((better, 1.0), (worse, 0.0)):
            rejected = verdict == "reject"
            records.append(
                {
                    "response_id": response,
                    "annotator": f"person:{person}",
                    "value": None if rejected else value,
                    "raw": verdict,
                    "error": "the pair was rejected" if rejected else None,
                    "origin": origin(f"pair {number}"),
                }
            )
    folder.mkdir(exist_ok=True)
    rows(Scores, records).write_parquet(folder / f"{person}.parquet")


@pytest.fixture
def context(stand: Any) -> Context:
    return stand.context(reviews=UPath(stand.folder / "reviews"))


def test_a_response_of_several_pairs_has_its_share_of_wins(context: Context) -> None:
    decided(Path(context.reviews), "ann", ("a", "b", "accept"), ("c", "a", "flip"))
    found = Reviewed().run({"responses": responses("b", "a", "c")}, context)
    assert found.kept.select("response_id", "value", "raw").rows() == [
        ("b", 0.0, "accept"),
        ("a", 0.5, "accept; flip"),
        ("c", 1.0, "flip"),
    ]
    assert Scores.is_valid(found.kept)
    parents = found.kept["origin"].struct.field("parents").to_list()
    assert parents == [["pair 0"], ["pair 0", "pair 1"], ["pair 1"]]


def test_people_are_annotators_of_their_own(context: Context) -> None:
    decided(Path(context.reviews), "ann", ("a", "b", "accept"))
    decided(Path(context.reviews), "bob", ("b", "a", "accept"))
    both = Reviewed().run({"responses": responses("a", "b")}, context).kept
    assert both.select("response_id", "annotator", "value").rows() == [
        ("a", "person:ann", 1.0),
        ("a", "person:bob", 0.0),
        ("b", "person:ann", 0.0),
        ("b", "person:bob", 1.0),
    ]
    one = Reviewed(reviewers=("bob",)).run({"responses": responses("a", "b")}, context).kept
    assert set(one["annotator"]) == {"person:bob"}


def test_rejected_pairs_give_no_value_and_unseen_responses_are_dropped(context: Context) -> None:
    decided(Path(context.reviews), "ann", ("a", "b", "reject"), ("a", "c", "accept"))
    found = Reviewed().run({"responses": responses("a", "b", "c", "d")}, context)
    assert found.kept.select("response_id", "value", "error").rows() == [
        ("a", 1.0, None),
        ("b", None, "its pairs were rejected"),
        ("c", 0.0, None),
    ]
    assert found.dropped.select("row_id", "reason").rows() == [("d", "not reviewed")]


def test_before_anybody_reviews_there_are_no_scores(context: Context) -> None:
    found = Reviewed().run({"responses": responses("a", "b")}, context)
    assert found.kept.is_empty()
    assert found.dropped["row_id"].to_list() == ["a", "b"]
