"""Comparisons by several people, who stay apart."""

from typing import Any

import pytest

from assets.importers.shapes import Preference

HELPSTEER3 = {
    "domain": "general",
    "language": "english",
    "context": [{"role": "user", "content": "?"}],
    "response1": "a",
    "response2": "b",
    "overall_preference": -1,
    "individual_preference": [
        {"score": -2, "reasoning": "a is right.", "feedback1": "", "feedback2": ""},
        {"score": 1, "reasoning": "b is short.", "feedback1": "", "feedback2": ""},
        {"score": 0, "reasoning": "Both are alike.", "feedback1": "", "feedback2": ""},
    ],
}
HELPSTEER2 = {
    "split": "train",
    "prompt": "Hello\n<extra_id_1>Assistant\nHi!\n<extra_id_1>User\n?",
    "response_1": "a",
    "response_2": "b",
    "preference_strength": 2,
    "preference_statement": "@Response 2 is better.",
    "preference_elaboration": "",
    "three_most_similar_preferences": [],
    "all_preferences_unprocessed": [
        {"strength": 3, "justification": "@Response 2 is much better."},
        {"strength": -100, "justification": "Neither is of use."},
    ],
}


def test_each_annotator_of_helpsteer3_has_a_preference(read: Any) -> None:
    sample = read("helpsteer3-annotators", HELPSTEER3)
    assert sample.preference is None
    assert sample.opinions == (
        Preference(0, margin=2.0, annotator="annotator-1"),
        Preference(1, margin=1.0, annotator="annotator-2"),
        Preference(None, annotator="annotator-3"),
    )


def test_who_finds_neither_usable_prefers_none(read: Any) -> None:
    sample = read("helpsteer2-preference-annotators", HELPSTEER2)
    assert [turn["role"] for turn in sample.prompt] == ["user", "assistant", "user"]
    first, second = sample.opinions
    assert first == Preference(1, margin=3.0, annotator="annotator-1")
    assert second == "entry 2 of 'all_preferences_unprocessed' finds neither response usable"


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"score": 4}, "'score' of entry 1 of 'individual_preference' must be from −3 to 3, not 4"),
        ({"score": "x"}, "'score' of entry 1 of 'individual_preference' must be a number, not 'x'"),
        ({}, "'strength' of entry 1 of 'individual_preference' must be a number, not 'None'"),
        ("-2", "entry 1 of 'individual_preference' must be a mapping, not str"),
    ],
)
def test_an_odd_opinion_refuses_itself(read: Any, entry: Any, reason: str) -> None:
    row = {**HELPSTEER3, "individual_preference": [entry, {"score": 1}]}
    odd, good = read("helpsteer3-annotators", row).opinions
    assert odd == reason
    assert good == Preference(1, margin=1.0, annotator="annotator-2")


def test_opinions_in_one_text_are_refused(read: Any) -> None:
    row = {**HELPSTEER2, "all_preferences_unprocessed": "[{'strength': 1}]"}
    with pytest.raises(ValueError, match="'all_preferences_unprocessed' must be a list"):
        read("helpsteer2-preference-annotators", row)


@pytest.mark.parametrize(
    ("shape", "row", "columns", "reason"),
    [
        (
            "helpsteer3",
            {**HELPSTEER3, "overall_preference": None},
            {},
            "'overall_preference' must be a number, not 'None'",
        ),
        (
            "helpsteer2",
            {"prompt": "?", "response_1": "a", "response_2": "b", "preference_strength": 9},
            {},
            "'preference_strength' must be from",
        ),
        (
            "scored",
            {"prompt": "?", "output": "a"},
            {},
            "no column 'score'; there is 'output'",
        ),
        ("scored", {"prompt": "?", "text": ""}, {"score": "stars"}, "no column 'stars'"),
        # A value that is called as a field is no column.
        ("helpsteer3", {**HELPSTEER3, "overall_preference": "strength"}, {}, "not 'strength'$"),
    ],
)
def test_what_is_wrong_is_told_by_the_column_of_the_file(
    read: Any, shape: str, row: Any, columns: dict[str, str], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        read(shape, row, **columns)


def test_a_side_that_is_missing_is_told_by_its_column(read: Any) -> None:
    row = {name: value for name, value in HELPSTEER3.items() if name != "response2"}
    sample = read("helpsteer3-annotators", row)
    assert sample.solutions[1].startswith("no column 'response2'; there is 'domain', 'language', ")
    assert "'individual_preference'" in sample.solutions[1]
