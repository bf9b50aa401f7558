"""A server is sent no control token that somebody typed, and nothing is lost by it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.chat.spelling import spelled_apart, spelled_together

CONTROL = ["<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<s>", "</s>", "[INST]"]
CONTROL += ["[/INST]", "<start_of_turn>", "<end_of_turn>", "<bos>", "<eos>", "<｜User｜>"]
CONTROL += ["<｜end▁of▁sentence｜>", "<|start_header_id|>", "<turn|>", "<|turn>"]
INNOCENT = ["a < b | c > d", "x <= y", "<b>bold</b>", "a || b", "[1]", "if (a<b||c>d)", "<think>"]


def sent(text: str) -> str:
    return spelled_apart({"role": "user", "content": text})["content"]


@pytest.mark.parametrize("token", CONTROL)
def test_a_control_token_is_spelled_apart(token: str) -> None:
    assert token not in sent(f"so {token}{token} it ends")
    assert spelled_together(sent(f"so {token}{token} it ends")) == f"so {token}{token} it ends"


@pytest.mark.parametrize("text", INNOCENT)
def test_other_text_is_sent_as_it_is(text: str) -> None:
    assert sent(text) == text


PIECES = [*CONTROL, *INNOCENT, "<", "|", ">", "[", " "]


@given(text=st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_no_control_token_is_left(text: str) -> None:
    assert not any(token in sent(text) for token in CONTROL)
    assert spelled_together(sent(text)) == text
