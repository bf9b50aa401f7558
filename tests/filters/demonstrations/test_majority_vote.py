"""The answer with most votes; nobody votes who gives none."""

import math
from collections import Counter, defaultdict

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters import MajorityVote
from filters.demonstrations.majority_vote import stated
from schemas import content_id

texts = st.sampled_from(
    ["Answer: 4", "so\nanswer: 5.", "#### 4", "no idea", "Answer:", "\\boxed{5}"]
)
GIVEN = {
    "Answer: 4": "4",
    "so\nanswer: 5.": "5",
    "#### 4": "4",
    "no idea": None,
    "Answer:": None,
    "\\boxed{5}": "5",
}
values = st.sampled_from([0.0, 0.1, 0.2, 0.3, 1.0, None])
worlds = st.dictionaries(
    st.sampled_from("abc"),
    st.lists(st.tuples(texts, st.lists(values, min_size=1, max_size=1)), min_size=1, max_size=6),
    max_size=3,
)


def slowly(answers, weighted):
    """The response that is kept of each prompt, by the rule as it is written."""
    kept = {}
    for prompt, responses in answers.items():
        votes = defaultdict(list)
        for place, (text, (value,)) in enumerate(responses):
            if GIVEN[text] is not None and not (weighted and value is None):
                name = f"{prompt}-{place}"
                votes[GIVEN[text]].append((value if weighted else 1.0, name))
        if votes:
            sums = {winner: math.fsum(value for value, _ in of) for winner, of in votes.items()}
            winner = min(sums, key=lambda each: (-round(sums[each], 9), content_id(prompt, each)))
            kept[prompt] = min(votes[winner], key=lambda one: (-one[0], content_id(0, one[1])))[1]
    return kept


@given(answers=worlds, weighted=st.booleans())
def test_equals_the_slow_version(answers, weighted, world):
    made = world(answers)
    split = MajorityVote(of="responses", by="scores" if weighted else None).run(made)
    kept = dict(split.kept.select("prompt_id", "response_id").rows())
    assert kept == slowly(answers, weighted)
    assert set(split.dropped["row_id"]) == set(answers) - set(kept)


@given(answers=worlds, seed=st.integers(0, 9))
def test_order_of_rows_changes_nothing(answers, seed, world, shuffled, same_rows):
    made = world(answers)
    vote = MajorityVote(of="responses", by="scores")
    one, other = vote.run(made), vote.run(shuffled(made, seed))
    assert same_rows(one.kept, other.kept, "response_id")
    assert same_rows(one.dropped, other.dropped, "row_id")


def test_without_scores_the_most_said_wins_and_its_row_is_untouched(world):
    made = world({"p": [("Answer: 4", [0.9]), ("Answer: 5", [0.1]), ("it is #### 5", [0.2])]})
    split = MajorityVote(of="responses").run(made)
    assert Counter(split.kept["text"]) <= Counter(made["responses"]["text"])
    assert "5" in split.kept["text"].item()
    weighted = MajorityVote(of="responses", by="scores").run(made)
    assert weighted.kept["text"].item() == "Answer: 4"


@pytest.mark.parametrize("text", GIVEN)
def test_the_answer_is_what_is_stated_last(text):
    frame = pl.DataFrame({"text": [text, f"Answer: 9\n{text}"]})
    last = GIVEN[text] or ("9" if text == "no idea" else None)
    assert frame.select(stated("text")).to_series().to_list() == [GIVEN[text], last or "9"]


def test_a_pattern_without_its_one_group_is_refused():
    with pytest.raises(ValueError, match="one group"):
        MajorityVote(of="responses", answer="Answer: .*")


def test_a_response_that_was_cut_off_does_not_vote(world):
    made = world({"a": [("Answer: 4", [1.0]), ("Answer: 5", [1.0]), ("Answer: 5", [1.0])]})
    cut = pl.Series(["stop", "length", "length"], dtype=made["responses"]["finish"].dtype)
    made["responses"] = made["responses"].with_columns(finish=cut)
    assert MajorityVote(of="responses").run(made).kept["text"].to_list() == ["Answer: 4"]
    read = MajorityVote(of="responses", cut="read").run(made)
    assert read.kept["text"].to_list() == ["Answer: 5"]
