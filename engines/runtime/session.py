"""The models of one run: opened when first needed. All answers are journaled, and no request is
sent twice."""

import asyncio
import copy
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from engines.bindings import Binding
from engines.cluster.replicated import Replicated
from engines.journal.answer_store import AnswerStore
from engines.journal.identity import Identity, Verb
from engines.ledger import CURRENT
from engines.protocol import Engine, EngineError, Rendered, Sampling
from engines.runtime.event_loop import RunCoroutine
from engines.runtime.masses import Masses
from engines.runtime.turn import Turn
from engines.transcript import Asked
from schemas import Cost, Usage

if TYPE_CHECKING:
    from engines.context import Context

Answer = TypeVar("Answer")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Codec(Generic[Answer]):
    """Packs and unpacks the answers of one verb for the journal, and counts their tokens.

    Attributes:
        pack: the bytes of an answer.
        unpack: the answer.
        tokens: the tokens of an answer that were generated or scored.
        cost: the cost of an answer to a prompt of so many tokens.
    """

    pack: Callable[[Answer], bytes]
    unpack: Callable[[bytes], Answer]
    tokens: Callable[[Answer], int]
    cost: Callable[[Answer, int], Cost]


class Question(NamedTuple):
    """What is asked: a prompt about a row, of a role."""

    role: str
    row_id: str
    prompt: Rendered


@dataclass
class OpenedEngine:
    """An open engine, its binding, its number in the journal, and its identities, each hashed
    once."""

    engine: Engine
    binding: Binding
    number: int
    identities: dict[tuple[Verb, Sampling | None], Identity] = field(default_factory=dict)
    asked: bool = False

    def identity(self, verb: Verb, sampling: Sampling | None = None) -> Identity:
        """The keys of one verb (and sampling) of this engine."""
        identity = self.identities.get((verb, sampling))
        if identity is None:
            name, revision = self.engine.name, self.engine.revision
            identity = Identity(verb, engine=name, revision=revision, sampling=sampling)
            self.identities[verb, sampling] = identity
        return identity


@dataclass
class OpenModels:
    """The open engines and the journal: of one run, or of the runs of a stage's parts."""

    journal: AnswerStore | None = None
    engines: dict[str, OpenedEngine] = field(default_factory=dict)
    in_flight: dict[bytes, asyncio.Future[dict[bytes, bytes]]] = field(default_factory=dict)

    async def close(self) -> None:
        """Close all engines, which frees their memory for the next stage, and the journal."""
        journal, engines = self.journal, self.engines
        self.journal, self.engines = None, {}
        try:
            for entry in engines.values():
                await entry.engine.close()
        finally:
            if journal is not None:
                journal.close()


@dataclass(frozen=True)
class KeptOpen:
    """What the runs of a stage's parts share: the event loop and the models. ``turn``: that of the
    part that this thread works on, if the next one may begin meanwhile."""

    loop: RunCoroutine
    models: OpenModels = field(default_factory=OpenModels)
    turn: Turn | None = None


KEPT: ContextVar[KeptOpen | None] = ContextVar("kept", default=None)
"""What runs share (`engines.runtime.kept_open`); None if each opens and closes its own models."""


@dataclass
class _Run:
    """The state that the sessions of one run share."""

    usage: Usage = field(default_factory=Usage)
    stopping: bool = False
    in_flight: set[asyncio.Future[dict[bytes, bytes]]] = field(default_factory=set)


