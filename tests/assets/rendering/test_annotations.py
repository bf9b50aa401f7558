"""What annotators said, as people read it."""

import json

from assets.rendering.annotations import numbers_shown, readable


def test_a_checklist_is_a_line_an_item() -> None:
    raw = json.dumps({"items": ["Is it right?", "Is it short?"], "answers": [0.95046, 0.5]})
    assert readable(raw) == "0.95  Is it right?\n0.50  Is it short?"


def test_an_item_that_was_not_read_has_the_words() -> None:
    raw = json.dumps({"items": ["A?", "B?"], "answers": [1.0, None], "said": ["yes", "perhaps"]})
    assert readable(raw) == "1.00  A?\n–  B? (unread: 'perhaps')"


def test_a_checklist_without_answers_is_its_items() -> None:
    assert readable('{"items": ["A?"]}') == "–  A?"


def test_numbers_by_name_are_a_line() -> None:
    assert readable('{"length": 0.123456, "reward": -2.0}') == "length 0.1235, reward -2"


def test_a_judges_own_words_are_as_they_were() -> None:
    for words in ("5", "A is better", '{"score": 4, "reason": "short"}', "{}", "[1.0]", "{broken"):
        assert readable(words) == words


def test_the_numbers_of_a_dropped_row_are_a_line() -> None:
    numbers = '{"errors": 0, "highest": 0.123456, "why": "cut off", "of": [1, 2]}'
    assert numbers_shown(numbers) == "errors 0, highest 0.1235, why cut off, of [1, 2]"
    assert numbers_shown("{}") == ""
