"""One run's models: opened when first needed, every answer journaled, nothing asked twice."""

import asyncio
import copy
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from engines.bindings import Binding
from engines.journal.identity import Identity, Verb
from engines.journal.store import Journal
from engines.protocol import Engine, EngineError, Sampling
from schemas import Usage

if TYPE_CHECKING:
    from engines.context import Context

Answer = TypeVar("Answer")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Codec(Generic[Answer]):
    """How one verb's answers are kept, and how many tokens one cost."""

    pack: Callable[[Answer], bytes]
    unpack: Callable[[bytes], Answer]
    tokens: Callable[[Answer], int]


@dataclass
class OpenedEngine:
    """An open engine, its number in the journal, and its identities, hashed once each."""

    engine: Engine
    number: int
    identities: dict[tuple[Verb, Sampling | None], Identity] = field(default_factory=dict)

    def identity(self, verb: Verb, sampling: Sampling | None = None) -> Identity:
        """The keys of one verb (and sampling) of this engine."""
        found = self.identities.get((verb, sampling))
        if found is None:
            name, revision = self.engine.name, self.engine.revision
            found = Identity(verb, engine=name, revision=revision, sampling=sampling)
            self.identities[verb, sampling] = found
        return found


@dataclass
class _Opened:
    """What the sessions of one run share."""

    usage: Usage = field(default_factory=Usage)
    journal: Journal | None = None
    stopping: bool = False
    engines: dict[str, OpenedEngine] = field(default_factory=dict)
    asked: dict[bytes, asyncio.Future[dict[bytes, bytes]]] = field(default_factory=dict)


