"""Lists of answers with ranks or ratings."""

from typing import Any

import pytest

ASKED = "\n\nHuman: 2 + 2? \n\nAssistant: "


def test_ranked_answers_of_nectar(read: Any) -> None:
    answers = [
        {"answer": "4", "model": "gpt-4", "rank": 1.0},
        {"answer": "five", "model": "llama", "rank": 2.0},
        {"answer": "", "model": "mistral", "rank": 3.0},
    ]
    sample = read("nectar", {"prompt": ASKED, "answers": answers, "turns": 1})
    assert sample.prompt == ({"role": "user", "content": "2 + 2? "},)
    first, second, empty = sample.solutions
    assert (first.text, first.model) == ("4", "gpt-4")
    assert [one.scores[0].value for one in (first, second)] == [-1.0, -2.0]
    assert "answer 2" in empty


def test_rated_generations_of_distilabel(read: Any) -> None:
    row = {
        "instruction": "2 + 2?",
        "generations": ["4", None, "5"],
        "generation_models": ["m", "n", "o"],
        "ratings": [5.0, 1.0, None],
        "rationales": ["Right.", "", None],
    }
    right, missing, unrated = read("distilabel", row).solutions
    assert (right.text, right.model, unrated.scores) == ("4", "m", ())
    assert [(one.value, one.raw) for one in right.scores] == [(5.0, "Right.")]
    assert "answer 1" in missing
    with pytest.raises(ValueError, match="'ratings' has 2 entries for 3 of 'generations'"):
        read("distilabel", {**row, "ratings": [5, 1]})
    with pytest.raises(ValueError, match="'answers' must be a list"):
        read("nectar", {"prompt": ASKED})
