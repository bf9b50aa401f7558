"""Replicas as one engine, with actors that live in this process: no Ray."""

import asyncio
import os
import pickle
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from engines.bindings import Binding
from engines.cluster.actor import Actor, GoneError
from engines.cluster.replica import Replica
from engines.cluster.replicas import Replicas
from engines.cluster.replicated import Replicated
from engines.protocol import (
    Choice,
    Dropout,
    Engine,
    EngineError,
    Generation,
    Rendered,
    Rewards,
    RowError,
    Sampling,
    Scored,
    UnavailableError,
)
from schemas import Message

QUICK = Sampling(max_tokens=1)


class Counting(Engine):
    """Says what it was asked. Prompts may hold it up, be refused, or kill it."""

    name = "counting"
    generates = scores = chooses = rewards = local_weights = True

    def __init__(self, binding: Binding) -> None:
        if binding.model == "broken":
            raise EngineError("it does not fit")
        self.revision = f"{binding.model}@1"

    def render(self, messages: Sequence[Message]) -> Rendered:
        text = messages[-1]["content"]
        # As of some tokenizers, it cannot be pickled.
        return Rendered(tuple(messages), text, lambda generation: generation.text)

    async def generate(self, prompt: Rendered, sampling: Sampling, seed: int) -> Generation:
        if prompt.text == "wait":
            await asyncio.Future()
        if prompt.text == "refuse":
            raise RowError("it is too long")
        for _ in range(seed % 5):
            await asyncio.sleep(0)
        return Generation(f"{prompt.text} {seed}", (seed,), (-0.5,), "stop")

    async def score(
        self, prompt: Rendered, continuations: Sequence[str], *, end: Sequence[bool]
    ) -> list[Scored]:
        return [
            Scored((len(text), ends), (0.0, 0.0))
            for text, ends in zip(continuations, end, strict=True)
        ]

    async def choose(self, prompt: Rendered, options: Sequence[Sequence[str]]) -> Choice:
        return Choice((-0.5,) * len(options), None)

    async def reward(self, prompt: Rendered, text: str, **named: Any) -> Rewards:
        return Rewards((float(len(text)), named["dropout"].share), 3)


@dataclass
class LocalActor:
    """A replica in this process, which is killed as one in another process is."""

    cluster: "LocalCluster"
    binding: Binding
    gone: "asyncio.Future[None]" = field(default_factory=lambda: asyncio.Future())
    killed: bool = False

    def __post_init__(self) -> None:
        self._replica = Replica(self.binding)

    async def place(self) -> str:
        return await self._unless_gone(self._replica.place())

    async def open(self) -> str:
        return await self._unless_gone(self._replica.open())

    def ask(self, message: bytes) -> None:
        self.cluster.messages += 1
        prompts = {call[2].text for call in pickle.loads(message)}
        if self.cluster.kills(self.cluster.messages, prompts):
            self.die()
        else:
            self._asking = asyncio.ensure_future(self._replica.ask(message))

    async def answers(self) -> bytes:
        return await self._unless_gone(self._replica.answers())

    async def close(self) -> None:
        await self._unless_gone(self._replica.close())

    def kill(self) -> None:
        self.killed = True
        self.die()

    def die(self) -> None:
        if not self.gone.done():
            self.gone.set_result(None)

    async def _unless_gone(self, work: Any) -> Any:
        working = asyncio.ensure_future(work)
        await asyncio.wait({working, self.gone}, return_when=asyncio.FIRST_COMPLETED)
        if self.gone.done():
            working.cancel()
            raise GoneError("its process ended")
        return working.result()


@dataclass
class LocalCluster:
    """Starts replicas, and notes them."""

    models: Sequence[str] = ("w",)
    kills: Callable[[int, set[str]], bool] = lambda number, prompts: False
    kind: type[LocalActor] = LocalActor
    actors: list[LocalActor] = field(default_factory=list)
    messages: int = 0

    async def start(self) -> Actor:
        model = self.models[len(self.actors) % len(self.models)]
        binding = Binding(model=model, engine=f"{__name__}.Counting", replicas=1, gpus=0)
        self.actors.append(self.kind(self, binding))
        return self.actors[-1]


def engine_of(cluster: LocalCluster, *, timeout: float = 60, **fields: Any) -> Replicated:
    placed: dict[str, Any] = {"replicas": 2, "gpus": 0, **fields}
    binding = Binding(model="w", engine=f"{__name__}.Counting", **placed)
    engine = Counting(binding)
    return Replicated(engine, Replicas(cluster.start, binding, engine.revision, timeout=timeout))


def asked(text: str) -> tuple[Message, ...]:
    return ({"role": "user", "content": text},)


async def texts(engine: Replicated, count: int, text: str = "say") -> list[str]:
    prompt = engine.render(asked(text))
    answers = await asyncio.gather(*(engine.generate(prompt, QUICK, n) for n in range(count)))
    return [answer.text for answer in answers]


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engines.cluster.replicas._PAUSE", 0.0)


