"""What an operator's coroutine calls: its models, by role."""

import itertools
from collections import Counter
from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from engines.chat.thinking import answering, apart, open_thought
from engines.context import Context
from engines.journal.codec import (
    pack_choice,
    pack_generation,
    pack_rewards,
    pack_scored,
    unpack_choice,
    unpack_generation,
    unpack_rewards,
    unpack_scored,
)
from engines.protocol import (
    Dropout,
    Generation,
    Rendered,
    Rewards,
    RowError,
    Sampling,
    Scored,
)
from engines.runtime.seeds import sample_seed
from engines.runtime.session import Codec, OpenedEngine, Session
from schemas import Message, Usage

__all__ = ["Model", "Models", "SampledText"]

_DEFAULT = Sampling()
_GENERATION = Codec(pack_generation, unpack_generation, lambda one: one.tokens)
_SCORED = Codec(pack_scored, unpack_scored, lambda one: len(one.token_ids))
_CHOICE = Codec(pack_choice, unpack_choice, lambda one: 0)
_REWARDS = Codec(pack_rewards, unpack_rewards, lambda one: one.tokens)


@dataclass(frozen=True, slots=True)
class SampledText(Generation):
    """A generation and what made it: enough to make it again. ``seed`` is None if greedy."""

    model: str
    sampling: Sampling
    seed: int | None


class Model:
    """One role's model, as one row calls it. Answers are journaled; asked again, they are free.

    Raises `RowError` where this row cannot be answered, `EngineError` where no row can.
    """

    __slots__ = ("_calls", "_row_id", "_session", "role")

    def __init__(self, role: str, session: Session, row_id: str, calls: Iterator[int]) -> None:
        self.role = role
        self._session = session
        self._row_id = row_id
        self._calls = calls

    @property
    def revision(self) -> str:
        """What generates and chooses: digest of weights, tokenizer, template and number type."""
        return self._session.served(self.role, "generate").engine.revision

    @property
    def context(self) -> Context:
        """Where and for whom the row's stage runs."""
        return self._session.context

    @property
    def counts(self) -> Counter[str]:
        """What an operator counts as it goes, by name."""
        return self._session.counts

    @property
    def scoring_revision(self) -> str:
        """What scores. Equals ``revision`` where one engine does both."""
        return self._session.served(self.role, "score").engine.revision

    def reward_revision(self, *, dropout: Dropout | None = None) -> str:
        """What gives rewards; with ``dropout`` always weights in this process."""
        return self._rewarder(dropout).engine.revision

    def generate(
        self,
        messages: Sequence[Message],
        *,
        n: int = 1,
        sampling: Sampling = _DEFAULT,
        call: str | None = None,
    ) -> Coroutine[Any, Any, list[SampledText]]:
        """Draw ``n`` texts, each with its thought apart from it.

        The seeds follow from the run's seed, the row, and the number of this call among the row's
        (taken now, not when awaited), so calls gathered in a fixed order are repeatable. Where
        the order of a row's calls depends on which answer comes first (a tree whose branches
        grow at once), give each a name of its own as ``call``: the seeds then follow from it.
        """
        return self._generate(messages, n, sampling, next(self._calls) if call is None else call)

    async def _generate(
        self, messages: Sequence[Message], n: int, sampling: Sampling, call: int | str
    ) -> list[SampledText]:
        session = self._session
        served = session.served(self.role, "generate")
        engine = served.engine
        prompt = engine.render(messages)
        if sampling.pattern is not None and not (
            engine.constrains and open_thought(prompt.text) is None
        ):
            # A text that begins within a thought is not held to the form of its answer.
            sampling = replace(sampling, pattern=None)
        seeds = [sample_seed(session.context.seed, self._row_id, call, i) for i in range(n)]

        async def ask(positions: list[int]) -> list[Generation]:
            return [await engine.generate(prompt, sampling, seeds[i]) for i in positions]

        keys = served.identity("generate", sampling).generations(prompt.text, seeds)
        found = await session.answers(served, "generate", keys, ask, _GENERATION, together=False)
        revision, greedy = engine.revision, sampling.temperature == 0
        return [
            SampledText(
                one.text,
                one.token_ids,
                one.logprobs,
                one.finish,
                revision,
                sampling,
                None if greedy else seed,
                reasoning=one.reasoning,
                counted=one.counted,
            )
            for one, seed in zip((apart(prompt, raw) for raw in found), seeds, strict=True)
        ]

    async def score(
        self,
        messages: Sequence[Message],
        continuations: Sequence[str],
        *,
        end: Sequence[bool] | None = None,
    ) -> list[Scored]:
        """Log-probs (natural log) of each continuation's tokens as the answer to ``messages``.

        ``end`` says, for each, whether the token that ends the turn is scored too (all, unless
        given): true of a text its author ended, false of one cut off or of a part.
        """
        session = self._session
        served = session.served(self.role, "score")
        engine = served.engine
        prompt = _answered(engine.render(messages))
        ends = [True] * len(continuations) if end is None else list(end)

        async def ask(positions: list[int]) -> list[Scored]:
            texts = [continuations[i] for i in positions]
            return await engine.score(prompt, texts, end=[ends[i] for i in positions])

        keys = served.identity("score").scores(prompt.text, continuations, ends)
        return await session.answers(served, "score", keys, ask, _SCORED, together=True)

    async def choose(self, messages: Sequence[Message], options: Sequence[str]) -> list[float]:
        """Log-probs (natural log) of ``options`` as the answer, normalised over the options."""
        ordered = sorted(options)
        if len(set(ordered)) < len(ordered) or not ordered:
            raise ValueError(f"options must differ from each other, got {list(options)}")
        session = self._session
        served = session.served(self.role, "choose")
        engine = served.engine
        prompt = _answered(engine.render(messages))

        async def ask(positions: list[int]) -> list[tuple[float, ...]]:
            return [tuple(await engine.choose(prompt, ordered)) for _ in positions]

        keys = [served.identity("choose").choice(prompt.text, ordered)]
        (found,) = await session.answers(served, "choose", keys, ask, _CHOICE, together=True)
        if len(found) != len(ordered):
            raise RowError(f"{len(found)} log-probs came for {len(ordered)} options")
        return [found[ordered.index(option)] for option in options]

    async def reward(
        self,
        messages: Sequence[Message],
        text: str,
        *,
        step_ends: Sequence[int] | None = None,
        dropout: Dropout | None = None,
    ) -> tuple[float, ...]:
        """Rewards of ``text`` as the answer to ``messages``, by the trained head of the role.

        One of the whole answer, as ended; or one a step where ``step_ends`` tells after how many
        characters each ends. See `engines.protocol.Engine.reward`.
        """
        session = self._session
        served = self._rewarder(dropout)
        engine = served.engine
        prompt = engine.render(messages)

        async def ask(positions: list[int]) -> list[Rewards]:
            found = await engine.reward(prompt, text, step_ends=step_ends, dropout=dropout)
            return [found for _ in positions]

        keys = [served.identity("reward").reward(prompt.text, text, step_ends, dropout)]
        (found,) = await session.answers(served, "reward", keys, ask, _REWARDS, together=True)
        return found.values

    def _rewarder(self, dropout: Dropout | None) -> OpenedEngine:
        return self._session.served(self.role, "reward", in_process=dropout is not None)


