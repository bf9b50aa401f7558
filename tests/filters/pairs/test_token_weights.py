"""Token weights: what they are, and which pairs cannot have them."""

from typing import Any

import polars as pl
import pytest

from filters import TokenWeights
from schemas import TokenScores, rows
from tests.filters.conftest import ORIGIN, pairs_saying


def scores(response: str, text: str, values: list[float], **changed: Any) -> dict[str, Any]:
    """Scores of ``text``, a token a character, the last of ``values`` that of the end."""
    known = {"response_id": response, "annotator": "a", "tokenizer": "t", "origin": ORIGIN}
    ends = list(range(1, len(text) + 1))
    given = {"token_ends": ends, "values": values[:-1], "end_value": values[-1]}
    return {**known, **given, **changed}


CHOSEN, REJECTED = ("ab", [0.5, -0.25, 0.125]), ("xyz", [0.5, -0.5, 0.0, 1.0])


def run(*found: dict[str, Any], ends: dict[str, bool] | None = None) -> Any:
    pairs = pairs_saying([("ab", "xyz")])
    if ends is not None:
        pairs = pairs.with_columns(ends=pl.Series([ends], dtype=pairs.schema["ends"]))
    return TokenWeights(of="pairs", by="by").run({"pairs": pairs, "by": rows(TokenScores, found)})


def test_scores_raise_weights_of_the_chosen_side_and_lower_those_of_the_rejected() -> None:
    split = run(scores("c0", *CHOSEN), scores("r0", *REJECTED))
    slow = {"chosen": [1 + s for s in CHOSEN[1]], "rejected": [1 - s for s in REJECTED[1]]}
    assert split.kept["token_weights"].to_list() == [slow]
    assert split.dropped.is_empty()


def test_a_side_that_was_cut_off_has_no_weight_of_an_end() -> None:
    split = run(
        scores("c0", *CHOSEN),
        scores("r0", *REJECTED, end_value=None),
        ends={"chosen": True, "rejected": False},
    )
    assert [len(split.kept["token_weights"][0][side]) for side in ("chosen", "rejected")] == [3, 3]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"response_id": "other"}, "no token scores of the rejected side"),
        ({"token_ends": [1, 2, 5]}, "are of another text"),
        ({"end_value": None}, "no score of the end of the rejected side"),
        ({"values": [0.0, 1.5, 0.0]}, "outside of"),
        ({"tokenizer": "u"}, "different tokenizers"),
    ],
)
def test_a_pair_that_cannot_have_weights_is_dropped(changed: dict[str, Any], reason: str) -> None:
    split = run(scores("c0", *CHOSEN), {**scores("r0", *REJECTED), **changed})
    assert split.kept.is_empty()
    assert reason in split.dropped["reason"][0]


def test_scores_of_several_annotators_are_refused() -> None:
    twice = [scores("c0", *CHOSEN, annotator=name) for name in "ab"]
    split = run(*twice, scores("r0", *REJECTED))
    assert split.dropped["reason"][0].startswith("several annotators")
