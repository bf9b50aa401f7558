"""Who is preferred, in the words of those who publish comparisons."""

from typing import Any

import pytest


def judged(read: Any, shape: str, row: dict[str, Any]) -> tuple[Any, ...]:
    told = read(shape, row).preference
    return told.chosen, told.weight, told.margin


BOTH = {"prompt": "?", "response_1": "a", "response_2": "b"}


@pytest.mark.parametrize(
    ("said", "chosen"),
    [
        *((word, 0) for word in ("A>B", "a >> b", "[[A]]", "model_a", "response_1", "1", 1, "B<A")),
        *((word, 1) for word in ("B>A", "B", "model_b", "output_2", 2, 2.0, "second", "A<<B")),
        *((word, None) for word in ("tie", "tie (bothbad)", "both_bad", "A=B", 1.5, 0)),
    ],
)
def test_words_and_numbers(read: Any, said: Any, chosen: int | None) -> None:
    assert judged(read, "comparison", {**BOTH, "preference": said}) == (chosen, 1.0, None)


@pytest.mark.parametrize("said", [None, "", 3, -1, "yes", float("nan"), True, {}, "A or B"])
def test_what_says_nobody_is_refused(read: Any, said: Any) -> None:
    with pytest.raises(ValueError, match="'preference'"):
        read("comparison", {**BOTH, "preference": said})


def test_a_weighted_annotator_of_alpaca_eval(read: Any) -> None:
    row = {"instruction": "?", "output_1": "a", "output_2": "b", "generator_1": "x"}
    assert judged(read, "alpaca-eval", {**row, "preference": 1.75}) == (1, 0.75, None)
    assert judged(read, "alpaca-eval", {**row, "preference": 1.25}) == (0, 0.75, None)
    sample = read("alpaca-eval", {**row, "preference": 1, "input": "Here."})
    assert sample.prompt[0]["content"] == "?\n\nHere."
    assert [one.model for one in sample.solutions] == ["x", None]


def test_helpsteer3_is_as_sure_as_its_annotators(read: Any) -> None:
    row = {
        "domain": "general",
        "language": "english",
        "context": [{"role": "user", "content": "?"}],
        "response1": "a",
        "response2": "b",
        "overall_preference": -2,
        "individual_preference": [{"score": -2}, {"score": -3}, {"score": 0}, {"score": 1}],
    }
    assert judged(read, "helpsteer3", row) == (0, 2.5 / 4, 2.0)
    assert judged(read, "helpsteer3", {**row, "overall_preference": 0}) == (None, 1.0, None)


def test_feedback_in_words_is_no_preference(read: Any) -> None:
    row = {
        "context": [{"role": "user", "content": "?"}],
        "response1": "a",
        "response2": "b",
        "feedback1": ["The response is mostly helpful."],
        "feedback2": ["The response is not helpful."],
    }
    with pytest.raises(ValueError, match="HelpSteer3's subset 'feedback'"):
        read("helpsteer3", row)
    columns = {"prompt": "context", "completion": "response1"}
    assert read("prompt-completion", row, **columns).solutions[0].text == "a"


def test_a_column_that_is_missing_is_said(read: Any) -> None:
    row = {"prompt": "?", "response_a": "a", "response_b": "b", "better": "A"}
    with pytest.raises(ValueError, match=r"no column 'preference'; there is .*'better'"):
        read("comparison", row)
    assert read("comparison", row, preference="better").preference.chosen == 0


def test_conversations_of_an_arena(read: Any) -> None:
    asked = {"role": "user", "content": "A tree?"}
    row = {
        "question_id": "0",
        "model_a": "x",
        "model_b": "y",
        "winner": "model_b",
        "conversation_a": [asked, {"role": "assistant", "content": "A rock."}],
        "conversation_b": [asked, {"role": "assistant", "content": "An oak."}],
    }
    sample = read("chatbot-arena", row)
    assert list(sample.prompt) == [asked]
    assert [(one.text, one.model) for one in sample.solutions] == [
        ("A rock.", "x"),
        ("An oak.", "y"),
    ]
    assert sample.preference.chosen == 1
    row["conversation_b"] = [{"role": "user", "content": "A bird?"}, row["conversation_b"][1]]  # type: ignore[index]
    with pytest.raises(ValueError, match="part before their last answer"):
        read("chatbot-arena", row)


def test_a_vote_about_an_earlier_turn(read: Any) -> None:
    def talk(*said: str) -> list[dict[str, str]]:
        return [
            {"role": ("user", "assistant")[place % 2], "content": one}
            for place, one in enumerate(said)
        ]

    row = {"conversation_a": talk("?", "a", "So?", "c"), "winner": "model_b"}
    row["conversation_b"] = talk("?", "b", "So?", "d")
    sample = read("mt-bench", {**row, "turn": 1})
    assert sample.prompt == ({"role": "user", "content": "?"},)
    assert [one.text for one in sample.solutions] == ["a", "b"]
    with pytest.raises(ValueError, match="part before"):
        read("mt-bench", {**row, "turn": 2})


@pytest.mark.parametrize("strength", [4, -3.5, 1e300])
def test_a_strength_beyond_three_is_refused(read: Any, strength: float) -> None:
    row = {"context": "?", "response1": "a", "response2": "b", "overall_preference": strength}
    with pytest.raises(ValueError, match="'overall_preference'"):
        read("helpsteer3", row)


def test_comments_and_indices(read: Any) -> None:
    shp = {"history": "?", "human_ref_A": "a", "human_ref_B": "b"}
    assert judged(read, "shp", {**shp, "labels": 1})[0] == 0
    assert judged(read, "shp", {**shp, "labels": 0})[0] == 1
    pku = {"prompt": "?", "response_0": "a", "response_1": "b"}
    sample = read("pku-saferlhf", {**pku, "better_response_id": 1})
    assert [one.text for one in sample.solutions] == ["a", "b"]
    assert sample.preference.chosen == 1


def test_an_empty_answer_refuses_itself(read: Any) -> None:
    sample = read(
        "judgebench", {"question": "?", "response_A": "", "response_B": "b", "label": "B>A"}
    )
    bad, good = sample.solutions
    assert "empty" in bad
    assert good.text == "b"


def test_an_empty_end_of_a_conversation_refuses_itself(read: Any) -> None:
    asked = [{"role": "user", "content": "?"}]
    sides = {
        f"conversation_{side}": [*asked, {"role": "assistant", "content": said}]
        for side, said in (("a", ""), ("b", "!"))
    }
    sample = read("chatbot-arena", {**sides, "winner": "model_b"})
    assert sample.prompt == tuple(asked)
    assert "'conversation_a'" in sample.solutions[0]
    assert sample.solutions[1].text == "!"
