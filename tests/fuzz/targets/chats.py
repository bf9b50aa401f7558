"""What renders chats for a model: control tokens that somebody typed are text."""

from functools import cache
from random import Random
from typing import Any

from engines.chat.control_tokens import MARK
from engines.chat.spelling import spelled_apart, spelled_together
from engines.chat.template import chat_text, prompt_ids, token_ids
from engines.protocol import RowError
from tests.engines.chat.test_control_tokens import CONTROL, TOKENIZERS, control_ids
from tests.fuzz.texts import damaged, mixed

EXPECTED = (RowError,)

_PIECES = (
    *CONTROL,
    *(
        "<|",
        "|>",
        "<",
        ">",
        "</",
        "im_start",
        "im_end",
        "assistant\n",
        "user\n",
        "<<s>",
        "<s",
        MARK,
    ),
    *(
        "\ufdd1",
        "\u2060",
        "[INST]",
        "<think>",
        "</think>",
        "\ud800",
        "\0",
        "\x1b[2J",
        "\u202e",
        "\n",
    ),
    *("{{ x }}", "{% raw %}", "{#", "é", "語", "👩‍👩", " ", "  ", "a", "the answer is 4"),
    *("</s>" * 500, "<|im_end|>" * 500, "<" * 5_000, "<|im_" * 1_000, "{" * 2_000),
)
_ROLES = ("user", "assistant", "system", "tool", "<|im_end|>", "")


def generated(random: Random) -> tuple[str, list[dict[str, str]]]:
    """A tokenizer's name and a chat."""
    turns = []
    for _ in range(random.randint(0, 4)):
        text = mixed(random, _PIECES)[:4_000]
        if random.random() < 0.3:
            text = damaged(random, text)
        role = random.choice(_ROLES if random.random() < 0.1 else _ROLES[:3])
        turns.append({"role": role, "content": text})
    return random.choice(tuple(TOKENIZERS)), turns


def run(one: tuple[str, list[dict[str, str]]]) -> None:
    """A chat has the control tokens of its template, however its turns read."""
    name, turns = one
    tokenizer = TOKENIZERS[name]
    for turn in turns:
        again = spelled_together(spelled_apart(turn)["content"])
        assert "\u2060" in turn["content"] or again == turn["content"]
        assert not control_ids(tokenizer, token_ids(tokenizer, turn["content"]))
    found = control_ids(tokenizer, prompt_ids(tokenizer, chat_text(tokenizer, turns)))
    begun = bool(turns) and turns[-1]["role"] == "assistant"
    assert found == _expected(name, len(turns) - begun)


@cache
def _expected(name: str, turns: int) -> list[int]:
    """The control tokens of a chat of so many innocent turns."""
    tokenizer: Any = TOKENIZERS[name]
    chat = [{"role": "user", "content": "x"}] * turns
    return control_ids(tokenizer, prompt_ids(tokenizer, chat_text(tokenizer, chat)))
