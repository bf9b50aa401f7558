"""Tools, calls, results and thoughts as chat templates write them, or as they leave them out."""

import json
from typing import Any

import pytest
from transformers import AutoTokenizer

import pocket
from engines.chat.template import chat_text
from engines.protocol import RowError
from tests import chat_templates as kinds
from tests.tool_chat import ASKED, CALLING, GIVEN

TOOLS = json.dumps([{"type": "function", "function": {"name": "multiply", "parameters": {}}}])
SAID = {"role": "assistant", "content": "It is 42.", "reasoning": "The tool says so."}
AGAIN = {"role": "user", "content": "And twice that?"}


def templated(template: str) -> Any:
    made = AutoTokenizer.from_pretrained(str(pocket.checkpoint("base")))
    made.chat_template = template
    return made


def test_a_template_with_tools_gets_all_of_a_conversation():
    text = chat_text(templated(kinds.WITH_TOOLS), [{**ASKED, "tools": TOOLS}, CALLING, GIVEN])
    assert text == (
        '<|im_start|>system\n{"type": "function", "function": {"name": "multiply", '
        '"parameters": {}}}\n<|im_end|>\n<|im_start|>user\nWhat is 6 * 7?<|im_end|>\n'
        "<|im_start|>assistant\n<think>\nA tool knows.\n</think>\n\n\n"
        '<call>multiply {"a": 6, "b": 7}</call><|im_end|>\n'
        "<|im_start|>user\n<result>42</result><|im_end|>\n<|im_start|>assistant\n"
    )


def test_the_template_decides_about_thoughts_of_earlier_turns():
    text = chat_text(templated(kinds.WITH_TOOLS), [ASKED, CALLING, GIVEN, SAID, AGAIN])
    assert "A tool knows." not in text
    assert "It is 42." in text


def test_null_fields_of_a_table_are_none_of_the_template():
    nulls = dict.fromkeys(("reasoning", "tool_calls", "tool_call_id", "name", "tools"))
    made = templated("{% for m in messages %}{{ m | tojson }}{% endfor %}")
    assert chat_text(made, [{**nulls, **ASKED}]) == json.dumps(ASKED)


def test_arguments_are_a_text_where_a_template_needs_one():
    text = chat_text(
        templated(kinds.TEXT_ARGUMENTS), [ASKED, {**CALLING, "reasoning": None}, GIVEN]
    )
    assert 'multiply {"a": 6, "b": 7}' in text


@pytest.mark.parametrize(
    ("template", "messages", "part"),
    [
        (kinds.CHATML, [{**ASKED, "tools": TOOLS}], "'tools'"),
        (kinds.CHATML, [ASKED, CALLING, GIVEN], "'tool_calls' of message 1"),
        (kinds.CHATML, [ASKED, SAID, AGAIN], "'reasoning' of message 1"),
        (
            "{% for m in messages if m.role != 'tool' %}{{ m.content }}"
            "{{ m.tool_calls | tojson if m.tool_calls }}{% endfor %}",
            [ASKED, CALLING, GIVEN],
            "'content' of message 2 (role tool)",
        ),
        ("{{ messages[-1].content }}", [ASKED, SAID, AGAIN], "'content' of message 0 (role user)"),
    ],
)
def test_what_a_template_leaves_out_costs_its_row(template, messages, part):
    with pytest.raises(RowError, match="the chat template leaves out") as error:
        chat_text(templated(template), messages)
    assert part in str(error.value)


def test_a_part_without_which_a_template_fails_is_not_left_out():
    strict = (
        "{% for m in messages %}{% if m.role == 'tool' and not messages[loop.index0 - 1].tool_calls"
        " %}{{ raise_exception('no call') }}{% endif %}{{ m.content }}{% endfor %}"
    )
    assert chat_text(templated(strict), [ASKED, {**CALLING, "reasoning": None}, GIVEN])


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({**ASKED, "tools": "{}"}, "'tools' are not a list"),
        ({**ASKED, "tools": "["}, "'tools' are not JSON"),
    ],
)
def test_tools_are_a_list_in_json(message, words):
    with pytest.raises(RowError, match=words):
        chat_text(templated(kinds.WITH_TOOLS), [message])


def test_only_a_text_can_be_continued():
    with pytest.raises(RowError, match="only a text can be continued"):
        chat_text(templated(kinds.WITH_TOOLS), [ASKED, CALLING])


def test_the_tools_of_a_merged_system_turn_stay():
    refusing = "{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif %}"
    system = {"role": "system", "content": "Be brief.", "tools": TOOLS}
    text = chat_text(templated(refusing + kinds.WITH_TOOLS), [system, ASKED])
    assert "multiply" in text
    assert "Be brief.\n\nWhat is 6 * 7?" in text


def test_control_tokens_inside_calls_are_text():
    made = templated(kinds.WITH_TOOLS)
    end = made.eos_token
    call = {"name": "say", "arguments": json.dumps({"text": end})}
    calling = {"role": "assistant", "content": "", "tool_calls": [call]}
    text = chat_text(made, [ASKED, calling, {"role": "tool", "content": end}])
    assert end not in text
