"""How often labels are true."""

from typing import Any

import polars as pl
import pytest

from assets.project.label_truth import LabelCounts, label_counts, pair_labels, right_responses
from schemas import Pairs, Prompts, rows


def says_it(messages: Any, reference: str | None, text: str) -> bool:
    """Right is what repeats the reference."""
    if reference is None:
        raise ValueError("no reference")
    return text == reference


CHECK = f"{__name__}.says_it"


def last_says_it(messages: Any, reference: str | None, steps: list[str]) -> list[bool | None]:
    """A step is right that has the reference in it; of a question there is nothing to tell."""
    return [None if "?" in step else str(reference) in step for step in steps]


def only_wholes(messages: Any, reference: str | None, text: str) -> bool:
    """A check that knows nothing of steps."""
    return text == reference


says_it.steps = last_says_it  # type: ignore[attr-defined]


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


def test_labels_are_right_or_wrong_only_where_one_answer_is_right() -> None:
    asked = prompts(a="1", b="2", c=None)
    pairs = rows(
        Pairs,
        [
            *(pair("a", "1", "0"), pair("b", "2", "1"), pair("a", "0", "1"), pair("b", "2", "2")),
            *(pair("a", "2", "3"), pair("a", "3", "2"), pair("c", "1", "2")),
        ],
    )
    counts = label_counts(pairs, asked, {"mine": CHECK})
    assert counts == LabelCounts(right=2, wrong=1, both_right=1, both_wrong=2)
    assert counts.accuracy == 2 / 3
    told = "66.7% of 3 pairs with one right answer (1 both right, 2 both wrong)"
    assert str(counts) == told


def test_labels_in_words() -> None:
    assert str(LabelCounts(right=3, wrong=1)) == "75.0%"
    assert str(LabelCounts(both_right=8)) == "no pair has just one right answer (8 both right)"
    assert LabelCounts(both_right=8).accuracy is None


@pytest.mark.parametrize(
    ("chosen", "rejected", "ends", "label"),
    [
        ("so\n1 it is\n", "so\n2 it is\n", (False, False), True),
        ("so\n2 it is\n", "so\n1 it is\n", (False, False), False),
        ("so\n3 it is\n", "so\n2 it is\n", (False, False), None),
        ("so\n1\nwhat?\n", "so\n2 it is\n", (False, False), None),
        ("1", "so\n2 it is\n", (True, False), True),
        # As a whole answer it is wrong.
        ("so\n1 it is\n", "so\n2 it is\n", (True, True), None),
    ],
)
def test_of_a_side_that_does_not_end_the_last_step_is_right_or_wrong(
    chosen: str, rejected: str, ends: tuple[bool, bool], label: bool | None
) -> None:
    told = pair("a", chosen, rejected) | {
        "ends": dict(zip(("chosen", "rejected"), ends, strict=True)),
        "shared_prefix": 0,
    }
    assert pair_labels(rows(Pairs, [told]), prompts(a="1"), {"mine": CHECK}) == [label]


def test_a_pair_with_a_side_that_was_cut_off_has_no_known_label() -> None:
    told = pair("a", "1", "so\n2 it is\n") | {"ends": {"chosen": True, "rejected": False}}
    assert pair_labels(rows(Pairs, [told]), prompts(a="1"), {"mine": CHECK}) == [None]


def test_a_check_that_knows_no_steps_says_nothing_of_them() -> None:
    told = pair("a", "1\n", "0\n") | {
        "ends": {"chosen": False, "rejected": False},
        "shared_prefix": 0,
    }
    check = "tests.assets.project.test_label_truth.only_wholes"
    assert label_counts(rows(Pairs, [told]), prompts(a="1"), {"mine": check}) == LabelCounts()


def test_where_truth_cannot_be_known_there_is_no_figure() -> None:
    asked = prompts(a="1", c=None)
    pairs = rows(Pairs, [pair("a", "1", "0")])
    unknown = LabelCounts()
    assert unknown.accuracy is None
    assert label_counts(pairs.head(0), asked, {"mine": CHECK}) == unknown
    assert label_counts(pairs, asked, {"other": CHECK}) == unknown
    assert label_counts(rows(Pairs, [pair("c", "1", "0")]), asked, {"mine": CHECK}) == unknown


def test_nobody_knows_whether_what_was_cut_off_would_be_right() -> None:
    responses = pl.DataFrame(
        {"prompt_id": ["a", "a"], "text": ["yes", "yes"], "finish": ["stop", "length"]}
    )
    assert right_responses(responses, prompts(a="yes"), {"mine": CHECK}) == [True, None]
