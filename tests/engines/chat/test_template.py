"""What a model reads where its template has no place for a system turn."""

from typing import Any

import pytest
from transformers import AutoTokenizer

import pocket
from engines.chat import template as chat
from engines.chat.template import chat_text, without_system
from engines.protocol import RowError

RULES = {"role": "system", "content": "Answer in one word."}
QUESTION = {"role": "user", "content": "How many apples?"}
MERGED = {"role": "user", "content": "Answer in one word.\n\nHow many apples?"}
TURNS = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}<assistant>"
ALTERNATE = (
    "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}{% endfor %}"
)
PASSED_OVER = "{% set messages = messages | rejectattr('role', 'equalto', 'system') | list %}"


def templated(template: str) -> Any:
    made = AutoTokenizer.from_pretrained(str(pocket.checkpoint("base")))
    made.chat_template = template
    return made


@pytest.mark.parametrize("before", [ALTERNATE, PASSED_OVER])
def test_a_template_without_a_system_turn_hears_it_in_the_users(
    before: str, caplog: pytest.LogCaptureFixture
) -> None:
    chat._warn_merged.cache_clear()
    made = templated(before + TURNS)
    for _ in range(3):
        said = chat_text(made, [RULES, QUESTION])
        assert said == "<user>Answer in one word.\n\nHow many apples?<assistant>"
    assert len(caplog.records) == 1


def test_a_template_with_a_system_turn_is_left_to_itself(caplog: pytest.LogCaptureFixture) -> None:
    said = chat_text(templated(TURNS), [RULES, QUESTION])
    assert said == "<system>Answer in one word.<user>How many apples?<assistant>"
    assert not caplog.records


def test_what_a_template_refuses_merged_too_costs_its_row() -> None:
    with pytest.raises(RowError, match="roles must alternate"):
        chat_text(templated(ALTERNATE + TURNS), [RULES, QUESTION, QUESTION])


@pytest.mark.parametrize(
    ("messages", "merged"),
    [
        ([QUESTION], [QUESTION]),
        (
            [RULES, RULES, QUESTION],
            [{**QUESTION, "content": f"{RULES['content']}\n\n{MERGED['content']}"}],
        ),
        ([RULES], [{**RULES, "role": "user"}]),
        ([QUESTION, RULES, QUESTION], [QUESTION, MERGED]),
    ],
)
def test_no_words_of_a_system_turn_are_lost(messages: Any, merged: Any) -> None:
    assert without_system(messages) == merged
