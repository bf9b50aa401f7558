from itertools import islice

import pytest

import pocket
from pocket.problems import Split
from pocket.twins import twins


@pytest.mark.parametrize("split", ["train", "held_out"])
def test_twins_differ_in_one_event_and_in_their_answer(split: Split) -> None:
    for index in range(40):
        one, other = twins(0, index, split=split)
        assert pocket.answer(one) != pocket.answer(other)
        apart = [a != b for a, b in zip(one.events, other.events, strict=True)]
        assert sum(apart) == 1
        for each in (one, other):
            assert pocket.read(pocket.render(each)) == each
            assert pocket.split_of(pocket.render(each)) == split


def test_prompts_come_two_by_two_from_any_place() -> None:
    source = pocket.Twins(seed=3)
    first = list(islice(source.prompts(), 6))
    assert list(islice(source.prompts(3), 3)) == first[3:]
    texts = [pocket.read(prompt["messages"][0]["content"]) for prompt in first]
    assert (texts[2], texts[3]) == twins(3, 1)
