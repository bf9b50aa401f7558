"""Where padding is the token that ends a turn, ends are still learnt, and padding is not."""

from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from trainers.dpo.loop import PairCollator
from trainers.training.tokenization import UNLEARNED

END = 2


def test_demonstrations_learn_the_end_of_each_turn():
    rows = [
        {"input_ids": [5, 6, 7, END], "labels": [UNLEARNED, UNLEARNED, 7, END]},
        {"input_ids": [5, 6, END], "labels": [UNLEARNED, 6, END]},
    ]
    batch = DataCollatorForLanguageModeling(pad_token_id=END)(rows)
    assert batch["labels"].tolist() == [
        [UNLEARNED, UNLEARNED, 7, END],
        [UNLEARNED, 6, END, UNLEARNED],
    ]
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 1], [1, 1, 1, 0]]


def test_pairs_count_the_end_of_each_side():
    pair = {
        "prompt_ids": [5],
        "chosen_ids": [6, 7, END],
        "rejected_ids": [8, END],
        "token_weights": {"chosen": [1.0] * 3, "rejected": [1.0] * 2},
        "weight": 1.0,
        "target": 0.0,
    }
    batch = PairCollator(pad_token_id=END)([pair])
    assert batch["completion_mask"].tolist() == [[0, 1, 1, 1], [0, 1, 1, 0]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 1], [1, 1, 1, 0]]
    assert batch["token_weights"].tolist() == [[0, 1, 1, 1], [0, 1, 1, 0]]
