"""Refusals go, and nothing that merely mentions one."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters import Refusals

LABELLED = [
    json.loads(line)
    for line in (Path(__file__).parent / "refusals.jsonl").read_text(encoding="utf-8").splitlines()
]
"""Openings of responses, labelled by hand: the first 260 before there was a rule."""
REFUSES = [
    "I'm sorry, but I can't help with that.",
    "I’m sorry, but I can’t assist with that request.",
    "  \n I am very sorry, I cannot provide that information.",
    "As an AI language model, I don't have personal opinions.",
    "I can’t give you that.",
    "**I must respectfully decline.**",
    "I'M SORRY, BUT I CANNOT COMPLY.",
]
ANSWERS = [
    "He said: \"I'm sorry, but I can't help with that.\"",
    "The answer is 4. I'm sorry, but I can't help with more.",
    "I'm sorry for the confusion. The answer is 12; you cannot have more.",
    "As an AI language model I don't eat, but here is a recipe: boil two eggs.",
    "I cannot be determined, since R is unknown.",
]


def refused(texts, written):
    split = Refusals(of="r").run({"r": written(texts)})
    return {int(row[1:]) for row in split.dropped["row_id"]}


def test_refusals_are_told_from_answers_in_sentences_labelled_by_hand(written):
    texts = [each["text"] for each in LABELLED]
    # As models write them, and with the other kind of apostrophe.
    for read in (texts, [text.replace("'", "’") for text in texts]):
        found = refused(read, written)
        missed = [t for n, t in enumerate(texts) if LABELLED[n]["refuses"] and n not in found]
        wrong = [t for n, t in enumerate(texts) if not LABELLED[n]["refuses"] and n in found]
        assert wrong == []
        assert len(missed) <= 3, missed


def test_a_long_answer_is_read_at_its_beginning_only(written):
    answer = "Water boils at 100 degrees. " * 100 + "I can't help with that."
    assert refused([answer], written) == set()


@pytest.mark.parametrize("text", REFUSES)
def test_the_words_of_a_refusal_are_shown(text, written):
    split = Refusals(of="r").run({"r": written([text])})
    assert split.dropped["reason"].to_list() == ["refuses to answer"]
    words = json.loads(split.dropped["numbers"][0])["words"]
    assert text.replace("’", "'").strip(" *\n").startswith(words)


@given(texts=st.lists(st.sampled_from(REFUSES + ANSWERS), max_size=8), seed=st.integers(0, 9))
def test_each_row_is_judged_alone(texts, seed, written, shuffled, same_rows):
    tables = {"r": written(texts)}
    split = Refusals(of="r").run(tables)
    assert split.kept["text"].to_list() == [text for text in texts if text in ANSWERS]
    assert split.kept.height + split.dropped.height == len(texts)
    other = Refusals(of="r").run(shuffled(tables, seed))
    assert same_rows(split.kept, other.kept, "response_id")
    assert same_rows(split.dropped, other.dropped, "row_id")


def test_of_a_pair_the_chosen_side_is_judged_unless_a_recipe_says_otherwise(compared):
    tables = {"pairs": compared([("4", "I cannot answer."), ("I cannot answer.", "5")])}
    assert Refusals(of="pairs").run(tables).kept["pair_id"].to_list() == ["x0"]
    assert Refusals(of="pairs", side="rejected").run(tables).kept["pair_id"].to_list() == ["x1"]
    assert Refusals(of="pairs", side="either").run(tables).kept.is_empty()


def test_a_recipe_may_bring_its_own_patterns(written):
    german = Refusals(of="r", patterns=("es tut mir leid",))
    split = german.run({"r": written(["Es tut mir leid, nein.", "Ich sage: es tut mir leid"])})
    assert split.dropped["row_id"].to_list() == ["r0"]


@pytest.mark.parametrize(
    ("pattern", "message"), [("(", "not a regular expression"), ("x*", "every text")]
)
def test_patterns_that_cannot_work_are_refused(pattern, message):
    with pytest.raises(ValueError, match=message):
        Refusals(of="r", patterns=(pattern,))
