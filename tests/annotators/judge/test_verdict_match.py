"""Whether a judgement's verdict is the right one."""

from itertools import permutations
from typing import Any

import polars as pl
import pytest
from scipy.stats import kendalltau

from annotators import VerdictMatch
from annotators.judge.verdict_match import agrees
from engines.checks import load_check
from schemas import Responses, rows

ORIGIN = {"operator": "test", "model": None, "parameters": "{}", "seed": None, "parents": []}
SAID = ["A", "B", "The first adds wrongly. Verdict: B", "C", "I cannot say."]


def judged(
    stand: Any, reference: str | None, finish: str = "stop", said: Any = SAID, **options: Any
) -> Any:
    prompts = stand.prompts("Which is better?").with_columns(
        reference=pl.lit(reference, dtype=pl.String)
    )
    responses = [
        {
            "response_id": str(number),
            "prompt_id": prompts["prompt_id"][0],
            "text": text,
            "finish": finish,
            "tokens": 1,
            "origin": ORIGIN,
        }
        for number, text in enumerate(said)
    ]
    tables = {"items": prompts, "judgements": rows(Responses, responses)}
    match = VerdictMatch(of="judgements", prompts="items", **options)
    return match.run(tables, stand.context())


@pytest.mark.parametrize(
    ("reference", "values"),
    [
        ("A", [1.0, 0.0, 0.0, 0.0, None]),
        ("B", [0.0, 1.0, 1.0, 0.0, None]),
        ("C", [0.0, 0.0, 0.0, 1.0, None]),
    ],
)
def test_a_verdict_hits_or_misses(reference: str, values: list[float | None], stand: Any) -> None:
    split = judged(stand, reference)
    assert split.kept["value"].to_list() == values
    assert split.kept["raw"].to_list() == SAID
    assert split.report.findings == {
        "agreement": sum(value or 0 for value in values) / 4,
        "first_position_wins": 1 / 3,
        "unread": 1,
    }
    right = [agrees((), reference, said) for said in SAID]
    assert right == [value == 1.0 for value in values]


def test_a_judgement_that_was_cut_off_is_no_miss(stand: Any) -> None:
    assert judged(stand, "A", finish="length").kept["value"].to_list() == [None] * 5
    assert judged(stand, "A", finish="length", cut="read").kept["value"][0] == 1.0


def test_a_judge_that_is_rewarded_gains_nothing_by_saying_nothing(stand: Any) -> None:
    split = judged(stand, "A", unread=-1.0)
    assert split.kept["value"].to_list() == [1.0, 0.0, 0.0, 0.0, -1.0]
    assert split.kept["error"].to_list() == [None] * 5
    assert split.report.findings["unread"] == 1
    assert judged(stand, "A", finish="length", unread=0.0).kept["value"].to_list() == [0.0] * 5
    assert judged(stand, "4", unread=0.0).kept["value"].to_list() == [None] * 5


@pytest.mark.parametrize("reference", ["A > B > C > D", "B = D > A > C", "C > A = B = D"])
def test_a_ranking_is_worth_its_rightly_ordered_pairs(reference: str, stand: Any) -> None:
    said = [" ".join(order) for order in permutations("ABCD")]
    split = judged(stand, reference, said=said)
    levels = [set(level) - set(" =") for level in reference.split(">")]
    place = {letter: at for at, level in enumerate(levels) for letter in level}
    for text, value in zip(said, split.kept["value"], strict=True):
        pairs = [(a, b) for a in "ABCD" for b in "ABCD" if place[a] < place[b]]
        assert value == sum(text.index(a) < text.index(b) for a, b in pairs) / len(pairs)
        if "=" not in reference:
            tau = kendalltau([text.index(x) for x in "ABCD"], [place[x] for x in "ABCD"]).statistic
            assert value == pytest.approx((tau + 1) / 2)
    # Of all orders, half of the pairs are right, and half have the one shown first before.
    assert split.report.findings == {"agreement": 0.5, "first_position_wins": 0.5, "unread": 0}


@pytest.mark.parametrize("reference", ["A = B", "A > C", "A > A"])
def test_a_reference_that_ranks_nothing(reference: str, stand: Any) -> None:
    split = judged(stand, reference, said=["A B"])
    assert split.kept["error"].to_list() == [f"the reference '{reference}' ranks nothing"]


def test_a_ranking_that_leaves_one_out_is_unread(stand: Any) -> None:
    assert judged(stand, "A > B > C", said=["A B"]).report.findings["unread"] == 1


def test_a_reference_that_is_no_verdict(stand: Any) -> None:
    split = judged(stand, "4")
    assert split.kept["value"].to_list() == [None] * 5
    assert "'4' is not a verdict" in split.kept["error"][0]
    with pytest.raises(ValueError, match="not a verdict"):
        agrees((), None, "A")


def test_it_is_a_check() -> None:
    assert load_check("annotators.judge.verdict_match.agrees") is agrees
