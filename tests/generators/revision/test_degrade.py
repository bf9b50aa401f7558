"""Degrade: versions of a response with ever more of its content gone."""

import itertools
import json
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.stats import binomtest

from generators import Degrade
from generators.revision.removal import (
    key_lines,
    key_words,
    removable,
    without_lines,
    without_words,
)
from tests.generators.revision.markdown_answers import ANSWERS, FEATURES, layout

TEXT = "Mia starts with 12 apples.\nGains 4: 12 + 4 = 16.\nAnswer: 16"


def versions(operator: Degrade, text: str, answered: Any, stand: Any) -> dict[float, str]:
    split = operator.run(answered({"p": [text]}), stand.context())
    origins = split.kept["origin"].to_list()
    assert all(origin["parents"] == ["p-0"] for origin in origins)
    found = [json.loads(origin["parameters"])["level"] for origin in origins]
    assert found == sorted(found)
    return dict(zip(found, split.kept["text"], strict=True))


def test_more_goes_at_each_level(answered: Any, stand: Any) -> None:
    found = versions(Degrade(levels=(0.25, 0.5, 0.75)), TEXT, answered, stand)
    assert list(found) == [0.25, 0.5, 0.75]
    keys = re.compile(r"\d+|[A-Za-z]{4,}")
    # starts, with, apples, Gains, Answer and six numbers
    assert [len(keys.findall(text)) for text in found.values()] == [8, 5, 2]
    assert stand.asked == []


def test_steps_go_as_whole_lines(answered: Any, stand: Any) -> None:
    found = versions(Degrade(keys="steps", levels=(0.3, 0.6)), TEXT, answered, stand)
    lines = [set(text.split("\n")) for text in found.values()]
    assert [len(kept) for kept in lines] == [2, 1]
    assert lines[1] < lines[0] < set(TEXT.split("\n"))


def test_levels_that_remove_the_same_are_one(answered: Any, stand: Any) -> None:
    found = versions(Degrade(keys="steps", levels=(0.1, 0.2, 0.9, 1.0)), "a\nb\n", answered, stand)
    assert list(found) == [0.1]


def test_a_response_with_nothing_to_lose_is_dropped(answered: Any, stand: Any) -> None:
    split = Degrade().run(answered({"p": ["16", "to 1 or 2"]}), stand.context())
    assert split.kept.height == 1
    assert split.dropped.select("row_id", "reason", "numbers").rows() == [
        ("p-0", "too little key content", '{"least":2,"pieces":1}')
    ]


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    words=st.lists(st.sampled_from(["12", "apples", "3.5", "of", "\n", "=", "größer"]), min_size=2)
)
def test_what_is_gone_at_a_level_is_gone_at_all_higher_ones(
    words: list[str], answered: Any, stand: Any
) -> None:
    numbered = " ".join(
        f"{word}{n + 1000}" if word.isalpha() else word for n, word in enumerate(words)
    )
    found = versions(Degrade(levels=(0.2, 0.4, 0.6, 0.8)), numbered, answered, stand)
    left = [set(re.findall(r"\d{4,}|[^\W\d_]{4,}", text)) for text in found.values()]
    assert all(more <= less for less, more in itertools.pairwise(left))
    assert all(text.strip() for text in found.values())


@pytest.mark.parametrize(
    ("text", "removed", "left"),
    [
        ("a apples c", ["apples"], "a c"),
        ("He has apples.", ["apples"], "He has."),
        ("    apples are so", ["apples"], "    are so"),
        ("- apples and more", ["apples", "more"], "- and"),
        ("- [ ] apples, or", ["apples"], "- [ ] or"),
        ("1. apples  \n", ["apples"], "1. apples  \n"),
        ("12 apples3, b", ["apples"], "12 3, b"),
        ("- Apples: 12", ["Apples"], "- 12"),
        ("It is (apples and) more", ["apples"], "It is (and) more"),
        ("It is **apples**, `code` or (apples).", ["apples", "code"], "It is, or."),
        ("So. Apples, they go.\n\n  Two", ["Apples"], "So. they go.\n\n  Two"),
        ("| apples | 12 of |", ["apples", "12"], "| apples | of |"),
        ("```python\nx = python\n```", ["python"], "```python\nx =\n```"),
        ("well-known is so, \\alpha too", ["well-known", "alpha"], "is so, \\alpha too"),
    ],
)
def test_a_removed_word_leaves_no_gap(text: str, removed: list[str], left: str) -> None:
    found, others = key_words(text)
    pieces = [piece for piece in found if text[piece.start : piece.end] in removed]
    kept = others + Counter(piece.within for piece in found if piece not in pieces)
    assert without_words(text, removable(pieces, kept)) == left


