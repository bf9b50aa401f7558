"""Which replica gets which call, and what becomes of the calls of a dead one."""

import asyncio
from collections.abc import Callable, Iterator, Sequence

import pytest

from engines.cluster.calls import Call, Calls, Load
from engines.protocol import Rendered, RowError

MakeCalls = Callable[..., list[Call]]


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.fixture
def some(loop: asyncio.AbstractEventLoop) -> MakeCalls:
    """Calls with prompts of their own, or with the same one."""

    def some(count: int, *, prompt: Rendered | None = None) -> list[Call]:
        return [
            Call("generate", prompt or Rendered((), str(n)), (), {}, loop.create_future())
            for n in range(count)
        ]

    return some


def waiting(made: Sequence[Call], *, in_flight: int = 4) -> Calls:
    calls = Calls(in_flight)
    for call in made:
        calls.add(call)
    return calls


def test_calls_go_to_the_replica_with_the_fewest(some: MakeCalls) -> None:
    first, second = Load(), Load()
    waiting(some(3)).share([first])
    waiting(some(3)).share([first, second])
    assert (len(first.calls), len(second.calls)) == (3, 3)


def test_no_replica_has_more_than_it_may(some: MakeCalls) -> None:
    made = some(11)
    calls, loads = waiting(made), [Load(), Load()]
    given = calls.share(loads)
    assert [len(given[load]) for load in loads] == [4, 4]
    assert not calls.share(loads)
    # What was first is sent first, and the rest when there is room.
    number, call = given[loads[1]][0]
    assert calls.answered(loads[1], number) is call
    assert [call for _, call in calls.share(loads)[loads[1]]] == [made[8]]


def test_samples_of_one_prompt_go_to_one_replica(some: MakeCalls) -> None:
    loads = [Load(), Load()]
    one, other = Rendered((), "one"), Rendered((), "other")
    calls = waiting([*some(3, prompt=one), *some(3, prompt=other)])
    given = calls.share(loads)
    assert [{call.prompt.text for _, call in given[load]} for load in loads] == [{"one"}, {"other"}]


def test_calls_of_a_dead_replica_are_sent_first(some: MakeCalls) -> None:
    made = some(6)
    calls, dead, other = waiting(made), Load(), Load()
    calls.share([dead])
    made[1].answer.cancel()
    assert calls.lost(dead, "it died") == 3
    again = [call for _, call in calls.share([other])[other]]
    assert again == [made[0], made[2], made[3], made[4]]


def test_a_call_that_two_replicas_died_with_is_alone(some: MakeCalls) -> None:
    made = some(3)
    calls = waiting(made)
    for load in (Load(), Load()):
        calls.share([load])
        calls.lost(load, "it died")
    calls.add(some(1)[0])
    busy, free = Load(), Load()
    given = calls.share([busy, free])
    assert [[call for _, call in given[load]] for load in (busy, free)] == [[made[0]], [made[1]]]
    assert not calls.share([busy, free])
    for number in list(busy.calls):
        assert calls.answered(busy, number) is made[0]
    assert [call for _, call in calls.share([busy, free])[busy]] == [made[2]]


def test_a_replica_that_answers_others_is_freed_for_a_suspect(some: MakeCalls) -> None:
    calls, working = waiting(some(1)), Load()
    for load in (Load(), Load()):
        calls.share([load])
        calls.lost(load, "it died")
    innocent = waiting(some(1))
    innocent.share([working])
    calls.add(some(1)[0])
    assert not calls.share([working])
    calls.answered(working, next(iter(working.calls)))
    assert len(calls.share([working])[working]) == 1
    assert working.alone


def test_a_call_that_three_replicas_died_with_fails(some: MakeCalls) -> None:
    (killer,) = some(1)
    calls = waiting([killer])
    for number in range(3):
        load = Load()
        calls.share([load])
        assert calls.lost(load, f"death {number}") == (0 if number == 2 else 1)
    error = killer.answer.exception()
    assert isinstance(error, RowError)
    assert "3 replicas died with this request" in str(error)
    assert "death 2" in str(error)


def test_what_nobody_waits_for_is_not_sent(some: MakeCalls) -> None:
    made = some(2)
    calls, load = waiting(made), Load()
    made[0].answer.cancel()
    assert [call for _, call in calls.share([load])[load]] == [made[1]]


def test_an_answer_is_given_once(some: MakeCalls) -> None:
    made = some(2)
    calls, load = waiting(made), Load()
    (first, _), (second, _) = calls.share([load])[load]
    assert calls.answered(load, first) is made[0]
    assert calls.answered(load, first) is None
    made[1].answer.cancel()
    assert calls.answered(load, second) is None