def _answered(prompt: Rendered) -> Rendered:
    """``prompt`` as an answer without a thought follows it."""
    return replace(prompt, text=answering(prompt.text))


class Models:
    """The models of one row: ``models.policy``, ``models["policy@previous"]``."""

    __slots__ = ("_calls", "_row_id", "_session")

    def __init__(self, session: Session, row_id: str, calls: Iterator[int] | None = None) -> None:
        self._session = session
        self._row_id = row_id
        self._calls = itertools.count() if calls is None else calls

    def __getitem__(self, role: str) -> Model:
        return Model(role, self._session, self._row_id, self._calls)

    @property
    def context(self) -> Context:
        """Where and for whom the row's stage runs."""
        return self._session.context

    @property
    def usage(self) -> Usage:
        """What all models of the run have cost up to now."""
        return self._session.usage

    @property
    def counts(self) -> Counter[str]:
        """What an operator counts as it goes, by name."""
        return self._session.counts

    def bound(self, context: Context, counts: Counter[str]) -> "Models":
        """The same row's models, with the roles of ``context`` and ``counts`` of their own."""
        return Models(self._session.bound(context, counts), self._row_id, self._calls)

    def __getattr__(self, role: str) -> Model:
        if role.startswith("_"):
            raise AttributeError(role)
        return self[role]

    def at(self, row_id: str) -> "Models":
        """The same models with the seeds of another row: for calls about one of several responses,
        so that its answers do not depend on how many others there are."""
        return Models(self._session, row_id)
