"""Refusals go, and nothing that merely mentions one."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters import Refusals
from filters.refusals import REFUSALS

REFUSES = [
    "I'm sorry, but I can't help with that.",
    "I’m sorry, but I can’t assist with that request.",
    "  \n I am very sorry, I cannot provide that information.",
    "Sorry, I can't do that.",
    "As an AI language model, I don't have personal opinions.",
    "As a large language model I am not able to browse the web.",
    "I cannot answer this question.",
    "I can't in good conscience help you.",
    "I'm not able to assist with this.",
    "Unfortunately, I am unable to help.",
    "I must respectfully decline.",
    "I'M SORRY, BUT I CANNOT COMPLY.",
]
ANSWERS = [
    "He said: \"I'm sorry, but I can't help with that.\"",
    "\"I'm sorry, but I can't help\" is what the model said.",
    "The answer is 4. I'm sorry, but I can't help with more.",
    "I'm sorry for your loss. Here is what to do.",
    "I'm sorry for the confusion. The answer is 12; you cannot have more.",
    "Sorry about the mistake: 12 + 4 = 16.",
    "As an AI language model, I can tell you that 2 + 2 = 4.",
    "I cannot be less than 4, so x = 5.",
    "Gains 4: 12 + 4 = 16.\nAnswer: 16",
    "I can help with that. I cannot lift it, says the ant.",
]


@pytest.mark.parametrize("text", REFUSES)
def test_a_text_that_begins_with_a_refusal_goes(text, written):
    split = Refusals(of="r").run({"r": written([text])})
    assert split.dropped["reason"].to_list() == ["refuses to answer"]
    words = json.loads(split.dropped["numbers"][0])["words"]
    assert text.replace("’", "'").strip().startswith(words)


@pytest.mark.parametrize("text", ANSWERS)
def test_a_text_that_answers_stays_whatever_it_mentions(text, written):
    assert Refusals(of="r").run({"r": written([text])}).kept.height == 1


@settings(max_examples=30, deadline=None)
@given(texts=st.lists(st.sampled_from(REFUSES + ANSWERS), max_size=8), seed=st.integers(0, 9))
def test_each_row_is_judged_alone(texts, seed, written, shuffled, same_rows):
    tables = {"r": written(texts)}
    split = Refusals(of="r").run(tables)
    assert split.kept["text"].to_list() == [text for text in texts if text in ANSWERS]
    assert split.kept.height + split.dropped.height == len(texts)
    other = Refusals(of="r").run(shuffled(tables, seed))
    assert same_rows(split.kept, other.kept, "response_id")
    assert same_rows(split.dropped, other.dropped, "row_id")


PIECES = [
    "I'm sorry",
    "I’m",
    "sorry",
    ",",
    "but",
    "I can't",
    "I",
    "cannot",
    "help",
    "answer",
    ".\n",
]
PIECES += [
    "As an AI",
    "unable to",
    "you",
    "with that",
    "must",
    "decline",
    "Unfortunately",
    "apples",
]


def slowly(text):
    """The words with which it refuses: each pattern tried at its beginning, by another library."""
    plain = text.replace("’", "'")
    found = (re.match(rf"\s*((?i:{pattern}))", plain) for pattern in REFUSALS)
    return next((match[1] for match in found if match), None)


@settings(max_examples=150, deadline=None)
@given(texts=st.lists(st.lists(st.sampled_from(PIECES), max_size=7).map(" ".join), max_size=9))
def test_equals_the_slow_version(texts, written):
    split = Refusals(of="r").run({"r": written([text or "x" for text in texts])})
    words = {f"r{row}": slowly(text) for row, text in enumerate(texts)}
    told = {
        row: json.loads(numbers)["words"]
        for row, numbers in split.dropped.select("row_id", "numbers").rows()
    }
    assert told == {row: said for row, said in words.items() if said is not None}


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
    ("pattern", "message"), [("(", "no regular expression"), ("x*", "every text")]
)
def test_patterns_that_cannot_work_are_refused(pattern, message):
    with pytest.raises(ValueError, match=message):
        Refusals(of="r", patterns=(pattern,))
