"""Thoughts are kept apart from answers, in the form of each model."""

from pathlib import Path

import pytest
import trl
from transformers import AutoTokenizer

from engines.chat.thinking import answering, apart, split
from engines.protocol import Generation, Rendered

A = "Answer: 4"


def read(text: str, header: str = "<|assistant|>") -> tuple[str | None, str]:
    found = apart(Rendered((), header), Generation(text, (1, 2), (), "stop"))
    return found.reasoning, found.text


@pytest.mark.parametrize(
    "text",
    [
        f"<think>\ntwo and two\n</think>\n\n{A}",
        f"\n<think>two and two</think>{A}",
        f"two and two\n</think>\n\n{A}",  # the template opened it
        f"[THINK]two and two[/THINK]{A}",
        f"<seed:think>two and two</seed:think>{A}",
        f"<|channel>thought\ntwo and two\n<channel|>{A}",
        f"<|START_THINKING|>two and two<|END_THINKING|><|START_RESPONSE|>{A}<|END_RESPONSE|>",
        f"<|channel|>analysis<|message|>two and two<|end|><|start|>assistant"
        f"<|channel|>final<|message|>{A}",
        f"<|channel|>analysis<|message|>two and two<|end|><|start|>assistant"
        f"<|channel|>final <|constrain|>json<|message|>{A}<|return|>",
        f" to=self<|message|>two and two<|eom|><|start|>assistant to=user<|message|>{A}<|eot|>",
        f"Here is my thought process: two and two\n\nHere is my response: {A}",
        f"Here's my thought process:\ntwo and two\nHere's my response:\n\n{A}",
        f"<think>two and two</think><response>{A}</response>",
        f"<think>\ntwo and two\n</think>\n<answer>\n{A}\n</answer>",
        f"<|open|>think<|sep|>two and two<|close|>think<|sep|><|open|>response<|sep|>{A}"
        "<|close|>response<|sep|>",
        f"◁think▷two and two◁/think▷{A}",
        f"analysistwo and twoassistantfinal{A}",
    ],
)
def test_the_forms_of_current_models(text: str) -> None:
    assert read(text) == ("two and two", A)


@pytest.mark.parametrize("header", ["<|im_start|>assistant\n<think>\n", "<｜Assistant｜><think>"])
def test_a_thought_that_the_header_opens(header: str) -> None:
    assert read(f"two and two\n</think>\n\n{A}", header) == ("two and two", A)
    assert read(f"<think>\ntwo and two</think>{A}", header) == ("two and two", A)
    assert read("two and", header) == ("two and", "")


def test_an_empty_thought_is_none() -> None:
    assert read(f"<think>\n\n</think>\n\n{A}") == (None, A)


@pytest.mark.parametrize(
    "text", ["<think>two and", "<think>\n", "<|channel|>analysis<|message|>two and"]
)
def test_a_thought_that_does_not_end_leaves_no_answer(text: str) -> None:
    reasoning, answer = read(text)
    assert reasoning is not None
    assert answer == ""


def test_several_thoughts_and_one_in_between() -> None:
    text = f"<think>one</think><think>two</think>Let me see.\n<think>three</think>\n{A}"
    assert read(text) == ("one\n\ntwo\n\nthree", f"Let me see.\n\n{A}")
    assert read(f"Sure. <think>B looks better</think> {A}") == ("B looks better", f"Sure.  {A}")


@pytest.mark.parametrize(
    "text",
    [
        "Answer: 4",
        " two lines\n  kept as they are \n",
        "Put it between `<think>` and `</think>`.",
        "```xml\n<think>\nshown\n</think>\n```",
        "The closing mark `</think>` ends it.",
        "Here is my response: 4",
        "analysis of it: 4",
        "1 < 2 and [THINKING] is no mark",
    ],
)
def test_a_text_without_a_thought_is_unchanged(text: str) -> None:
    assert read(text) == (None, text)


def test_indentation_after_a_thought_belongs_to_the_answer() -> None:
    assert read("<think>hm</think>\n\n    return 4\n") == ("hm", "    return 4\n")


def test_a_thought_that_the_server_told_apart_is_kept_with_one_in_the_text() -> None:
    raw = Generation(f"\n\n{A}", (), (), "stop", reasoning="two and two")
    found = apart(Rendered((), ""), raw)
    assert (found.reasoning, found.text) == ("two and two", A)
    raw = Generation(f"<think>again</think>{A}", (), (), "stop", reasoning="two and two")
    assert apart(Rendered((), ""), raw).reasoning == "two and two\n\nagain"


@pytest.mark.parametrize(
    "piece",
    ["<think>", "</think>", "<think>x</think>", "`<think>`", "```<think>", "to=", "\n", "[THINK] "],
)
def test_long_texts_take_no_long_time(piece: str) -> None:
    split("<|" + piece * 20_000)


def test_an_answer_follows_an_empty_thought_where_the_header_opens_one() -> None:
    assert answering("assistant\n<think>\n") == "assistant\n<think>\n\n</think>\n\n"
    assert answering("assistant\n<think>") == "assistant\n<think></think>\n\n"
    assert answering("assistant\n") == "assistant\n"
    assert answering("assistant\n<think>\n", begins="<think>\nhm") == "assistant\n"


TEMPLATES = Path(trl.__file__).parent / "chat_templates"


@pytest.mark.parametrize(
    "name", ["qwen3", "qwen3_5_think", "glm4moe", "gptoss", "gemma4_v5", "nemotron_3_nano"]
)
def test_what_published_templates_write_is_read_back(tiny_model: Path, name: str) -> None:
    """What a template makes of an answer with its thought is what its model learnt to write."""
    file = TEMPLATES / f"{name}.jinja"
    if not file.is_file():
        pytest.skip("this TRL has no such template")
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    tokenizer.bos_token, tokenizer.chat_template = "<s>", file.read_text()
    asked = {"role": "user", "content": "What is two and two?"}
    thought = {"reasoning_content": "two and two", "thinking": "two and two"}
    answered = [asked, {"role": "assistant", "content": A, **thought}]
    header = tokenizer.apply_chat_template([asked], tokenize=False, add_generation_prompt=True)
    whole = tokenizer.apply_chat_template(answered, tokenize=False)
    assert whole.startswith(header)
    reasoning, answer = read(whole.removeprefix(header), header)
    assert (reasoning, answer.startswith(A)) == ("two and two", True)