class Session:
    """The models of one run of one stage. Used by coroutines of one event loop.

    Attributes:
        context: says what each role is bound to.
        counts: what operators count as they go, by name.
    """

    def __init__(self, context: "Context") -> None:
        self.context = context
        self.counts: Counter[str] = Counter()
        self._opened = _Opened()

    def bound(self, context: "Context", counts: Counter[str]) -> "Session":
        """The roles of ``context`` over this session's engines, journal and usage."""
        other = copy.copy(self)
        other.context, other.counts = context, counts
        return other

    @property
    def usage(self) -> Usage:
        """What all models of the run have cost up to now."""
        return self._opened.usage

    @property
    def journal(self) -> Journal:
        """Opened when first used: a stage that calls no model needs none."""
        if self._opened.journal is None:
            self._opened.journal = Journal(self.context.journal)
        return self._opened.journal

    def engine_for(self, role: str, verb: Verb, *, in_process: bool = False) -> OpenedEngine:
        """What answers ``verb`` for ``role``: its engine, or its weights in this process where the
        engine does not (or always, if ``in_process``, where it has weights). Raises `EngineError`
        if nothing does, or the role is not bound."""
        binding = self._binding(role)
        own = in_process and binding.model is not None
        answering = binding.in_process() if own else binding.answering(verb)
        if answering is None:
            raise EngineError(
                f"stage {self.context.stage!r} asks the role {role!r} to {verb}, "
                f"{binding.lacking(verb)}"
            )
        return self._open(role, answering)

    def _binding(self, role: str) -> Binding:
        try:
            return self.context.roles[role]
        except KeyError:
            bound = ", ".join(sorted(self.context.roles)) or "none"
            raise EngineError(
                f"stage {self.context.stage!r} calls the model role {role!r}, which is not bound: "
                f"bind it under `roles:` in factory.yaml (bound are: {bound})"
            ) from None

    def _open(self, role: str, binding: Binding) -> OpenedEngine:
        # How a model is asked, and under which licence it is, loads nothing else.
        key = binding.model_dump_json(exclude={"templates", "licence"})
        if key not in self._opened.engines:
            journal = self.journal
            engine = self.context.open_engine(binding)
            number = journal.model(engine.name, engine.revision, binding.journal_name(role))
            self._opened.engines[key] = OpenedEngine(engine, number)
        return self._opened.engines[key]

    async def answers(
        self,
        opened: OpenedEngine,
        verb: Verb,
        keys: Sequence[bytes],
        ask: Callable[[list[int]], Awaitable[Sequence[Answer]]],
        codec: Codec[Answer],
        *,
        together: bool,
    ) -> list[Answer]:
        """The answers to ``keys``: kept ones, those others are just asking, and for the rest what
        ``ask`` gives for their positions, in one call if ``together``, else in one call each.

        Every answer is committed before any of them is returned. Raises the first error of the
        calls, once all of them have ended.
        """
        found = self.journal.find(keys, opened.number, verb)
        self.usage.journal_hits += len(found)
        positions = {key: i for i, key in enumerate(keys) if key not in found}
        groups = [list(positions)] if together else [[key] for key in positions]
        asked = [self._claim(opened, verb, one, positions, ask, codec) for one in groups if one]
        for part in await _all(asked):
            found.update(part)
        return [codec.unpack(found[key]) for key in keys]

    async def _claim(
        self,
        opened: OpenedEngine,
        verb: Verb,
        keys: Sequence[bytes],
        positions: Mapping[bytes, int],
        ask: Callable[[list[int]], Awaitable[Sequence[Answer]]],
        codec: Codec[Answer],
    ) -> dict[bytes, bytes]:
        """Ask for those ``keys`` that nobody is asking for, then wait for the others' answers."""
        asked = self._opened.asked
        others = {key: asked[key] for key in keys if key in asked}
        mine = [key for key in keys if key not in others] if others else keys
        found: dict[bytes, bytes] = {}
        if mine:
            loop = asyncio.get_running_loop()
            if self._opened.stopping:
                await loop.create_future()  # parked until the run is cancelled
            answered = loop.create_future()
            for key in mine:
                asked[key] = answered
            try:
                answers = await ask([positions[key] for key in mine])
                found = dict(zip(mine, map(codec.pack, answers), strict=True))
                await self.journal.keep(opened.number, verb, found.items())
                answered.set_result(found)
            except Exception as error:
                answered.set_exception(error)
                answered.exception()  # seen, even if nobody else is waiting
                raise
            finally:
                answered.cancel()
                for key in mine:
                    del asked[key]
            self.usage.model_calls += len(answers)
            self.usage.tokens += sum(map(codec.tokens, answers))
        for key, answer in others.items():
            await asyncio.wait([answer])
            if answer.cancelled():  # with the row that asked; it may have got its answer yet
                kept = self.journal.find([key], opened.number, verb)
                if not kept:
                    found |= await self._claim(opened, verb, [key], positions, ask, codec)
                    continue
                found |= kept
            else:
                found[key] = answer.result()[key]
            self.usage.journal_hits += 1
        return found

    async def drain(self, seconds: float) -> None:
        """Begin no further call, and wait at most so long for those in flight to be answered."""
        self._opened.stopping = True
        if self._opened.asked:
            await asyncio.wait(set(self._opened.asked.values()), timeout=seconds)

    async def close(self) -> None:
        """Close every engine, so that its memory is free for the next stage, and the journal."""
        opened = self._opened
        self._opened = _Opened(usage=opened.usage)
        try:
            for one in opened.engines.values():
                await one.engine.close()
        finally:
            if opened.journal is not None:
                opened.journal.close()


async def _all(calls: Sequence[Coroutine[Any, Any, Result]]) -> list[Result]:
    """What the calls return, once all have ended; raises the first error among them.

    As `asyncio.gather` does, but the first call runs in the caller's own task: at four samples a
    prompt a third less time, and one call costs no task at all.
    """
    tasks = [asyncio.create_task(call) for call in calls[1:]]
    results, errors = [], []
    try:
        for one in (*calls[:1], *tasks):
            try:
                results.append(await one)
            except Exception as error:
                errors.append(error)
    except BaseException:
        for task in tasks:
            task.cancel()
        raise
    if errors:
        raise errors[0]
    return results
