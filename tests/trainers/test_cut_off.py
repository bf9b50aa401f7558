"""What was cut off is learned without an end of the turn, by every trainer of whole answers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from engines.bindings import Binding
from engines.weights import chat_tokenizer
from schemas import Demonstrations, Pairs, Rankings, Table, rows
from trainers import DPO, SFT, TPO, RewardModel
from trainers.training.tokenization import UNLEARNED, Reader
from trainers.training.trainer import Trainer

ASKED = [{"role": "user", "content": "1 + 1 ="}]
SIDES = {"chosen": "2", "rejected": "xx"}
PAIR = {
    "pair_id": "a",
    "prompt": ASKED,
    "weight": 1.0,
    **{side: [{"role": "assistant", "content": text}] for side, text in SIDES.items()},
}
LIST = {
    "ranking_id": "a",
    "prompt": ASKED,
    "completions": list(SIDES.values()),
    "rewards": [1.0, 0.0],
    "steps": [[1], [2]],
}
SHOWN = {"demonstration_id": "a", "messages": [*ASKED, {"role": "assistant", "content": "2"}]}
CASES: dict[str, tuple[type[Trainer], type[Table], Mapping[str, Any], Any, Any]] = {
    "dpo": (DPO, Pairs, PAIR, {"chosen": True, "rejected": False}, [True, False]),
    "reward": (RewardModel, Pairs, PAIR, {"chosen": False, "rejected": True}, [False, True]),
    "tpo": (TPO, Rankings, LIST, [True, False], [True, False]),
    "sft": (SFT, Demonstrations, SHOWN, False, [False]),
}


def answers(encoded: Mapping[str, Any]) -> list[Sequence[int]]:
    """The token ids of each answer."""
    if "input_ids" in encoded:
        return [encoded["input_ids"]]
    if "answer_ids" in encoded:
        return list(encoded["answer_ids"])
    return [encoded["chosen_ids"], encoded["rejected_ids"]]


@pytest.fixture(scope="module")
def reader(tiny_model: Path) -> Reader:
    tokenizer = chat_tokenizer(Binding(model=str(tiny_model), device="cpu"))
    return Reader(tokenizer, tokenizer.eos_token_id)


@pytest.mark.parametrize("kind", CASES)
def test_an_answer_that_was_cut_off_has_no_end_of_the_turn(kind: str, reader: Reader) -> None:
    trainer, table, row, ends, ended = CASES[kind]
    of = trainer(of="rows")
    end = reader.answer("2")[-1]
    for given, expected in ((ends, ended), (None, [True] * len(ended))):
        (example,) = of.examples(rows(table, [{**row, "ends": given}])).rows(named=True)
        (encoded,) = of.encode_all(example, reader)
        told = answers(encoded)
        assert [ids[-1] == end for ids in told] == expected
        # Complete answers have the identity that they had before there was such a column.
        assert kind == "dpo" or ("ends" in example) == (given is not None)


def test_the_end_is_no_label_of_a_text_that_was_cut_off(reader: Reader) -> None:
    end = reader.answer("2")[-1]
    assert reader.labels("22", [[0, 2]])[-1] == end
    whole = reader.labels("22", [[0, 2]], ended=False)
    assert end not in whole
    assert UNLEARNED not in whole
