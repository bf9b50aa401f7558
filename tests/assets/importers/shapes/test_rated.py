"""Ratings: what is believed, and what an odd part costs."""

from typing import Any

import pytest


def completion(**changed: Any) -> dict[str, Any]:
    return {
        "response": "Rome.",
        "model": "m",
        "annotations": {"helpfulness": {"Rating": "4", "Rationale": "Right."}},
        "overall_score": 8.5,
        "critique": "Good.",
        **changed,
    }


def overall(read: Any, **changed: Any) -> Any:
    row = {"instruction": "?", "completions": [completion(**changed)]}
    (solution,) = read("ultrafeedback", row).solutions
    scores = [one for one in solution.scores if not isinstance(one, str)]
    return next(one for one in scores if one.annotator == "overall")


@pytest.mark.parametrize(
    ("told", "value"),
    [
        ({"overall_score": 10.0, "fine-grained_score": 1.0}, None),
        ({"overall_score": "10", "fine-grained_score": 2.75}, None),
        ({"overall_score": 10, "annotations": {"honesty": {"Rating": "1"}}}, None),
        ({"overall_score": 10, "fine-grained_score": 4.5}, 10.0),
        ({"overall_score": 10, "annotations": {}}, 10.0),
        ({"overall_score": 9.0, "fine-grained_score": 1.0}, 9.0),
        ({"overall_score": 1.0, "fine-grained_score": 5.0}, 1.0),
    ],
)
def test_a_ten_that_the_other_ratings_contradict_is_no_score(
    read: Any, told: dict[str, Any], value: float | None
) -> None:
    score = overall(read, **told)
    assert score.value == value
    assert (score.error is None) == (value is not None)
    assert score.raw == "Good."


@pytest.mark.parametrize("odd", [{"response": ""}, {"response": None}, {"model": 7}])
def test_an_odd_completion_refuses_itself(read: Any, odd: dict[str, Any]) -> None:
    row = {"instruction": "?", "completions": [completion(), completion(**odd), "no mapping"]}
    good, bad, worse = read("ultrafeedback", row).solutions
    assert good.text == "Rome."
    assert "completion 1" in bad
    assert "completion 2" in worse


@pytest.mark.parametrize("odd", [["x"], "x", 5])
def test_odd_annotations_refuse_themselves(read: Any, odd: Any) -> None:
    row = {"instruction": "?", "completions": [completion(annotations=odd)]}
    (solution,) = read("ultrafeedback", row).solutions
    refused = [one for one in solution.scores if isinstance(one, str)]
    assert len(refused) == 1
    assert "'annotations' of completion 0" in refused[0]
    assert overall(read, annotations=odd).value == 8.5


def test_a_prompt_a_response_and_a_score_in_other_columns(read: Any) -> None:
    row = {"q": {"text": "?"}, "outs": ["a"], "stars": "4", "who": "ann"}
    sample = read("scored", row, prompt="q.text", response="outs.0", score="stars", annotator="who")
    (solution,) = sample.solutions
    (score,) = solution.scores
    assert (sample.prompt[0]["content"], solution.text) == ("?", "a")
    assert (score.annotator, score.value) == ("ann", 4.0)
    unread = read("scored", {"prompt": "?", "response": "a", "score": float("nan")})
    assert unread.solutions[0].scores[0].error == "no rating: nan"


def attributes(read: Any, **ratings: Any) -> dict[str, Any]:
    (solution,) = read("helpsteer2", {"prompt": "?", "response": "a", **ratings}).solutions
    return {score.annotator: score for score in solution.scores}


def test_ratings_of_several_people_are_averaged_and_kept(read: Any) -> None:
    found = attributes(read, helpfulness=[3, 3, 4], verbosity=[2])
    assert found["helpfulness"].value == pytest.approx(10 / 3)
    assert found["helpfulness"].raw == "[3, 3, 4]"
    assert found["verbosity"].value == 2.0


@pytest.mark.parametrize("odd", [5, [3, -1], "7"])
def test_a_rating_of_an_attribute_beyond_its_scale_is_no_score(read: Any, odd: Any) -> None:
    found = attributes(read, helpfulness=odd, coherence=4)
    assert found["helpfulness"].value is None
    assert "'helpfulness' must be from 0 to 4, not" in found["helpfulness"].error
    assert found["coherence"].value == 4.0