class Session:
    """The models of one run of one stage. Used by coroutines of one event loop.

    Attributes:
        context: has the binding of each role.
        counts: counts of operators, by name.
        masses: the masses of choices.
    """

    def __init__(self, context: "Context") -> None:
        self.context = context
        self.counts: Counter[str] = Counter()
        self.masses = Masses()
        self._run = _Run()
        self._kept = KEPT.get()
        self._models = OpenModels() if self._kept is None else self._kept.models

    def in_context(self, context: "Context", counts: Counter[str], masses: Masses) -> "Session":
        """The roles of ``context`` over this session's engines, journal and usage."""
        other = copy.copy(self)
        other.context, other.counts, other.masses = context, counts, masses
        return other

    @property
    def usage(self) -> Usage:
        """The usage of all models in this run up to now."""
        return self._run.usage

    @property
    def journal(self) -> AnswerStore:
        """The journal. It is opened at the first use: a stage without models needs none."""
        if self._models.journal is None:
            self._models.journal = self.context.open_journal(self.context.journal)
        return self._models.journal

    def engine_for(self, role: str, verb: Verb, *, in_process: bool = False) -> OpenedEngine:
        """The engine that answers ``verb`` for ``role``: that of its binding, else its weights in
        this process. With ``in_process``, its weights if it has any.

        Raises:
            EngineError: no engine answers the verb, or the role is not bound.
        """
        binding = self.binding(role)
        local = in_process and binding.model is not None
        answering = binding.in_process() if local else binding.answering(verb)
        if answering is None:
            raise EngineError(
                f"stage {self.context.stage!r} asks the role {role!r} to {verb}, "
                f"{binding.lacking(verb)}"
            )
        return self._open(role, answering)

    def binding(self, role: str) -> Binding:
        """The binding of ``role``. Raises `EngineError` if it is not bound."""
        try:
            return self.context.roles[role]
        except KeyError:
            bound = ", ".join(sorted(self.context.roles)) or "none"
            raise EngineError(
                f"stage {self.context.stage!r} calls the model role {role!r}, which is not bound: "
                f"bind it under `roles:` in factory.yaml (bound roles: {bound})"
            ) from None

    def _open(self, role: str, binding: Binding) -> OpenedEngine:
        # Templates and licence do not change the engine.
        key = binding.model_dump_json(exclude={"templates", "licence"})
        if key not in self._models.engines:
            journal = self.journal
            engine = self.context.open_engine(binding)
            number = journal.model(engine.name, engine.revision, binding.journal_name(role))
            self._models.engines[key] = OpenedEngine(engine, binding, number)
        return self._models.engines[key]

    async def answers(
        self,
        opened: OpenedEngine,
        verb: Verb,
        keys: Sequence[bytes],
        ask: Callable[[list[int]], Awaitable[Sequence[Answer]]],
        codec: Codec[Answer],
        *,
        question: Question,
        together: bool,
    ) -> list[Answer]:
        """The answers to ``keys``, from the journal, from requests in flight, or from ``ask``.

        All answers are committed before they are returned. The first error of the calls is raised
        after all calls have ended.

        Args:
            opened: the engine.
            verb: the method.
            keys: journal keys.
            ask: requests the answers at the given positions of ``keys``.
            codec: the format of answers.
            question: what is asked, for the account of costs and the transcript.
            together: whether missing answers are requested in one call, or in one call each.
        """
        found = self.journal.find(keys, opened.number, verb)
        self.usage.journal_hits += len(found)
        if self.context.transcript is not None:
            journaled = len(found) == len(set(keys))
            self.context.transcript(
                Asked(question.role, question.row_id, verb, question.prompt, journaled)
            )
        row = CURRENT.get()
        if row is not None:
            # Answers in flight are noted by the row that asked for them.
            known = {key: codec.unpack(found[key]) for key in found.keys() - self._models.in_flight}
            costs = _costs(opened, codec, question.prompt, known)
            row.note(question.role, opened.binding.price, costs.items(), journaled=True)
        positions = {key: i for i, key in enumerate(keys) if key not in found}
        groups = [list(positions)] if together else [[key] for key in positions]
        calls = [
            self._claim(opened, verb, group, positions, ask, codec, question)
            for group in groups
            if group
        ]
        for part in await _all(calls):
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
        question: Question,
    ) -> dict[bytes, bytes]:
        """Request the ``keys`` that are not in flight, then wait for the answers of the others."""
        in_flight = self._models.in_flight
        others = {key: in_flight[key] for key in keys if key in in_flight}
        mine = [key for key in keys if key not in others] if others else keys
        found: dict[bytes, bytes] = {}
        if mine:
            loop = asyncio.get_running_loop()
            if self._run.stopping:
                await loop.create_future()  # waits until the run is cancelled
            answered = loop.create_future()
            self._run.in_flight.add(answered)
            for key in mine:
                in_flight[key] = answered
            try:
                self._before_first_request(opened)
                answers = await ask([positions[key] for key in mine])
                packed = zip(mine, map(codec.pack, answers), strict=True)
                found = await self.journal.keep(opened.number, verb, packed)
                answered.set_result(found)
            except Exception as error:
                answered.set_exception(error)
                answered.exception()  # retrieved, or asyncio warns if nobody else is waiting
                raise
            finally:
                answered.cancel()
                self._run.in_flight.discard(answered)
                for key in mine:
                    del in_flight[key]
            self.usage.model_calls += len(answers)
            self.usage.tokens += sum(map(codec.tokens, answers))
            costs = _costs(opened, codec, question.prompt, dict(zip(mine, answers, strict=True)))
            price = opened.binding.price
            self.usage.spend(question.role, sum(costs.values(), Cost()), price)
            if (row := CURRENT.get()) is not None:
                row.note(question.role, price, costs.items(), journaled=False)
        for key, answer in others.items():
            await asyncio.wait([answer])
            if answer.cancelled():  # with its row, maybe after the answer was journaled
                kept = self.journal.find([key], opened.number, verb)
                if not kept:
                    found |= await self._claim(opened, verb, [key], positions, ask, codec, question)
                    continue
                found |= kept
            else:
                found[key] = answer.result()[key]
            self.usage.journal_hits += 1
        return found

    def _before_first_request(self, opened: OpenedEngine) -> None:
        """Say what memory the model needs, before it is loaded.

        Raises:
            EngineError: it does not fit.
        """
        if opened.asked:
            return
        opened.asked = True
        if opened.binding.replicas is not None:
            return  # each replica checks the memory of its own machine
        need = opened.binding.engine_class.memory(opened.binding)
        if need is None:
            return
        if need.refusal is not None:
            raise EngineError(need.refusal)
        self.usage.memory[need.what] = need.as_json()
        if self.context.progress:
            print(f"{self.context.recipe}/{self.context.stage}: {need}", file=sys.stderr)

    @property
    def replicas(self) -> list[str]:
        """How many replicas are alive, for people: a text for each engine that has some."""
        engines = [entry.engine for entry in self._models.engines.values()]
        return [engine.state for engine in engines if isinstance(engine, Replicated)]

    async def drain(self, seconds: float) -> None:
        """Send no more requests, and wait up to ``seconds`` for those of this run in flight."""
        self._run.stopping = True
        if self._run.in_flight:
            await asyncio.wait(set(self._run.in_flight), timeout=seconds)

    async def close(self) -> None:
        """Close the engines and the journal, unless the next part of the stage uses them too."""
        if self._kept is None:
            await self._models.close()


def _costs(
    opened: OpenedEngine,
    codec: Codec[Answer],
    prompt: Rendered,
    answers: Mapping[bytes, Answer],
) -> dict[bytes, Cost]:
    """The cost of each answer to a prompt."""
    if not answers:
        return {}
    tokens = opened.engine.prompt_tokens(prompt)
    return {key: codec.cost(answer, tokens) for key, answer in answers.items()}


async def _all(calls: Sequence[Coroutine[Any, Any, Result]]) -> list[Result]:
    """The results of the calls. Raises the first error after all calls have ended.

    Like `asyncio.gather`, but the first call runs in the caller's task. With four samples per
    prompt this takes a third less time, and a single call needs no task.
    """
    tasks = [asyncio.create_task(call) for call in calls[1:]]
    results, errors = [], []
    try:
        for call in (*calls[:1], *tasks):
            try:
                results.append(await call)
            except Exception as error:
                errors.append(error)
    except BaseException:
        for task in tasks:
            task.cancel()
        raise
    if errors:
        raise errors[0]
    return results
