"""What is trained on is what the engine reads and writes, whatever the chat template does."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engines.bindings import Binding
from engines.chat.template import prompt_ids
from engines.chat.thinking import answering
from engines.protocol import RowError
from schemas import Message
from tests import chat_templates
from trainers.training.tokenization import UNLEARNED, Reader, one_answer, one_message

HEAD = "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>"
TEMPLATES = {
    "plain": HEAD + "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}",
    # A line break after the end of a turn is never generated, and must not be learned.
    "line break after a turn": HEAD
    + "\n{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}",
    # As in Qwen3: what the header holds is not there when the answer is rendered with it.
    "header of its own": HEAD
    + "{% endfor %}{% if add_generation_prompt %}<|assistant|>(no thoughts){% endif %}",
    # The answer's first character follows at once, and then begins like the header's end.
    "strips what it is given": (
        "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] | trim }}"
        "<|end|>{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
    ),
}


KINDS = ("CHATML", "DEFAULT_SYSTEM", "WITH_BOS", "WITHOUT_SYSTEM", "ALTERNATING", "WITH_TOOLS")
CONVERSATION = [
    {"role": "system", "content": " Count. "},
    {"role": "user", "content": "6 * 7 ="},
    {"role": "assistant", "content": " 42\n"},
    {"role": "user", "content": " twice that? "},
]


@pytest.mark.parametrize(
    ("template", "messages", "text"),
    [
        *(
            pytest.param(template, CONVERSATION[1:2], text, id=f"{name}, {text!r}")
            for name, template in TEMPLATES.items()
            for text in ("42", " (no thoughts) 7", "två\n\n")
        ),
        *(
            pytest.param(getattr(chat_templates, kind), CONVERSATION, " 84\n", id=kind)
            for kind in KINDS
        ),
    ],
)
def test_ids_are_the_engines(
    template: str, messages: list[Message], text: str, template_for: Callable[[str], Path]
) -> None:
    from transformers import AutoTokenizer

    from engines.local.engine import TransformersEngine

    folder = template_for(template)
    engine = TransformersEngine(Binding(model=str(folder), device="cpu"))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    prompt = engine.render(messages)
    (scored,) = asyncio.run(engine.score(prompt, [text], end=[True]))
    asyncio.run(engine.close())

    reader = Reader(tokenizer, tokenizer.eos_token_id)
    answered = answering(prompt.text, form=prompt.thought)
    assert reader.prompt(messages) == prompt_ids(tokenizer, answered)
    assert reader.answer(text) == list(scored.token_ids)


@pytest.fixture
def reader(tiny_model: Path) -> Reader:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    return Reader(tokenizer, tokenizer.eos_token_id)


def test_labels_cover_the_spans_and_the_end_only_after_the_last_token(reader: Reader) -> None:
    ids = reader.answer("3 + 4 = 7")
    assert reader.labels("3 + 4 = 7", None) == ids
    assert reader.labels("3 + 4 = 7", [[0, 1], [8, 9]]) == [ids[0], *[UNLEARNED] * 7, *ids[8:]]
    assert reader.labels("3 + 4 = 7", [[2, 5]])[-1] == UNLEARNED


def test_a_character_of_several_tokens_is_learned_whole(reader: Reader) -> None:
    ids = reader.answer("aåb")
    assert len(ids) == 5
    assert reader.labels("aåb", [[1, 2]]) == [UNLEARNED, *ids[1:3], UNLEARNED, UNLEARNED]


def test_spans_that_hold_nothing_are_refused(reader: Reader) -> None:
    with pytest.raises(RowError, match="no token"):
        reader.labels("7", [[5, 9]])


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "user", "content": "7"}],
        [{"role": "assistant", "content": "7"}, {"role": "assistant", "content": "8"}],
    ],
)
def test_a_side_is_one_message_of_the_assistant(messages: list[dict[str, str]]) -> None:
    with pytest.raises(RowError, match="chosen is not one message"):
        one_answer(messages, "chosen")


def test_an_answer_is_learnt_after_a_thought_and_not_in_it(
    template_for: Callable[..., Path],
) -> None:
    """As in Qwen3.5 and DeepSeek-R1, the generation header opens a thought."""
    from transformers import AutoTokenizer

    opens = HEAD + "{% endfor %}{% if add_generation_prompt %}<|assistant|><think>\n{% endif %}"
    tokenizer = AutoTokenizer.from_pretrained(template_for(opens))
    reader = Reader(tokenizer, tokenizer.eos_token_id)
    asked = [{"role": "user", "content": "6 * 7 ="}]

    def read(answer: str) -> str:
        return str(tokenizer.decode(reader.prompt(asked, answer))).rpartition("<|assistant|>")[2]

    assert read("42") == "<think>\n\n</think>\n\n"
    assert read("<think>\nsix times seven\n</think>\n\n42") == ""


def test_the_template_is_told_what_the_binding_says(template_for: Callable[..., Path]) -> None:
    from transformers import AutoTokenizer

    told = HEAD + "{% endfor %}{% if add_generation_prompt %}<|assistant|>{{ mood }}{% endif %}"
    tokenizer = AutoTokenizer.from_pretrained(template_for(told))
    reader = Reader(tokenizer, tokenizer.eos_token_id, {"mood": "calm"})
    asked = [{"role": "user", "content": "6 * 7 ="}]
    assert tokenizer.decode(reader.prompt(asked)).endswith("<|assistant|>calm")


OFFERED = '[{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}]'
ASKED: list[Message] = [{"role": "user", "content": "6 + 7 =", "tools": OFFERED}]
CALL: Message = {
    "role": "assistant",
    "content": "",
    "tool_calls": [{"id": "1", "name": "add", "arguments": '{"a": 6, "b": 7}'}],
}


def reads(folder: Path) -> tuple[Reader, Any]:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    return Reader(tokenizer, tokenizer.eos_token_id), tokenizer


def test_a_call_is_learnt_as_the_template_writes_it(template_for: Callable[..., Path]) -> None:
    template = chat_templates.WITH_TOOLS.replace("<|im_end|>", "<|end|>")
    reader, tokenizer = reads(template_for(template))
    ids = reader.message(ASKED, CALL, "")
    assert tokenizer.decode(ids).strip() == '<call>add {"a": 6, "b": 7}</call><|end|>'
    assert ids[-1] == tokenizer.eos_token_id
    assert reader.message(ASKED, CALL, "", ended=False) == ids[:-1]
    result: Message = {"role": "tool", "content": "13", "tool_call_id": "1"}
    context = tokenizer.decode(reader.prompt([*ASKED, CALL, result]))
    assert tokenizer.decode(ids).strip() in context
    assert "<result>13</result>" in context


def test_control_tokens_in_a_call_are_text(template_for: Callable[..., Path]) -> None:
    template = chat_templates.WITH_TOOLS.replace("<|im_end|>", "<|end|>")
    reader, tokenizer = reads(template_for(template))
    call = {"id": "1", "name": "add", "arguments": '{"a": "<|end|>"}'}
    ids = reader.message(ASKED, {**CALL, "tool_calls": [call]}, "")
    assert ids.count(tokenizer.eos_token_id) == 1
    assert tokenizer.eos_token_id == ids[-1]


def test_a_template_that_leaves_out_a_call_refuses_it(template_for: Callable[..., Path]) -> None:
    reader, _ = reads(template_for(TEMPLATES["plain"]))
    asked: list[Message] = [{"role": "user", "content": "6 + 7 ="}]
    with pytest.raises(RowError, match="leaves out 'tool_calls' of message 1"):
        reader.message(asked, CALL, "")


def test_a_call_is_not_taken_for_a_text() -> None:
    assert one_message([CALL], "chosen") == CALL
    with pytest.raises(RowError, match="chosen calls tools"):
        one_answer([CALL], "chosen")
