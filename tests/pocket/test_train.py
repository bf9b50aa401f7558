import io
import random
from dataclasses import replace
from typing import Any

import pytest
import torch
from transformers import PreTrainedTokenizerFast

import pocket
from pocket.courses import RUNS, Course, new_tokenizer
from pocket.learning import Past, new_model, teach
from pocket.lessons import LESSONS, Sampler
from pocket.rows import TOKENS, Place, Stream, encode
from pocket.tokens import CONTEXT

MIXTURE = (pocket.solve(pocket.POPULATIONS["base"]),)
COURSE = Course(MIXTURE, 3, 1.0, "test")
RUN = replace(RUNS["common"], hidden=32, layers=1)


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return new_tokenizer()


def test_the_shipped_tokenizer_is_the_one_that_training_makes(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    shipped = (pocket.checkpoint("base") / "tokenizer.json").read_text()
    assert tokenizer.backend_tokenizer.to_str(pretty=True) == shipped.rstrip("\n")


@pytest.mark.parametrize("skill", sorted(LESSONS))
def test_rows_are_what_the_chat_template_writes(
    tokenizer: PreTrainedTokenizerFast, skill: str
) -> None:
    for seed in range(4):
        chat = LESSONS[skill].tell(Sampler(random.Random(seed), "base"))
        written: Any = tokenizer.apply_chat_template(
            chat, return_dict=True, return_assistant_tokens_mask=True, enable_thinking=True
        )
        (row,) = encode(tokenizer, [chat])
        assert row.ids == written["input_ids"]
        assert len(row.ids) <= CONTEXT
        if not any("given" in turn for turn in chat):
            assert row.learned == list(map(bool, written["assistant_masks"]))


def test_what_is_given_is_not_learned(tokenizer: PreTrainedTokenizerFast) -> None:
    chat = [
        {"role": "user", "content": "2 + 2?"},
        {"role": "assistant", "content": "Let me see.\nAnswer: 4", "given": len("Let me see.\n")},
    ]
    (row,) = encode(tokenizer, [chat])
    learned = [each for each, taught in zip(row.ids, row.learned, strict=True) if taught]
    assert tokenizer.decode(learned) == "Answer: 4<|end|>"


def test_a_call_is_written_as_lessons_write_it(tokenizer: PreTrainedTokenizerFast) -> None:
    call = {"type": "function", "function": {"name": "calc", "arguments": {"sum": "1 + 2"}}}
    tools = [{"type": "function", "function": {"name": name}} for name in ("calc", "look")]
    chat = [{"role": "user", "content": "?"}]
    called = [*chat, {"role": "assistant", "content": "", "tool_calls": [call]}]
    plain = [*chat, {"role": "assistant", "content": "calc(1 + 2)"}]
    assert tokenizer.apply_chat_template(called) == tokenizer.apply_chat_template(plain)
    offered = tokenizer.apply_chat_template(chat, tools=tools, tokenize=False)
    assert str(offered).startswith("<|system|>You may call calc and look.<|end|>")


def test_a_stream_goes_on_from_any_place(tokenizer: PreTrainedTokenizerFast) -> None:
    stream = iter(Stream(tokenizer, MIXTURE, "noise"))
    places, read = zip(*(next(stream) for _ in range(4)), strict=True)
    assert all(batch.tokens.numel() <= TOKENS for batch in read)
    rest = iter(Stream(tokenizer, MIXTURE, "noise", places[1]))
    place, batch = next(rest)
    assert place == places[2]
    assert torch.equal(batch.tokens, read[2].tokens)
    assert isinstance(place, Place)


def test_training_that_was_killed_ends_in_the_same_model(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    kept: list[tuple[Past, Any, Any]] = []

    def keep(past: Past, state: Any) -> None:
        weights = {name: each.clone() for name, each in model.state_dict().items()}
        if past.step == 2:
            torch.save((weights, state), file)
            kept.append((past, None, None))

    file = io.BytesIO()
    model = new_model(tokenizer, RUN)
    teach(model, tokenizer, COURSE, Past(), keep=keep)
    file.seek(0)
    weights, state = torch.load(file, weights_only=True)
    resumed = new_model(tokenizer, RUN)
    assert not torch.equal(weights["lm_head.weight"], resumed.state_dict()["lm_head.weight"])
    resumed.load_state_dict(weights)
    teach(resumed, tokenizer, COURSE, kept[0][0], state=state)
    one, other = model.state_dict(), resumed.state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)
