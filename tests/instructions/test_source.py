"""Instructions as a source: the same everywhere, without end, and held out in every part."""

from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

import instructions
from instructions.wording import CONSTRAINTS, REQUESTS, TOPICS

numbers = st.integers(0, 2**48)


@given(numbers, st.integers(0, 1000))
def test_prompts_from_a_number_on_are_those_of_the_whole_sequence(seed: int, start: int) -> None:
    source = instructions.Instructions(seed=seed)
    (one,) = islice(source.prompts(start), 1)
    assert one["messages"][0]["content"] == instructions.instruction(seed, start).text


def test_the_held_out_split_shares_no_topic_and_no_wording() -> None:
    for parts in (TOPICS, REQUESTS, *CONSTRAINTS.values()):
        assert not set(parts["train"]) & set(parts["held_out"])
        assert all(len(texts) == len(set(texts)) for texts in parts.values())


@given(numbers)
def test_the_text_names_what_the_check_demands(seed: int) -> None:
    asked = instructions.instruction(seed, 0)
    assert asked.topic in asked.text
    for constraint in asked.constraints:
        for value in constraint.model_dump(exclude={"kind", "count", "lines"}).values():
            for part in value if isinstance(value, tuple) else (value,):
                assert str(part) in asked.text


def test_texts_rarely_repeat() -> None:
    texts = [
        each["messages"][0]["content"]
        for each in islice(instructions.Instructions().prompts(), 1000)
    ]
    assert len(set(texts)) > 990
