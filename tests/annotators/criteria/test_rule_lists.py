"""Lists of rules as models write them."""

import pytest

from annotators.criteria.rule_lists import listed_rules, merged_rules


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("- It is short.\n- It is right.", ["It is short.", "It is right."]),
        (
            "Rules:\n1. **It is short.**\n2) It is right.\nThat is all.",
            ["It is short.", "It is right."],
        ),
        ("Here they are:\nIt is short.\n\nIt is right.", ["It is short.", "It is right."]),
        ('```json\n["It is short.", "It is right."]\n```', ["It is short.", "It is right."]),
        ("* It names [1] its sources", ["It names [1] its sources"]),
        ("[It is short", ["[It is short"]),
        ("none", []),
        ("- None.", []),
        ("No rules", []),
        ("---\n", []),
        ("", []),
    ],
)
def test_a_rule_a_line(text: str, rules: list[str]) -> None:
    assert listed_rules(text) == rules


@pytest.mark.parametrize(
    ("text", "merged"),
    [
        (
            "- It is brief. [1, 3]\n- It is right. [2]",
            [("It is brief.", [0, 2]), ("It is right.", [1])],
        ),
        ("- It is brief (1 and 3).", [("It is brief", [0, 2])]),
        ("- It is brief. [3, 3, 9, 0]", [("It is brief.", [2])]),
        ("- it is RIGHT", [("it is RIGHT", [1])]),
        ("- It is something else.\n- It is another. [7]", []),
        ("nothing", []),
    ],
)
def test_a_merged_rule_names_what_it_was_made_from(text: str, merged: list[object]) -> None:
    candidates = ["It is short.", "It is right.", "It is no longer than it must be."]
    assert merged_rules(text, candidates) == merged
