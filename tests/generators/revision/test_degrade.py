"""Degrade: versions of a response with ever more of its content gone."""

import itertools
import json
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from generators import Degrade
from generators.revision.degrade import without

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


def test_removing_leaves_no_double_spaces_or_empty_lines() -> None:
    assert without("a bb c\nbb\nd", [(2, 4), (7, 9)]) == "a c\nd"
    assert without("abc", []) == "abc"


def test_levels_must_rise() -> None:
    with pytest.raises(ValidationError, match="levels must be in ascending order"):
        Degrade(levels=(0.5, 0.25))
    with pytest.raises(ValidationError):
        Degrade(levels=(0.0, 0.5))
