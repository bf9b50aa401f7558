"""What a judge said is read only where it says one thing clearly."""

import json
import math
from pathlib import Path
from statistics import mode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotators.judge.parsing.verdicts import (
    UnparseableVerdict,
    aggregated,
    commonest,
    dissent,
    polled,
    read_choice,
    read_grade,
    read_ranking,
    weighed,
)

CASES = [
    json.loads(line) for line in Path(__file__).with_name("verdicts.jsonl").read_text().splitlines()
]
"""What judges write, and what a careful reader takes from it: None where he would hesitate."""


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['read']}: {case['text']}"[:60])
def test_a_verdict_is_what_the_judge_said_or_unread(case: dict[str, Any]) -> None:
    reads = {
        "grade": lambda text: read_grade(text, tuple(case["scale"])),
        "choice": read_choice,
        "ranking": lambda text: read_ranking(text, case["count"]),
    }[case["read"]]
    try:
        assert reads(case["text"]) == case["expected"]
    except UnparseableVerdict:
        assert case["expected"] is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no grade"),
        ("A fine answer, 5 stars, no doubt.", "no grade"),
        ("Between 3 and 4", "no grade"),
        ("Score: 3\nOn second thoughts, Score: 4", "different grades"),
        ("Score: 7", "not from 1 to 5"),
        ("0", "not from 1 to 5"),
        ("-3", "not from 1 to 5"),
        ("Score: 4/10", "another scale"),
        ("Score: high", "no grade"),
        ("Score: 3-4", "no grade"),
        ("Score: 3.5 to 4", "no grade"),
        ("3 or 4", "no grade"),
    ],
)
def test_grades_that_are_not_are_refused(text: str, why: str) -> None:
    with pytest.raises(UnparseableVerdict, match=why):
        read_grade(text, (1, 5))


def test_a_pattern_reads_what_it_names() -> None:
    assert read_grade("<g>3</g> of 9", (1, 5), r"<g>(.*?)</g>") == 3
    for text in ("3", "<g>three</g>", "<g>3</g><g>4</g>", "<g>9</g>"):
        with pytest.raises(UnparseableVerdict):
            read_grade(text, (1, 5), r"<g>(.*?)</g>")


def test_a_pattern_reads_answers_only() -> None:
    assert read_choice("<think><v>A</v></think><v>B</v>", "<v>(.)</v>") == 0
    assert read_ranking("<think>R: A B</think>R: B A", 2, "R: (.*)") == [1, 0]
    with pytest.raises(UnparseableVerdict):
        read_grade("<think><g>3</g>", (1, 5), "<g>(.*?)</g>")


grades = st.lists(st.integers(1, 5).map(float), min_size=1, max_size=9)


@given(grades)
def test_votes_stay_within_what_was_voted(votes: list[float]) -> None:
    for how in ("mean", "median", "majority"):
        assert min(votes) <= aggregated(votes, how) <= max(votes)
    if len(commonest(votes)) == 1:
        assert aggregated(votes, "majority") == mode(votes)
    assert dissent(votes) == sum(vote != mode(votes) for vote in votes)


def test_equally_common_votes_are_averaged() -> None:
    assert aggregated([1, 1, 5, 5, 3], "majority") == 3
    assert aggregated([1.0, 0.0], "majority") == 0.5


def test_votes_that_cannot_be_read_are_counted_and_do_not_count() -> None:
    verdict = polled(["4", "no idea", "2"], lambda text: read_grade(text, (1, 5)), "mean")
    assert (verdict.value, verdict.votes, verdict.unread, verdict.dissent) == (3, 3, 1, 1)
    assert verdict.raw == '["4","no idea","2"]'
    assert verdict.error is None


def test_where_no_vote_can_be_read_there_is_no_value() -> None:
    verdict = polled(["no idea"], lambda text: read_grade(text, (1, 5)), "mean")
    assert verdict.value is None
    assert verdict.raw == "no idea"
    assert verdict.error is not None
    assert "no grade" in verdict.error


def test_a_probability_weighs_every_answer() -> None:
    verdict = weighed({"A": 1.0, "B": 0.0, "C": 0.5}, [math.log(p) for p in (0.5, 0.3, 0.2)])
    assert verdict.value == pytest.approx(0.6)
    assert verdict.raw == '{"A":0.5,"B":0.3,"C":0.2}'
    assert verdict.named == 1.0


@pytest.mark.parametrize(
    ("shares", "named"), [((0.1, 0.3, 0.6), 0.5), ((0.4, 0.4, 0.2), 0.5), ((0.2, 0.5, 0.3), 0.0)]
)
def test_a_probability_names_the_likeliest_answer(shares, named) -> None:
    worth = {"A": 1.0, "B": 0.0, "C": 0.5}
    assert weighed(worth, [math.log(share) for share in shares]).named == named