@pytest.mark.parametrize(
    ("text", "removed", "left"),
    [
        ("a\n\nb\n\nc\n", ["b"], "a\n\nc\n"),
        ("a\nb\n\nc", ["b"], "a\n\nc"),
        ("a\n\nb\n", ["b"], "a\n"),
        ("a\n\n  b", ["a"], "b"),
        ("```\nx\ny\n```", ["x", "y"], "```\ny\n```"),
        ("|a|\n|-|\n|b|\n|c|", ["a", "b", "c"], "|a|\n|-|\n|c|"),
        ("so\n$$\nx\n$$\nb", ["x"], "so\nb"),
    ],
)
def test_a_removed_line_leaves_no_gap(text: str, removed: list[str], left: str) -> None:
    found, others = key_lines(text)
    pieces = [
        piece
        for piece in found
        if any(one in text[piece.start : piece.end].strip("|\n $") for one in removed)
    ]
    assert without_lines(text, removable(pieces, others)) == left


@given(st.text('ab12 \n|`*-#>.()"\t~$', max_size=60))
def test_what_is_removed_is_all_that_changes(text: str) -> None:
    assert without_words(text, []) == text
    assert without_lines(text, []) == text or "\n" in text
    pieces = removable(*key_words(text))
    left = without_words(text, pieces)
    assert left.count("\n") == text.count("\n")
    kept = [piece for piece in key_words(text)[0] if piece not in pieces]
    assert len(key_words(left)[0]) >= len(kept)


def versions_of_answers(keys: Literal["words", "steps"], answered: Any, stand: Any) -> list[Any]:
    """(an answer as chat models write it, a degraded version of it) of many of them."""
    tables = answered({f"p{n}": [answer] for n, answer in enumerate(ANSWERS)})
    levels = tuple(level / 10 for level in range(1, 10))
    kept = [
        Degrade(keys=keys, levels=levels, seed=seed).run(tables, stand.context()).kept
        for seed in range(3)
    ]
    written = dict(tables["responses"].select("response_id", "text").iter_rows())
    return [
        (written[origin["parents"][0]], text)
        for frame in kept
        for text, origin in frame.select("text", "origin").iter_rows()
    ]


def telling(pairs: list[Any], features: Iterable[str]) -> dict[str, float]:
    """The features whose count tells the sides of pairs apart beyond chance, with the p value of a
    sign test."""
    found = {}
    for name in features:
        counts = [(layout(whole)[name], layout(version)[name]) for whole, version in pairs]
        differ = [one > other for one, other in counts if one != other]
        if differ:
            p = binomtest(sum(differ), len(differ)).pvalue
            if p < 0.05:
                found[name] = p
    return found


def test_layout_does_not_tell_a_version_from_its_original(answered: Any, stand: Any) -> None:
    pairs = versions_of_answers("words", answered, stand)
    assert len(pairs) > 150
    assert telling(pairs, FEATURES) == {}
    # The test can fail: without words that are only cut out, it does.
    cut_out = [
        (whole, re.sub(r"\w{4,}", lambda word: word[0] * (hash(word[0]) % 2), whole))
        for whole, _ in pairs
    ]
    assert {"double spaces in a line", "spaces before punctuation"} <= telling(
        cut_out, FEATURES
    ).keys()
    # So does a version whose lines are stripped.
    stripped = [
        (whole, "\n".join(line.strip() for line in whole.split("\n") if line.strip()))
        for whole, _ in pairs
    ]
    assert {"blank lines", "indentation"} <= telling(stripped, FEATURES).keys()


def test_nor_does_it_where_lines_are_removed(answered: Any, stand: Any) -> None:
    """Fewer lines are content. What must not change is how the lines that remain are laid out."""
    pairs = versions_of_answers("steps", answered, stand)
    assert telling(pairs, ["gaps of two blank lines", "fences", "space at the beginning"]) == {}
    assert all(whole.endswith("\n") == version.endswith("\n") for whole, version in pairs)


def test_levels_must_rise() -> None:
    with pytest.raises(ValidationError, match="levels must be in ascending order"):
        Degrade(levels=(0.5, 0.25))
    with pytest.raises(ValidationError):
        Degrade(levels=(0.0, 0.5))
