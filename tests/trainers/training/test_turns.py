"""Which tokens of a chat of several turns are learned, with real chat templates."""

from pathlib import Path
from typing import Any

import pytest

from engines.bindings import Binding
from engines.chat.template import chat_text, prompt_ids, turn_end
from engines.protocol import RowError
from engines.weights import chat_tokenizer
from trainers import DPO, PRM, SFT, RewardModel
from trainers.training.tokenization import UNLEARNED, Reader

ASKED = [
    {"role": "user", "content": "Add 2 and 3."},
    {"role": "assistant", "content": "2 + 3 = 6.\nAnswer: 6"},
    {"role": "user", "content": "Is that right?"},
    {"role": "assistant", "content": "It is not."},
    {"role": "user", "content": "Mend it."},
    {"role": "assistant", "content": "2 + 3 = 5.\nAnswer: 5"},
]
PROJECT = Path(__file__).parents[3]
MODELS = {
    "pocket": PROJECT / "pocket" / "checkpoints" / "base",
    "smollm2": PROJECT / "data" / "pretrained" / "smollm2-135m-instruct",
}


@pytest.fixture(scope="module", params=MODELS)
def tokenizer(request: pytest.FixtureRequest) -> Any:
    folder = MODELS[request.param]
    if not folder.is_dir():
        pytest.skip(f"{folder} is not downloaded")
    return chat_tokenizer(Binding(model=str(folder), device="cpu"))


def reader_of(tokenizer: Any) -> Reader:
    end = turn_end(tokenizer, frozenset({tokenizer.eos_token_id}))
    assert end is not None
    return Reader(tokenizer, end)


def encoded(reader: Reader, spans: list[list[int]] | None) -> list[dict[str, Any]]:
    return SFT(of="shown").encode_all({"messages": ASKED, "loss_spans": spans}, reader)


def whole(*numbers: int) -> list[list[int]]:
    return [[number, 0, len(ASKED[number]["content"])] for number in numbers]


def learned(example: dict[str, Any], tokenizer: Any) -> list[str]:
    """The texts of the runs of learned tokens."""
    runs: list[list[int]] = [[]]
    for label in example["labels"]:
        if label != UNLEARNED:
            runs[-1].append(label)
        elif runs[-1]:
            runs.append([])
    return [tokenizer.decode(run) for run in runs if run]


def test_learned_turns_are_what_the_engine_reads_and_writes(tokenizer: Any) -> None:
    reader = reader_of(tokenizer)
    (example,) = encoded(reader, whole(1, 3, 5))
    end = tokenizer.decode(reader.answer("")[-1:])
    assert learned(example, tokenizer) == [ASKED[n]["content"] + end for n in (1, 3, 5)]
    ids = example["input_ids"]
    for number in (1, 3, 5):
        read = prompt_ids(tokenizer, chat_text(tokenizer, ASKED[:number]))
        written = reader.answer(ASKED[number]["content"])
        assert ids[: len(read)] == read
        assert ids[len(read) : len(read) + len(written)] == written
        assert example["labels"][len(read) : len(read) + len(written)] == written


def test_spans_name_the_last_message_or_any_of_the_assistants(tokenizer: Any) -> None:
    reader = reader_of(tokenizer)
    last = encoded(reader, [[0, 10]])
    assert last == encoded(reader, [[5, 0, 10]])
    assert learned(last[0], tokenizer)[0].startswith("2 + 3 = 5.")
    (some,) = encoded(reader, [[1, 0, 10], *whole(5)])
    first, second = learned(some, tokenizer)
    assert first.strip().startswith("2 + 3 = 6")
    assert "Answer" not in first
    assert second.startswith(ASKED[5]["content"])
    assert encoded(reader, None) == encoded(reader, whole(5))


def test_where_the_template_writes_earlier_turns_otherwise_each_turn_has_a_sequence() -> None:
    tokenizer = chat_tokenizer(Binding(model=str(MODELS["pocket"]), device="cpu"))
    tokenizer.chat_template = (
        "{% for m in messages %}<|{{ m.role }}|>"
        "{{ m.content }}{% if not loop.last and m.role == 'assistant' %} .{% endif %}<|end|>"
        "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
    )
    reader = reader_of(tokenizer)
    found = encoded(reader, [[1, 0, 9], [0, 9]])
    assert [one["input_ids"] for one in found] == [
        [*reader.prompt(ASKED[:turn]), *reader.answer(ASKED[turn]["content"])] for turn in (1, 5)
    ]
    for one, text in zip(found, ("2 + 3 = 6", "2 + 3 = 5"), strict=True):
        (only,) = learned(one, tokenizer)
        assert only.strip() == text


@pytest.mark.parametrize(
    ("spans", "reason"),
    [
        ([[2, 0, 3]], "message 2, which is the user's"),
        ([[6, 0, 3]], "message 6, but there are 6"),
        ([[1, 90, 99]], "hold no token"),
    ],
)
def test_a_span_that_is_no_text_of_the_assistant_is_refused(
    spans: list[list[int]], reason: str, tokenizer: Any
) -> None:
    with pytest.raises(RowError, match=reason):
        encoded(reader_of(tokenizer), spans)


def test_a_pair_of_transcripts_learns_what_the_assistant_says_and_nothing_else(
    tokenizer: Any,
) -> None:
    reader, prompt = reader_of(tokenizer), ASKED[:1]
    row = {
        "prompt": prompt,
        "chosen": ASKED[1:],
        "rejected": ASKED[1:4],
        "weight": 1.0,
        "token_weights": None,
        "shared_prefix": None,
        "ends": None,
    }
    example = DPO(of="pairs").encode(row, reader)
    for side, until in (("chosen", 6), ("rejected", 4)):
        ids = [*example["prompt_ids"], *example[f"{side}_ids"]]
        # Exactly what the engine reads and writes, turn by turn.
        expected: list[int] = []
        written: list[int] = []
        for number in range(1, until, 2):
            read = reader.prompt(ASKED[:number], "")
            said = reader.answer(ASKED[number]["content"])
            assert read[: len(expected)] == expected
            expected = [*read, *said]
            written += said
        assert ids == expected
        weights = example["token_weights"][side]
        spoken = [
            one for one, weight in zip(example[f"{side}_ids"], weights, strict=True) if weight
        ]
        assert spoken == written
    rewarded = RewardModel(of="pairs").encode(row, reader)
    assert rewarded["chosen_ids"] == [*example["prompt_ids"], *example["chosen_ids"]]
    with pytest.raises(RowError, match="leave out nll"):
        DPO(of="pairs", nll=1.0).encode(row, reader)
    with pytest.raises(RowError, match="shared_prefix is of one turn"):
        DPO(of="pairs").encode({**row, "shared_prefix": 1}, reader)
    with pytest.raises(RowError, match="not one message of the assistant but a transcript of 5"):
        PRM(of="pairs", loss="pairwise").encode(row, reader)
