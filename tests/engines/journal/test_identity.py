"""One identity exactly where the same answer is right."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.choices import exact
from engines.journal import identity
from engines.journal.identity import Identity
from engines.protocol import Dropout, Sampling

SAMPLING = Sampling(temperature=0.7, top_p=0.9, top_k=40, max_tokens=64, stop=("\n",))


def key(
    text: str = "Hello", seed: int = 1, *, engine: str = "e", revision: str = "r", **changes: object
) -> bytes:
    sampling = replace(SAMPLING, **changes)
    known = Identity("generate", engine=engine, revision=revision, sampling=sampling)
    return known.generations(text, [seed])[0]


@pytest.mark.parametrize(
    "change",
    [
        {"text": "Hello!"},
        {"seed": 2},
        {"engine": "f"},
        {"revision": "s"},
        {"temperature": 0.8},
        {"top_p": 0.8},
        {"top_k": 0},
        {"max_tokens": 65},
        {"stop": ()},
    ],
)
def test_what_changes_the_answer_changes_the_key(change: dict[str, object]) -> None:
    assert key(**change) != key()


@pytest.mark.parametrize("change", [{"seed": 2}, {"top_p": 0.8}, {"top_k": 0}])
def test_what_greedy_decoding_ignores_is_not_in_its_key(change: dict[str, object]) -> None:
    assert key(temperature=0.0, **change) == key(temperature=0.0)
    assert key(temperature=0.0, max_tokens=65) != key(temperature=0.0)


def test_verbs_never_share_a_key() -> None:
    keys = {
        Identity("score", engine="e", revision="r").scores("Hello", ["a"], [True])[0],
        Identity("choose", engine="e", revision="r").choice("Hello", exact(["a"])),
        Identity("reward", engine="e", revision="r").reward("Hello", "a", None, None),
        key(),
    }
    assert len(keys) == 4


def test_options_are_a_set() -> None:
    known = Identity("choose", engine="e", revision="r")
    asked = known.choice("Hello", exact(["yes", "no"]))
    assert asked == known.choice("Hello", exact(["no", "yes"]))
    assert asked != known.choice("Hello", exact(["yes", "no", "maybe"]))
    assert asked != known.choice("Hello", [["yes", "Yes"], ["no"]])


def test_a_choice_of_an_earlier_version_is_found() -> None:
    known = Identity("choose", engine="e", revision="r")
    assert known.choice("Hello", exact(["yes", "no"])).hex() == "ec7b3fec4f54213c3f65ed8e3d81027c"


questions = st.tuples(st.text(max_size=6), st.text(max_size=6), st.booleans())


@given(questions, questions)
def test_two_scores_share_a_key_only_if_they_are_one_question(
    one: tuple[str, str, bool], other: tuple[str, str, bool]
) -> None:
    known = Identity("score", engine="e", revision="r")
    keys = [known.scores(text, [said], [end])[0] for text, said, end in (one, other)]
    assert (keys[0] == keys[1]) == (one == other)


def test_a_continuation_is_keyed_on_its_own() -> None:
    known = Identity("score", engine="e", revision="r")
    together = known.scores("Hello", ["a", "b", "c"], [True, False, True])
    assert together[1] == known.scores("Hello", ["b"], [False])[0]


answers = st.tuples(
    st.text(max_size=6),
    st.text(max_size=6),
    st.none() | st.lists(st.integers(0, 9), max_size=3),
    st.none() | st.builds(Dropout, st.sampled_from([0.1, 0.2]), st.integers(0, 3)),
)


@given(answers, answers)
def test_two_rewards_share_a_key_only_if_they_are_one_question(one: Any, other: Any) -> None:
    known = Identity("reward", engine="e", revision="r")
    assert (known.reward(*one) == known.reward(*other)) == (one == other)


def test_half_a_character_can_be_asked_about() -> None:
    assert key(text="\ud800") != key(text="\udc00")


def test_keys_of_this_version_stay_what_they_are() -> None:
    """A change here makes every journal unreadable: raise `identity.VERSION` with it."""
    assert identity.VERSION == 1
    assert key().hex() == "5ef18ee35108024ecc31f54b4a6d5787"
