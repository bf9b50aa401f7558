import subprocess
import sys
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import TemplateError
from transformers import AutoTokenizer, PreTrainedTokenizerFast

import pocket

CHAT = [
    {"role": "system", "content": "You are careful."},
    {"role": "user", "content": "Mia has 12 apples. How many apples does Mia have?"},
    {"role": "assistant", "content": "Answer: 12"},
    {"role": "user", "content": "Is this right?"},
    {"role": "assistant", "content": "Yes."},
]


@cache
def tokenizer(name: pocket.Checkpoint = "base") -> PreTrainedTokenizerFast:
    return AutoTokenizer.from_pretrained(pocket.checkpoint(name))


@given(st.text())
def test_any_text_survives_encoding(text: str) -> None:
    ids = tokenizer().encode(text, add_special_tokens=False)
    assert tokenizer().decode(ids) == text


def test_each_digit_is_a_token_of_its_own() -> None:
    tokens = tokenizer().tokenize("12 bags, 345 x 6=789")
    assert [token for token in tokens if any(map(str.isdigit, token))] == list("123456789")


def test_the_words_of_the_world_are_single_tokens() -> None:
    for word in (*pocket.world.NAMES, *pocket.world.THINGS, *pocket.world.BAGS):
        assert len(tokenizer().tokenize(f" {word}")) == 1, word


def test_padding_is_not_the_end_of_a_turn() -> None:
    assert tokenizer().pad_token_id != tokenizer().eos_token_id
    assert tokenizer().unk_token is None


@pytest.mark.parametrize("turns", [2, 4])
def test_a_generation_prompt_is_a_prefix_of_the_whole_chat(turns: int) -> None:
    asked = tokenizer().apply_chat_template(
        CHAT[:turns], tokenize=False, add_generation_prompt=True
    )
    whole = tokenizer().apply_chat_template(CHAT[: turns + 1], tokenize=False)
    assert whole == asked + CHAT[turns]["content"] + tokenizer().eos_token


def test_the_assistant_mask_covers_its_turns_and_their_ends() -> None:
    encoded = tokenizer().apply_chat_template(
        CHAT, return_dict=True, return_assistant_tokens_mask=True
    )
    learned = [
        token
        for token, mask in zip(encoded["input_ids"], encoded["assistant_masks"], strict=True)
        if mask
    ]
    assert tokenizer().decode(learned) == "Answer: 12<|end|>Yes.<|end|>"


def test_an_unknown_role_is_refused() -> None:
    with pytest.raises(TemplateError, match="roles"):
        tokenizer().apply_chat_template([{"role": "critic", "content": "4"}])


def test_all_checkpoints_share_one_tokenizer() -> None:
    files = {(pocket.checkpoint(name) / "tokenizer.json").read_text() for name in CHECKPOINTS}
    assert len(files) == 1


CHECKPOINTS: tuple[pocket.Checkpoint, ...] = ("weak", "base", "strong")


def test_the_world_imports_without_torch() -> None:
    probe = "import sys, pocket; sys.exit(bool({'torch', 'transformers'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", probe], check=True)