def test_all_verbs_are_answered_as_by_the_engine_itself() -> None:
    async def run() -> None:
        engine = engine_of(LocalCluster())
        assert (engine.name, engine.revision) == ("counting", "w@1")
        prompt = engine.render(asked("say"))
        assert await engine.generate(prompt, QUICK, 3) == Generation("say 3", (3,), (-0.5,), "stop")
        scored = await engine.score(prompt, ["ab", "c"], end=[True, False])
        assert [one.token_ids for one in scored] == [(2, True), (1, False)]
        assert (await engine.choose(prompt, [["a"], ["b"]])).logprobs == (-0.5, -0.5)
        assert (await engine.reward(prompt, "abcd", dropout=Dropout(0.1, 7))).values == (4, 0.1)
        with pytest.raises(RowError, match="it is too long"):
            await engine.generate(engine.render(asked("refuse")), QUICK, 0)
        await engine.close()

    asyncio.run(run())


def test_no_replica_starts_before_the_first_request() -> None:
    async def run() -> None:
        cluster = LocalCluster()
        engine = engine_of(cluster)
        engine.render(asked("say"))
        await engine.close()
        assert not cluster.actors

    asyncio.run(run())


def test_calls_of_one_turn_are_one_message_to_a_replica() -> None:
    async def run() -> None:
        cluster = LocalCluster()
        engine = engine_of(cluster, replicas=1)
        await texts(engine, 200)
        assert cluster.messages == 1
        await engine.close()
        assert [actor.killed for actor in cluster.actors] == [True]

    asyncio.run(run())


@pytest.mark.parametrize("seed", range(5))
def test_nothing_is_lost_when_replicas_die(seed: int) -> None:
    deaths = random.Random(seed).sample(range(1, 20), 2)

    async def run() -> None:
        cluster = LocalCluster(kills=lambda number, prompts: number in deaths)
        engine = engine_of(cluster, replicas=3, in_flight=4)
        assert await texts(engine, 300) == [f"say {n}" for n in range(300)]
        assert len(cluster.actors) == 5
        # Each dead one is killed too: it may be alive, and out of reach.
        assert all(actor.killed for actor in cluster.actors if actor.gone.done())
        await engine.close()

    asyncio.run(run())


def test_a_call_that_kills_its_replica_fails_alone() -> None:
    async def run() -> None:
        engine = engine_of(LocalCluster(kills=lambda number, prompts: "kill" in prompts))
        killer = asyncio.create_task(engine.generate(engine.render(asked("kill")), QUICK, 0))
        assert await texts(engine, 20) == [f"say {n}" for n in range(20)]
        with pytest.raises(RowError, match="3 replicas died with this request"):
            await killer
        await engine.close()

    asyncio.run(run())


def test_another_model_on_a_node_ends_the_run() -> None:
    async def run() -> None:
        engine = engine_of(LocalCluster(models=("w", "v")))
        with pytest.raises(EngineError, match=rf"w is another model on .*{os.getpid()}.*: .*v@1"):
            await texts(engine, 5, "wait")
        with pytest.raises(EngineError, match="another model"):
            await texts(engine, 1)
        await engine.close()

    asyncio.run(run())


def test_an_engine_that_cannot_be_opened_names_its_node() -> None:
    async def run() -> None:
        engine = engine_of(LocalCluster(models=("broken",)))
        with pytest.raises(EngineError, match=r"a replica on .*: it does not fit"):
            await texts(engine, 1)
        await engine.close()

    asyncio.run(run())


@pytest.mark.parametrize("late", [False, True], ids=["at once", "while it opens"])
def test_without_a_replica_for_long_the_cluster_is_unavailable(late: bool) -> None:
    class Dying(LocalActor):
        async def place(self) -> str:
            if not late:
                self.die()
            return await super().place()

        async def open(self) -> str:
            self.die()
            return await super().open()

    async def run() -> None:
        engine = engine_of(LocalCluster(kind=Dying), timeout=0.05)
        with pytest.raises(UnavailableError, match=r"no replica of w was alive .*process ended"):
            await texts(engine, 1)
        await engine.close()

    asyncio.run(run())


def test_a_replica_may_take_longer_to_open_than_none_may_be_alive() -> None:
    class Slow(LocalActor):
        async def open(self) -> str:
            await asyncio.sleep(0.1)
            return await super().open()

    async def run() -> None:
        cluster = LocalCluster(kind=Slow)
        engine = engine_of(cluster, timeout=0.05)
        assert await texts(engine, 3) == ["say 0", "say 1", "say 2"]
        await engine.close()

    asyncio.run(run())


def test_progress_says_how_many_are_alive() -> None:
    async def run() -> None:
        cluster = LocalCluster()
        engine = engine_of(cluster)
        assert engine.state == "0 of 2 replicas"
        await texts(engine, 10)
        waiting = asyncio.create_task(texts(engine, 10))
        await waiting
        assert engine.state in ("1 of 2 replicas", "2 of 2 replicas")
        await engine.close()
        assert engine.state == "0 of 2 replicas"

    asyncio.run(run())


def test_an_answer_that_nobody_waits_for_holds_up_nothing() -> None:
    async def run() -> None:
        engine = engine_of(LocalCluster(), replicas=1, in_flight=2)
        slow = asyncio.create_task(engine.generate(engine.render(asked("wait")), QUICK, 0))
        assert await texts(engine, 9) == [f"say {n}" for n in range(9)]
        slow.cancel()
        await engine.close()

    asyncio.run(run())
