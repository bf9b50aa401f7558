"""What reads verdicts from a judge's words."""

from random import Random

from annotators.judge.parsing.verdicts import (
    UnparseableVerdict,
    read_choice,
    read_grade,
    read_ranking,
)
from annotators.judge.parsing.yes_no import read_yes
from annotators.truth.first_error_votes import read_vote
from tests.fuzz.texts import damaged, mixed

EXPECTED = (UnparseableVerdict,)

_PIECES = (
    *("A", "B", "C", "tie", "neither", "both", "4", "-1", "3.5", "8/10", "1e999", "9" * 5_000),
    *("Score", "Rating", "Grade", "Verdict", "Winner", "Final", "Better", "Ranking", "[RESULT]"),
    *("Response ", "Assistant ", "Answer ", "[[", "]]", "**", "```", "```json\n", "\\boxed{", "}"),
    *(":", " is ", " not ", " better than ", " or ", " and ", " = ", " > ", " < ", ">>", "→", ", "),
    *("<think>", "</think>", '{"score": ', '{"ranking": ["B", "A"]}', '"', "'", "\n", "1. ", "| "),
    *("[" * 3_000, '{"a":' * 3_000, "The first wrong step is step 2.", "none", "yes", "no", " "),
)


def generated(random: Random) -> tuple[str, str]:
    """The kind of verdict, and a text."""
    text = mixed(random, _PIECES)
    if random.random() < 0.3:
        text = damaged(random, text)
    return random.choice(("grade", "choice", "ranking", "step", "yes")), text


def run(one: tuple[str, str]) -> None:
    """Read the text; what is read is on the scale."""
    kind, text = one
    if kind == "grade":
        assert 1 <= read_grade(text, (1, 5)) <= 5
    elif kind == "choice":
        assert read_choice(text) in (0, 0.5, 1)
    elif kind == "ranking":
        assert sorted(read_ranking(text, 3)) == [0, 1, 2]
    elif kind == "step":
        assert -1 <= read_vote(text, 4) < 4
    else:
        assert read_yes(text) in (True, False)
