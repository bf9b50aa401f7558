"""What the spellings of options amount to."""

import math
from collections.abc import Sequence
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.choices import choice, exact, option_logprobs, spellings, tokenised
from engines.protocol import RowError

LETTERS = (0, 1, 2)
LONGEST = 3
TEXTS = [text for length in range(1, LONGEST + 1) for text in product(LETTERS, repeat=length)]

shares = st.lists(st.floats(0.01, 1), min_size=3**LONGEST, max_size=3**LONGEST)
split = st.lists(st.sampled_from(TEXTS), min_size=2, max_size=8, unique=True)


@given(shares, split, st.integers(1, 7))
def test_each_text_counts_for_the_longest_spelling_that_it_begins_with(
    weights: list[float], texts: list[tuple[int, ...]], cut: int
) -> None:
    spelled = [part for part in (texts[:cut], texts[cut:]) if part]
    whole = dict(zip(product(LETTERS, repeat=LONGEST), weights, strict=True))
    total = math.fsum(weights)
    logprobs = {
        text: math.log(_beginning(whole, text) / total) for part in spelled for text in part
    }
    expected = [0.0] * len(spelled)
    for text, weight in whole.items():
        fitting = [
            (len(own), at)
            for at, part in enumerate(spelled)
            for own in part
            if text[: len(own)] == own
        ]
        if fitting:
            expected[max(fitting)[1]] += weight / total
    found = [math.exp(value) for value in option_logprobs(spelled, logprobs)]
    assert found == pytest.approx(expected, abs=1e-9)


def _beginning(whole: dict[tuple[int, ...], float], start: Sequence[int]) -> float:
    return math.fsum(share for text, share in whole.items() if text[: len(start)] == start)


def test_a_choice_is_normalised_and_keeps_its_mass() -> None:
    chosen = choice([math.log(0.1), math.log(0.3)])
    assert [*map(math.exp, chosen.logprobs)] == pytest.approx([0.25, 0.75])
    assert chosen.mass == pytest.approx(0.4)


def test_a_word_is_spelled_in_several_ways_and_a_letter_keeps_its_case() -> None:
    yes, no = spellings(("yes", "no"))
    assert yes[0] == "yes"
    assert {" Yes", "YES", "\nyes", "**Yes"} <= set(yes)
    assert " No" in no
    a, _ = spellings(("A", "B"))
    assert " A" in a
    assert "a" not in a


def test_a_spelling_of_several_options_counts_for_none() -> None:
    lower, capital = spellings(("yes", "Yes"))
    assert "yes" in lower
    assert "Yes" in capital
    assert not set(lower) & set(capital)


def test_spellings_that_a_tokenizer_does_not_tell_apart_count_for_none() -> None:
    known = {"yes": (1,), "no": (2,)}
    options = spellings(("yes", "no"))
    assert tokenised(options, lambda text: known.get(text, (0,))) == [[(1,)], [(2,)]]


@pytest.mark.parametrize("options", [["yes", "yes"], ["yes", ""], ["yes", "yep"]])
def test_options_of_the_same_tokens_are_refused(options: list[str]) -> None:
    with pytest.raises(RowError, match="must differ"):
        tokenised(exact(options), lambda text: tuple(map(ord, text[:2])))


def test_an_option_without_a_probability_is_refused() -> None:
    with pytest.raises(RowError, match="an option no"):
        option_logprobs([[(1,)], [(2,)]], {(1,): 0.0, (2,): -math.inf})
