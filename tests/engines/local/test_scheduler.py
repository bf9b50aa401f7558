"""The worker thread: no request waits for ever, none is left hanging."""

import asyncio
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.bindings import Binding
from engines.local.engine import TransformersEngine
from engines.local.scheduler import nearest
from engines.protocol import EngineError, Sampling


@given(lengths=st.lists(st.integers(1, 100), min_size=1, max_size=60), room=st.integers(1, 10))
def test_a_request_waits_no_longer_than_those_before_it_take(lengths: list[int], room: int):
    waiting = list(enumerate(lengths))
    batches = 0
    while waiting:
        taken = nearest(
            waiting, length=lambda one: one[1], fits=lambda _, others: len(others) < room
        )
        assert taken[0] == waiting[0], "the oldest is always served"
        assert len(taken) == min(room, len(waiting))
        waiting = [one for one in waiting if one not in taken]
        batches += 1
        if waiting:
            # Every batch serves the oldest, so number n is served within n + 1 batches.
            assert waiting[0][0] >= batches


@given(lengths=st.lists(st.integers(1, 100), min_size=3, max_size=30))
def test_a_batch_is_of_like_length(lengths: list[int]):
    taken = nearest(lengths, length=int, fits=lambda _, others: len(others) < 3)
    far = max(abs(length - lengths[0]) for length in taken)
    left = sorted(abs(length - lengths[0]) for length in lengths)[len(taken) :]
    assert all(distance >= far for distance in left)


def opened(folder: Path, **options: int) -> TransformersEngine:
    return TransformersEngine(Binding(model=str(folder), device="cpu", options=options))


def test_more_than_the_cache_holds_is_written_in_turns(tiny_model: Path):
    engine = opened(tiny_model, batch_size=4, cache_tokens=120, score_tokens=32)

    async def all_at_once():
        sizes = [1, 200, 3, 90, 5, 60, 7] * 4
        prompts = [engine.render([{"role": "user", "content": "x" * n}]) for n in sizes]
        written = [
            engine.generate(p, Sampling(max_tokens=9), seed=n) for n, p in enumerate(prompts)
        ]
        scored = [engine.score(p, ["abc", "de"], end=[True, False]) for p in prompts]
        return await asyncio.gather(*written, *scored)

    assert len(asyncio.run(all_at_once())) == 56
    asyncio.run(engine.close())


class Broken(RuntimeError):
    pass


def test_a_failing_model_fails_its_calls_and_serves_the_next(tiny_model: Path):
    engine = opened(tiny_model)
    prompt = engine.render([{"role": "user", "content": "?"}])
    model = engine._worker.model
    assert model is not None
    working = model.hidden

    def fail(*args, **inputs):
        raise Broken("DefaultCPUAllocator: can't allocate memory: out of memory")

    async def calls():
        return await asyncio.gather(
            engine.generate(prompt, Sampling(max_tokens=4), seed=1),
            engine.score(prompt, ["a", "b"], end=[True, True]),
            return_exceptions=True,
        )

    model.hidden = fail
    for failed in asyncio.run(calls()):
        assert isinstance(failed, EngineError)
        assert "lower this role's options" in str(failed)
        assert isinstance(failed.__cause__, Broken)
    model.hidden = working
    text, scored = asyncio.run(calls())
    assert text.token_ids
    assert scored[0].logprobs
    asyncio.run(engine.close())


def test_closing_fails_what_waits_and_ends_the_thread(tiny_model: Path):
    threads = set(threading.enumerate())
    engine = opened(tiny_model, batch_size=1)
    [worker] = set(threading.enumerate()) - threads
    prompt = engine.render([{"role": "user", "content": "?"}])

    async def close_early():
        calls = [
            asyncio.create_task(engine.generate(prompt, Sampling(max_tokens=400), seed=n))
            for n in range(20)
        ]
        await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        await engine.close()
        return await asyncio.gather(*calls, return_exceptions=True)

    results = asyncio.run(close_early())
    failed = [result for result in results if isinstance(result, EngineError)]
    assert failed
    assert "closed" in str(failed[0])
    assert not worker.is_alive()
    with pytest.raises(EngineError, match="closed"):
        asyncio.run(engine.generate(prompt, Sampling(), seed=1))
    asyncio.run(engine.close())


def test_a_cancelled_call_leaves_the_batch(tiny_model: Path):
    engine = opened(tiny_model)
    prompt = engine.render([{"role": "user", "content": "?"}])

    async def cancel_some():
        calls = [
            asyncio.create_task(engine.generate(prompt, Sampling(max_tokens=300), seed=n))
            for n in range(8)
        ]
        await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        for call in calls[::2]:
            call.cancel()
        return await asyncio.gather(*calls, return_exceptions=True)

    results = asyncio.run(cancel_some())
    alone = asyncio.run(engine.generate(prompt, Sampling(max_tokens=300), seed=1))
    assert results[1].token_ids == alone.token_ids
    asyncio.run(engine.close())


def test_one_engine_serves_two_event_loops(tiny_model: Path):
    engine = opened(tiny_model)
    prompt = engine.render([{"role": "user", "content": "?"}])
    texts: list[str] = []

    def own_loop():
        texts.append(asyncio.run(engine.generate(prompt, Sampling(max_tokens=30), seed=3)).text)

    threads = [threading.Thread(target=own_loop) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(texts) == 2
    assert texts[0] == texts[1]
    asyncio.run(engine.close())
