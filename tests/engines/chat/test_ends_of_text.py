"""The tokens that begin a text and end a turn: each once, as the template writes them."""

import json
from typing import Any

import pytest
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

import pocket
from engines.chat.template import chat_text, prompt_ids, token_ids, turn_end
from tests import chat_templates as kinds

ASKED = {"role": "user", "content": "2 + 2?"}
SPECIAL = ("<|im_start|>", "<|im_end|>", "<|head|>", "<|/head|>", "<|eot|>", "<turn>", "</turn>")


def tokenizer(template: str) -> Any:
    """The pocket tokenizer, which puts the token ``<s>`` before every text by itself."""
    spec = json.loads((pocket.checkpoint("base") / "tokenizer.json").read_text())
    plain = Tokenizer.from_str(json.dumps(spec))
    made = PreTrainedTokenizerFast(tokenizer_object=plain, bos_token="<s>", eos_token="</s>")
    made.add_special_tokens({"additional_special_tokens": list(SPECIAL)})
    from tokenizers.processors import TemplateProcessing

    made.backend_tokenizer.post_processor = TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", made.bos_token_id)]
    )
    made.chat_template = template
    return made


@pytest.mark.parametrize(
    ("template", "firsts"),
    [(kinds.WITH_BOS, 1), (kinds.WITHOUT_SYSTEM, 1), (kinds.ALTERNATING, 1), (kinds.CHATML, 0)],
)
@pytest.mark.parametrize("content", ["2 + 2?", "What is <s>?"])
def test_the_first_token_is_the_templates(template: str, firsts: int, content: str) -> None:
    made = tokenizer(template)
    assert made("2")["input_ids"][0] == made.bos_token_id
    ids = prompt_ids(made, chat_text(made, [{"role": "user", "content": content}]))
    assert ids.count(made.bos_token_id) == firsts
    assert made.bos_token_id not in token_ids(made, content)


@pytest.mark.parametrize(
    ("template", "end"),
    [
        (kinds.CHATML, "<|im_end|>"),
        (kinds.DEFAULT_SYSTEM, "<|im_end|>"),
        (kinds.WITH_BOS, "<|eot|>"),
        (kinds.WITHOUT_SYSTEM, "</turn>"),
        (kinds.ALTERNATING, "</s>"),
        (kinds.WITH_TOOLS, "<|im_end|>"),
    ],
)
def test_a_turn_ends_as_the_template_ends_it(template: str, end: str) -> None:
    made = tokenizer(template)
    assert turn_end(made, frozenset({made.eos_token_id})) == made.convert_tokens_to_ids(end)


def test_what_a_template_adds_is_in_the_prompt_once() -> None:
    made = tokenizer(kinds.DEFAULT_SYSTEM)
    assert chat_text(made, [ASKED]).count("<|im_start|>system") == 1
    own = [{"role": "system", "content": "Be brief."}, ASKED]
    assert chat_text(made, own).count("<|im_start|>system") == 1
