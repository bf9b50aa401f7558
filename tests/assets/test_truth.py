"""How often labels are true."""

from typing import Any

import polars as pl

from assets.truth import label_accuracy
from schemas import Pairs, Prompts, rows


def says_it(messages: Any, reference: str | None, text: str) -> bool:
    """Right is what repeats the reference."""
    if reference is None:
        raise ValueError("no reference")
    return text == reference


CHECK = f"{__name__}.says_it"


def prompts(**references: str | None) -> pl.DataFrame:
    return rows(
        Prompts,
        [
            {
                "prompt_id": name,
                "messages": [{"role": "user", "content": name}],
                "reference": reference,
                "source": "mine",
                "source_revision": "1",
                "licence": "x",
            }
            for name, reference in references.items()
        ],
    )


def pair(prompt: str, chosen: str, rejected: str) -> dict[str, Any]:
    return {
        "pair_id": f"{prompt}{chosen}{rejected}",
        "prompt_id": prompt,
        "prompt": [{"role": "user", "content": prompt}],
        "chosen": [{"role": "assistant", "content": chosen}],
        "rejected": [{"role": "assistant", "content": rejected}],
        "chosen_id": "c",
        "rejected_id": "r",
        "weight": 1.0,
    }


def test_a_label_is_true_if_the_chosen_is_right_and_the_rejected_wrong() -> None:
    asked = prompts(a="1", b="2", c=None)
    pairs = rows(
        Pairs, [pair("a", "1", "0"), pair("a", "0", "1"), pair("b", "2", "2"), pair("c", "1", "2")]
    )
    assert label_accuracy(pairs, asked, {"mine": CHECK}) == 1 / 3


def test_where_truth_cannot_be_known_there_is_no_figure() -> None:
    asked = prompts(a="1", c=None)
    pairs = rows(Pairs, [pair("a", "1", "0")])
    assert label_accuracy(pairs.head(0), asked, {"mine": CHECK}) is None
    assert label_accuracy(pairs, asked, {"other": CHECK}) is None
    assert label_accuracy(rows(Pairs, [pair("c", "1", "0")]), asked, {"mine": CHECK}) is None
