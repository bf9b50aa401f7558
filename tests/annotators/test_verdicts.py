"""What a judge said is read only where it says one thing clearly."""

import math
from statistics import mode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotators.verdicts import (
    Unread,
    aggregated,
    commonest,
    dissent,
    polled,
    read_choice,
    read_grade,
    read_ranking,
    weighed,
)


@pytest.mark.parametrize(
    ("text", "grade"),
    [
        ("4", 4),
        (" 4.\n", 4),
        ("**4**", 4),
        ("4/5", 4),
        ("[[3]]", 3),
        ("4.5", 4.5),
        ("Score: 2", 2),
        ("It has 3 steps, 7 of 9 are wrong.\nScore: 2", 2),
        ("**Score:** 5/5", 5),
        ("Rating: [[1]]", 1),
        ("The score is 3 out of 5.", 3),
        ("I give it a score of 3.", 3),
        ("Grade: 4\n\nScore: 4", 4),
    ],
)
def test_grades_that_are_clear(text: str, grade: float) -> None:
    assert read_grade(text, (1, 5)) == grade


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
    with pytest.raises(Unread, match=why):
        read_grade(text, (1, 5))


def test_a_pattern_reads_what_it_names() -> None:
    assert read_grade("<g>3</g> of 9", (1, 5), r"<g>(.*?)</g>") == 3
    for text in ("3", "<g>three</g>", "<g>3</g><g>4</g>", "<g>9</g>"):
        with pytest.raises(Unread):
            read_grade(text, (1, 5), r"<g>(.*?)</g>")


@pytest.mark.parametrize(
    ("text", "credit"),
    [
        ("A", 1),
        ("B.", 0),
        ("[[C]]", 0.5),
        ("tie", 0.5),
        ("Response B", 0),
        ("**Verdict: A**", 1),
        ("Both are long. A is shorter.\nVerdict: B", 0),
        ("Winner: Response A because it is right", 1),
        ("Better: tie", 0.5),
    ],
)
def test_choices_that_are_clear(text: str, credit: float) -> None:
    assert read_choice(text) == credit


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A careful answer wins",
        "Verdict: A careful answer would say more",
        "Verdict: A\nVerdict: B",
        "D",
        "a",
        "Both are good",
    ],
)
def test_choices_that_are_not_are_refused(text: str) -> None:
    with pytest.raises(Unread):
        read_choice(text)


@pytest.mark.parametrize("text", ["B A C", "B > A > C", "Ranking: B, A, C.", "so\n\nBAC\n"])
def test_rankings_that_are_clear(text: str) -> None:
    assert read_ranking(text, 3) == [1, 0, 2]


@pytest.mark.parametrize("text", ["", "B A", "B A A", "A B C D", "B is best, then A, then C", "1"])
def test_rankings_that_are_not_are_refused(text: str) -> None:
    with pytest.raises(Unread):
        read_ranking(text, 3)


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
