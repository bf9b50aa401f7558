"""Openings: a true beginning of each response, and shorter than it."""

from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from generators import Fixed, Openings


def openings(stand: Any, *texts: str, words: int = 20) -> tuple[list[str], dict[str, int]]:
    prompts = stand.prompts("a")
    responses = Fixed(texts=texts).run({"prompts": prompts}, stand.context()).kept
    tables = {"prompts": prompts, "responses": responses}
    split = Openings(words=words).run(tables, stand.context())
    reasons = split.dropped.filter(pl.col("reason") != "no response kept")
    assert split.kept.height + reasons.height == len(texts)
    assert set(split.kept["origin"].struct.field("parents").explode()) <= set(
        responses["response_id"]
    )
    return split.kept["text"].to_list(), dict(reasons["reason"].value_counts().iter_rows())


@pytest.mark.parametrize(
    ("text", "opening"),
    [
        ("To solve this, we add. 1 + 2 = 3.", "To solve this, we add."),
        ("Gains 4: 12 + 4 = 16.\nAnswer: 16", "Gains 4:"),
        ("No sign at all\nAnswer: 16", "No sign at all"),
        ("It costs 2.50 for each. So 5.", "It costs 2.50 for each."),
        ("Ask Dr. Smith, e.g. today. Then go.", "Ask Dr. Smith, e.g. today."),
        ("1. Add them. 2. Go.", "1. Add them."),
        ("one two three four", "one two three"),
    ],
)
def test_the_first_sentence_or_fewer_words(stand: Any, text: str, opening: str) -> None:
    assert openings(stand, text, words=3 if text.startswith("one") else 20)[0] == [opening]


def test_what_is_no_longer_than_its_opening_is_dropped(stand: Any) -> None:
    assert openings(stand, "Done.", "Done. Really.") == (
        ["Done."],
        {"no longer than its opening": 1},
    )


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text("ab .!\n:", min_size=1).filter(lambda text: text.strip()), st.integers(1, 4))
def test_an_opening_begins_its_response(stand: Any, text: str, words: int) -> None:
    found, _ = openings(stand, text, words=words)
    for opening in found:
        assert opening
        assert text.strip().startswith(opening)
        assert len(opening) < len(text.strip())
        assert len(opening.split()) <= words
