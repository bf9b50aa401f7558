"""How questions are cut and put together for scoring; what they score is in test_transformers_*."""

import random
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.local.prefix_scoring import PrefixScorer, ScoreRequest
from kernels.packing import Row, pack


def scorer(cells: int) -> PrefixScorer:
    return PrefixScorer(SimpleNamespace(), cells=cells)


def question(prompt, continuations) -> ScoreRequest:
    return ScoreRequest(tuple(prompt), tuple(map(tuple, continuations)), lambda answer: None)


@given(
    prompt=st.lists(st.integers(1, 3), min_size=1, max_size=9),
    continuations=st.lists(st.lists(st.integers(1, 3), max_size=9), min_size=1, max_size=9),
    cells=st.integers(1, 60),
)
def test_each_continuation_is_in_one_part_and_parts_know_their_size(prompt, continuations, cells):
    parts = list(scorer(cells).items(question(prompt, continuations)))
    spoken = [index for index, ids in enumerate(continuations) if ids]
    assert sorted(index for part in parts for index in part.indices) == spoken
    for part in parts:
        assert part.row == Row(tuple(prompt), [tuple(continuations[n]) for n in part.indices])
        assert part.cells == pack([part.row]).input_ids.shape[1]
        assert len(part.indices) == 1 or part.cells <= max(cells, 4 * len(prompt))


def test_a_long_prompt_is_not_read_again_for_each_response():
    continuations = [[n] * 250 for n in range(8)]
    assert len(list(scorer(500).items(question([1] * 1000, continuations)))) == 1


def test_nothing_to_score_is_answered_at_once():
    answers: list[object] = []
    asked = ScoreRequest((1,), ((), ()), answers.append)
    assert list(scorer(9).items(asked)) == []
    assert answers == [[[], []]]


@given(
    prompts=st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=12), min_size=1, max_size=12),
    cells=st.integers(4, 60),
)
def test_a_pass_takes_the_oldest_and_no_more_than_fits(prompts, cells):
    one = scorer(cells)
    waiting = [part for ids in prompts for part in one.items(question(ids, [[1, 2], [3]]))]
    taken = one.take(waiting)
    assert taken[0] is waiting[0]
    assert len(set(map(id, taken))) == len(taken)
    size = pack([part.row for part in taken]).input_ids.shape[1]
    assert len(taken) == 1 or size <= cells


def test_prompts_that_begin_alike_are_read_together():
    instruction = [50] * 50
    waiting = []
    one = scorer(110)
    for n in range(6):
        for prompt in ([*instruction, n, 1], [n] * 52):
            waiting += one.items(question(prompt, [[1, 2]]))
    taken = one.take(waiting)
    assert sum(list(part.request.prompt[:50]) == instruction for part in taken) == 6


@pytest.mark.parametrize("mix", ["short", "long", "one instruction", "many responses"])
def test_passes_are_over_95_percent_full_while_there_is_enough_to_take(mix: str):
    rng = random.Random(mix)
    room = 8192 if mix == "long" else 2048
    one = scorer(room)

    def some(low: int, high: int) -> list[int]:
        return [rng.randrange(1000) for _ in range(rng.randrange(low, high))]

    kinds = {
        "short": lambda: ([], (20, 120), (1, 4), (5, 80)),
        "long": lambda: ([], (200, 1200), (1, 3), (100, 600)),
        "one instruction": lambda: ([7] * 300, (20, 200), (2, 5), (1, 40)),
        "many responses": lambda: ([], (50, 300), (4, 9), (30, 150)),
    }
    waiting = []
    for _ in range(400):
        start, prompt, count, length = kinds[mix]()
        said = [some(*length) for _ in range(rng.randrange(*count))]
        waiting += one.items(question([*start, *some(*prompt)], said))
    fills = []
    while len(waiting) > 100:
        taken = one.take(waiting)
        fills.append(pack([part.row for part in taken]).input_ids.shape[1] / room)
        gone = set(map(id, taken))
        waiting = [part for part in waiting if id(part) not in gone]
    assert sum(fills) / len(fills) > 0.95
