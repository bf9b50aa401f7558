"""The models that an operator's coroutine calls, by role."""

import itertools
from collections import Counter
from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from engines.chat.thinking import answering, apart, open_thought
from engines.choices import exact, spellings
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
    Choice,
    Dropout,
    Generation,
    Rendered,
    Rewards,
    RowError,
    Sampling,
    Scored,
)
from engines.runtime.masses import Masses
from engines.runtime.seeds import sample_seed
from engines.runtime.session import Codec, OpenedEngine, Session
from schemas import Message, Usage

__all__ = ["Model", "Models", "SampledText"]

_DEFAULT = Sampling()
_GENERATION = Codec(pack_generation, unpack_generation, lambda answer: answer.tokens)
_SCORED = Codec(pack_scored, unpack_scored, lambda answer: len(answer.token_ids))
_CHOICE = Codec(pack_choice, unpack_choice, lambda answer: 0)
_REWARDS = Codec(pack_rewards, unpack_rewards, lambda answer: answer.tokens)


@dataclass(frozen=True, slots=True)
class SampledText(Generation):
    """A generation, and the model, sampling and seed that reproduce it. ``seed`` is None if the
    sampling is greedy."""

    model: str
    sampling: Sampling
    seed: int | None


class Model:
    """One role's model for one row. Answers are journaled, so a repeated request costs nothing.

    Raises:
        RowError: this row cannot be answered.
        EngineError: no row can be answered.
    """

    __slots__ = ("_calls", "_row_id", "_session", "role")

    def __init__(self, role: str, session: Session, row_id: str, calls: Iterator[int]) -> None:
        self.role = role
        self._session = session
        self._row_id = row_id
        self._calls = calls

    @property
    def revision(self) -> str:
        """The revision that generates: a digest of weights, tokenizer, template and number type."""
        return self._session.engine_for(self.role, "generate").engine.revision

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
        """The revision that scores. It equals ``revision`` if one engine does both."""
        return self._session.engine_for(self.role, "score").engine.revision

    def reward_revision(self, *, dropout: Dropout | None = None) -> str:
        """The revision that gives rewards. With ``dropout``, always weights in this process."""
        return self._rewarder(dropout).engine.revision

    def generate(
        self,
        messages: Sequence[Message],
        *,
        n: int = 1,
        sampling: Sampling = _DEFAULT,
        call: str | None = None,
    ) -> Coroutine[Any, Any, list[SampledText]]:
        """Sample ``n`` texts. Thoughts are separated from the texts.

        The seeds depend on the run's seed, the row, and the number of this call in the row. The
        number is taken now, not when the result is awaited. So calls in a fixed order are
        reproducible.

        Args:
            messages: the prompt.
            n: the number of texts.
            sampling: how tokens are sampled.
            call: a name for this call, which then sets the seeds in place of its number. Needed if
                the order of a row's calls depends on which answer comes first, as in a tree whose
                branches grow at the same time.
        """
        return self._generate(messages, n, sampling, next(self._calls) if call is None else call)

    async def _generate(
        self, messages: Sequence[Message], n: int, sampling: Sampling, call: int | str
    ) -> list[SampledText]:
        session = self._session
        opened = session.engine_for(self.role, "generate")
        engine = opened.engine
        prompt = engine.render(messages)
        if sampling.pattern is not None and not (
            engine.constrains and open_thought(prompt.text) is None
        ):
            # If the text begins inside a thought, the pattern of the answer does not apply to it.
            sampling = replace(sampling, pattern=None)
        seeds = [sample_seed(session.context.seed, self._row_id, call, i) for i in range(n)]

        async def ask(positions: list[int]) -> list[Generation]:
            return [await engine.generate(prompt, sampling, seeds[i]) for i in positions]

        keys = opened.identity("generate", sampling).generations(prompt.text, seeds)
        raws = await session.answers(opened, "generate", keys, ask, _GENERATION, together=False)
        for raw in raws:
            session.usage.wrote(sampling.max_tokens, cut=raw.finish == "length", tokens=raw.tokens)
        revision, greedy = engine.revision, sampling.temperature == 0
        return [
            SampledText(
                answer.text,
                answer.token_ids,
                answer.logprobs,
                answer.finish,
                revision,
                sampling,
                None if greedy else seed,
                reasoning=answer.reasoning,
                counted=answer.counted,
            )
            for answer, seed in zip((apart(prompt, raw) for raw in raws), seeds, strict=True)
        ]

    @property
    def continues(self) -> bool:
        """Whether it chooses the continuation of a last message that is the assistant's."""
        return self._session.engine_for(self.role, "choose").engine.continues

    async def first_words(self, messages: Sequence[Message], *, tokens: int) -> str:
        """What the model writes where `choose` reads its options: the first ``tokens`` tokens,
        greedily."""
        opened = self._session.engine_for(self.role, "generate")
        engine = opened.engine
        prompt = _answered(engine.render(messages))
        sampling = Sampling(temperature=0, max_tokens=tokens)

        async def ask(positions: list[int]) -> list[Generation]:
            return [await engine.generate(prompt, sampling, 0) for _ in positions]

        keys = opened.identity("generate", sampling).generations(prompt.text, [0])
        (answer,) = await self._session.answers(
            opened, "generate", keys, ask, _GENERATION, together=False
        )
        return answer.text

    async def score(
        self,
        messages: Sequence[Message],
        continuations: Sequence[str],
        *,
        end: Sequence[bool] | None = None,
    ) -> list[Scored]:
        """Log-probs (natural log) of each continuation's tokens as the answer to ``messages``.

        Args:
            messages: the prompt.
            continuations: the texts to score.
            end: for each continuation, whether the token that ends the turn is scored too; by
                default always. Use False for a text that was cut off, or for part of a text.
        """
        session = self._session
        opened = session.engine_for(self.role, "score")
        engine = opened.engine
        prompt = _answered(engine.render(messages))
        ends = [True] * len(continuations) if end is None else list(end)

        async def ask(positions: list[int]) -> list[Scored]:
            texts = [continuations[i] for i in positions]
            return await engine.score(prompt, texts, end=[ends[i] for i in positions])

        keys = opened.identity("score").scores(prompt.text, continuations, ends)
        return await session.answers(opened, "score", keys, ask, _SCORED, together=True)

    async def choose(self, messages: Sequence[Message], options: Sequence[str]) -> Choice:
        """The probabilities of ``options`` as the beginning of the answer.

        An option's probability is summed over the spellings in which a model may write it
        (`engines.choices.spellings`), if the binding says so (`Binding.sums_spellings`).

        Returns:
            Log-probs in the order of ``options``, and the probability of all of them together.
        """
        if len(set(options)) < len(options) or not options:
            raise ValueError(f"options must differ from each other, got {list(options)}")
        session = self._session
        opened = session.engine_for(self.role, "choose")
        engine = opened.engine
        prompt = _answered(engine.render(messages))
        ordered = tuple(sorted(options))
        summed = session.binding(self.role).sums_spellings
        spelled = spellings(ordered) if summed else exact(ordered)

        async def ask(positions: list[int]) -> list[Choice]:
            return [await engine.choose(prompt, spelled) for _ in positions]

        keys = [opened.identity("choose").choice(prompt.text, spelled)]
        (chosen,) = await session.answers(opened, "choose", keys, ask, _CHOICE, together=True)
        if len(chosen.logprobs) != len(ordered):
            raise RowError(f"{len(chosen.logprobs)} log-probs came for {len(ordered)} options")
        session.masses.add(self.role, messages, options, chosen)
        by_option = dict(zip(ordered, chosen.logprobs, strict=True))
        return replace(chosen, logprobs=tuple(by_option[option] for option in options))

    async def reward(
        self,
        messages: Sequence[Message],
        text: str,
        *,
        step_ends: Sequence[int] | None = None,
        dropout: Dropout | None = None,
        end: bool = True,
    ) -> tuple[float, ...]:
        """Rewards of ``text`` as the answer to ``messages``, by the role's trained head.

        One reward of the full answer, or one per step if ``step_ends`` gives the end of each step
        in characters. ``end`` is False for an answer that does not end, because it was cut off or
        will be continued. See `engines.protocol.Engine.reward`.
        """
        session = self._session
        opened = self._rewarder(dropout)
        engine = opened.engine
        prompt = engine.render(messages)

        async def ask(positions: list[int]) -> list[Rewards]:
            rewards = await engine.reward(
                prompt, text, step_ends=step_ends, dropout=dropout, end=end
            )
            return [rewards for _ in positions]

        keys = [opened.identity("reward").reward(prompt.text, text, step_ends, dropout, end=end)]
        (rewards,) = await session.answers(opened, "reward", keys, ask, _REWARDS, together=True)
        return rewards.values

    def _rewarder(self, dropout: Dropout | None) -> OpenedEngine:
        return self._session.engine_for(self.role, "reward", in_process=dropout is not None)


def _answered(prompt: Rendered) -> Rendered:
    """``prompt`` before an answer without a thought."""
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
        """The usage of all models in this run up to now."""
        return self._session.usage

    @property
    def counts(self) -> Counter[str]:
        """What an operator counts as it goes, by name."""
        return self._session.counts

    def in_context(self, context: Context, counts: Counter[str], masses: Masses) -> "Models":
        """The same row's models, with the roles of ``context``, other ``counts`` and other
        ``masses`` of choices."""
        session = self._session.in_context(context, counts, masses)
        return Models(session, self._row_id, self._calls)

    def __getattr__(self, role: str) -> Model:
        if role.startswith("_"):
            raise AttributeError(role)
        return self[role]

    def at(self, row_id: str) -> "Models":
        """The same models with the seeds of another row.

        For calls about one of several responses: its answers then do not depend on the number of
        the others.
        """
        return Models(self._session, row_id)
