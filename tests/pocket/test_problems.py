import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pocket

seeds = st.integers(0, 2**48)


def counted_by_hand(text: str) -> int:
    """The answer, from the words alone: slower and plainer than the world's own reasoning."""
    *sentences, question = re.split(r"(?<=[.?]) ", text)
    owner = re.search(r"does (\w+) have", question)[1]
    total = 0
    for sentence in sentences:
        names = [name for name in pocket.world.NAMES if name in sentence.split()]
        if names and names != [owner]:
            continue
        numbers = [int(number) for number in re.findall(r"\d+", sentence)]
        amount = numbers[0] * numbers[-1] if len(numbers) == 2 else sum(numbers)
        if re.search(r"double|twice", sentence):
            total *= 2
        elif "half" in sentence:
            total //= 2
        elif re.search(r"gives away|loses|sells", sentence):
            total -= amount
        else:
            total += amount
    return total


@given(seeds)
def test_a_text_reads_back_as_its_problem(seed: int) -> None:
    asked = pocket.problem(seed, 0)
    assert pocket.read(pocket.render(asked)) == asked


@given(seeds, st.integers(0, 10**6))
def test_the_answer_is_what_the_words_say(seed: int, index: int) -> None:
    asked = pocket.problem(seed, index)
    assert pocket.answer(asked) == counted_by_hand(pocket.render(asked))


@given(seeds, st.integers(1, 8), st.integers(0, 3))
def test_a_problem_has_as_many_operations_as_asked_for(seed: int, fewest: int, more: int) -> None:
    most = min(8, fewest + more)
    asked = pocket.problem(seed, 0, operations=(fewest, most))
    assert fewest <= pocket.difficulty(asked) <= most


@given(seeds)
def test_every_misconception_a_problem_brings_out_makes_its_answer_wrong(seed: int) -> None:
    asked = pocket.problem(seed, 0)
    truth = pocket.answer(asked)
    for habit in pocket.MISCONCEPTIONS:
        wrong = pocket.answer(asked, frozenset({habit})) != truth
        assert wrong == (habit in pocket.brought_out(asked))


def test_a_seed_and_index_always_give_the_same_problem() -> None:
    # A change here changes what every seed means: raise `pocket.VERSION`.
    assert pocket.render(pocket.problem(0, 1)) == pocket.render(pocket.problem(0, 1))
    assert pocket.render(pocket.problem(0, 1)) != pocket.render(pocket.problem(1, 1))


def test_texts_hardly_ever_repeat() -> None:
    texts = {pocket.render(pocket.problem(0, index)) for index in range(5000)}
    assert len(texts) > 4990


def test_train_and_held_out_never_share_a_text() -> None:
    for split in ("train", "held_out"):
        texts = (pocket.render(pocket.problem(7, index, split=split)) for index in range(1000))
        assert {pocket.split_of(text) for text in texts} == {split}


def test_every_misconception_is_brought_out_by_many_problems() -> None:
    problems = [pocket.problem(3, index) for index in range(1000)]
    for habit in pocket.MISCONCEPTIONS:
        share = sum(habit in pocket.brought_out(asked) for asked in problems) / 1000
        assert 0.3 < share < 0.7


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Hello.",
        "How many apples does Mia have?",
        "Mia has 3 apples.",
        "Mia buys 3 more. How many apples does Mia have?",
        "Mia has 3 apples. Mia has 3 apples. How many apples does Mia have?",
        "Mia has 3 apples. How many pears does Mia have?",
        "Tom has 3 apples. How many apples does Mia have?",
        "Mia has 03 apples. How many apples does Mia have?",
        "Mia has 2 bags of 3 nuts. Mia buys 2 jars of 3 nuts. How many nuts does Mia have?",
        "Mia has 3 apples. Mia eats 2 apples. How many apples does Mia have?",
    ],
)
def test_what_is_no_problem_of_the_world_reads_as_none(text: str) -> None:
    assert pocket.read(text) is None


def test_what_is_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match="index"):
        pocket.problem(0, -1)
    for operations in [(0, 2), (3, 2), (2, 9)]:
        with pytest.raises(ValueError, match="operations"):
            pocket.problem(0, 0, operations=operations)


def test_prompts_start_at_any_index() -> None:
    source = pocket.Problems(seed=5, split="held_out")
    from_start = source.prompts()
    ten = [next(from_start) for _ in range(10)]
    assert next(source.prompts(start=7)) == ten[7]
    assert all(one != other for one, other in pairwise(ten))


def test_a_prompt_carries_its_answer_and_where_it_comes_from() -> None:
    source = pocket.Problems(seed=5, operations=(3, 3))
    prompt = next(source.prompts())
    (turn,) = prompt["messages"]
    asked = pocket.read(turn["content"])
    assert asked is not None
    assert turn["role"] == "user"
    assert prompt["reference"] == str(pocket.answer(asked))
    assert prompt["source"] == "pocket"
    assert prompt["source_revision"] == pocket.VERSION
    assert prompt["licence"] == source.licence == "CC0-1.0"


def test_a_source_refuses_operations_out_of_range() -> None:
    with pytest.raises(ValueError, match="operations"):
        pocket.Problems(operations=(5, 2))
