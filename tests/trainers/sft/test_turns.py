"""Which tokens of a chat of several turns are learned, with real chat templates."""

from pathlib import Path
from typing import Any

import pytest

from engines.bindings import Binding
from engines.chat.template import turn_end
from engines.protocol import RowError
from engines.weights import chat_tokenizer
from trainers import SFT
from trainers.training.tokenization import UNLEARNED, Reader

ASKED = [
    {"role": "user", "content": "Add 2 and 3."},
    {"role": "assistant", "content": "2 + 3 = 6\nAnswer: 6"},
    {"role": "user", "content": "Is that right?"},
    {"role": "assistant", "content": "No."},
    {"role": "user", "content": "Mend it."},
    {"role": "assistant", "content": "2 + 3 = 5\nAnswer: 5"},
]
POCKET = Path(__file__).parents[3] / "pocket" / "checkpoints" / "base"


def read(tokenizer: Any) -> Reader:
    end = turn_end(tokenizer, frozenset({tokenizer.eos_token_id}))
    assert end is not None
    return Reader(tokenizer, end)


def encoded(reader: Reader, spans: list[list[int]] | None, **fields: Any) -> list[dict[str, Any]]:
    row = {"messages": ASKED, "loss_spans": spans, "ends": None, **fields}
    return SFT(of="demonstrations").encode(row, reader)


@pytest.fixture(scope="module")
def reader() -> Reader:
    return read(chat_tokenizer(Binding(model=str(POCKET))))


def test_turns_of_one_chat_are_one_sequence(reader: Reader) -> None:
    first, last = ASKED[1]["content"], ASKED[5]["content"]
    (found,) = encoded(reader, [[1, 0, len(first)], [0, len(last)]])
    learned, ids = found["labels"], found["input_ids"]
    assert ids == [*reader.prompt(ASKED[:5]), *reader.answer(last)]
    slow = [UNLEARNED] * len(ids)
    for turn in (1, 5):
        start = len(reader.prompt(ASKED[:turn]))
        answer = reader.answer(ASKED[turn]["content"])
        slow[start : start + len(answer)] = answer
    assert learned == slow
    assert found["length"] == len(ids)


def test_where_the_template_writes_earlier_turns_otherwise_each_turn_has_a_sequence() -> None:
    tokenizer = chat_tokenizer(Binding(model=str(POCKET)))
    tokenizer.chat_template = (
        "{% for m in messages %}<|{{ m.role }}|>"
        "{{ m.content }}{% if not loop.last and m.role == 'assistant' %} .{% endif %}<|end|>"
        "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
    )
    reader = read(tokenizer)
    found = encoded(reader, [[1, 0, 9], [0, 9]])
    assert [one["input_ids"] for one in found] == [
        [*reader.prompt(ASKED[:turn]), *reader.answer(ASKED[turn]["content"])] for turn in (1, 5)
    ]
    for one, text in zip(found, ("2 + 3 = 6", "2 + 3 = 5"), strict=True):
        assert tokenizer.decode([n for n in one["labels"] if n != UNLEARNED]).strip() == text


@pytest.mark.parametrize(
    ("spans", "says"),
    [
        ([[2, 0, 4]], "learn message 2, which is the user's"),
        ([[6, 0, 4]], "name message 6, but there are 6 messages"),
        ([[3, 90, 95]], "hold no token of the message"),
    ],
)
def test_spans_that_are_no_answer_are_refused(
    reader: Reader, spans: list[list[int]], says: str
) -> None:
    with pytest.raises(RowError, match=says):
        encoded(reader, spans)
