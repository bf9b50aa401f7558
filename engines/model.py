"""The models that an operator's coroutine calls, by role."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from engines.chat.thinking import apart, open_thought, unended, with_marks
from engines.chat.thinking_budget import NO_BUDGET, of_thought, thinking_before
from engines.choices import exact, spellings
from engines.context import Context
from engines.ledger import CURRENT
from engines.protocol import (
    Choice,
    Dropout,
    EngineError,
    Generation,
    Rendered,
    Rewards,
    RowError,
    Sampling,
    Scored,
    UntrainedHeadError,
)
from engines.runtime.answers import CHOICE, REWARDS, SCORED
from engines.runtime.masses import Masses
from engines.runtime.seeds import sample_seed
from engines.runtime.session import OpenedEngine, Question, Session
from engines.runtime.writing import Writer, answered
from schemas import Cost, Message, Usage

__all__ = ["Model", "Models", "SampledText", "thinking_before"]

_DEFAULT = Sampling()


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

    __slots__ = ("_about", "_calls", "_row_id", "_session", "_writer", "role")

    def __init__(
        self, role: str, session: Session, row_id: str, calls: Iterator[int], about: str
    ) -> None:
        self.role = role
        self._writer = Writer(role, session, about)
        self._session = session
        self._row_id = row_id
        self._calls = calls
        self._about = about

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
        engine = self._session.engine_for(self.role, "generate").engine
        seeds = self._seeds(call, n)
        prompt = engine.render(messages)
        thinks = prompt.thought is not None or open_thought(prompt.text) is not None
        if sampling.max_thinking_tokens is not None and not engine.local_weights:
            raise EngineError(NO_BUDGET)
        # The beginning of a thought and the rest of it are one text.
        within = messages[-1]["role"] == "assistant" and unended(messages[-1]["content"])
        if sampling.max_thinking_tokens is not None and thinks and not within:
            after = self._seeds(f"answer of {call}", n)
            answers = await asyncio.gather(
                *(
                    self._writer.think_and_answer(messages, prompt, sampling, *both)
                    for both in zip(seeds, after, strict=True)
                )
            )
        else:
            raws = await self._writer.write(prompt, sampling, seeds)
            answers = [with_marks(prompt, raw) if within else apart(prompt, raw) for raw in raws]
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
            for answer, seed in zip(answers, seeds, strict=True)
        ]

    def _seeds(self, call: int | str, n: int) -> list[int]:
        seed = self._session.context.seed
        return [sample_seed(seed, self._row_id, call, i) for i in range(n)]

    async def think(self, messages: Sequence[Message], *, sampling: Sampling) -> str | None:
        """The thought that the model writes before its answer to ``messages``, at most
        ``max_thinking_tokens`` tokens; None if it writes none. For `thinking_before`.

        Raises:
            EngineError: the role is a server, which applies its own template.
        """
        engine = self._session.engine_for(self.role, "generate").engine
        if not engine.local_weights:
            raise EngineError(NO_BUDGET)
        prompt = engine.render(messages)
        (seed,) = self._seeds(next(self._calls), 1)
        (raw,) = await self._writer.write(prompt, of_thought(sampling, prompt), [seed])
        return apart(prompt, raw).reasoning

    @property
    def continues(self) -> bool:
        """Whether it chooses the continuation of a last message that is the assistant's."""
        return self._session.engine_for(self.role, "choose").engine.continues

    async def first_words(self, messages: Sequence[Message], *, tokens: int) -> str:
        """What the model writes where `choose` reads its options: the first ``tokens`` tokens,
        greedily."""
        prompt = self._session.engine_for(self.role, "generate").engine.render(messages)
        sampling = Sampling(temperature=0, max_tokens=tokens)
        (answer,) = await self._writer.ask(answered(prompt), sampling, [0])
        return answer.text

    async def score(
        self,
        messages: Sequence[Message],
        continuations: Sequence[str],
        *,
        end: Sequence[bool] | None = None,
    ) -> list[Scored]:
        """Log-probs (natural log) of each continuation's tokens as the answer to ``messages``.

        Where the model thinks, the answer follows an empty thought; the thought of the last
        message, if that is the assistant's and has one (`thinking_before`); or its own, if it
        begins with one.

        Args:
            messages: the prompt.
            continuations: the texts to score.
            end: for each continuation, whether the token that ends the turn is scored too; by
                default always. Use False for a text that was cut off, or for part of a text.
        """
        session = self._session
        opened = session.engine_for(self.role, "score")
        rendered = opened.engine.render(messages)
        ends = [True] * len(continuations) if end is None else list(end)
        # Texts that begin with a thought follow another prompt than those without.
        by_prompt: dict[str, list[int]] = {}
        for number, text in enumerate(continuations):
            prompt = answered(rendered, begins=text)
            by_prompt.setdefault(prompt.text, []).append(number)
        scored: dict[int, Scored] = {}
        for prompt_text, numbers in by_prompt.items():
            scored |= await self._scored(
                opened,
                replace(rendered, text=prompt_text),
                {number: (continuations[number], ends[number]) for number in numbers},
            )
        return [scored[number] for number in range(len(continuations))]

    async def _scored(
        self, opened: OpenedEngine, prompt: Rendered, asked: Mapping[int, tuple[str, bool]]
    ) -> dict[int, Scored]:
        """The log-probs of the texts of ``asked`` (each with whether it ends) after ``prompt``."""
        texts, ends = zip(*asked.values(), strict=True)

        async def ask(positions: list[int]) -> list[Scored]:
            return await opened.engine.score(
                prompt, [texts[i] for i in positions], end=[ends[i] for i in positions]
            )

        keys = opened.identity("score").scores(prompt.text, texts, ends)
        answers = await self._session.answers(
            opened,
            "score",
            keys,
            ask,
            SCORED,
            question=Question(self.role, self._about, prompt),
            together=True,
        )
        return dict(zip(asked, answers, strict=True))

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
        prompt = answered(engine.render(messages))
        ordered = tuple(sorted(options))
        summed = session.binding(self.role).sums_spellings
        spelled = spellings(ordered) if summed else exact(ordered)

        async def ask(positions: list[int]) -> list[Choice]:
            return [await engine.choose(prompt, spelled) for _ in positions]

        keys = [opened.identity("choose").choice(prompt.text, spelled)]
        (chosen,) = await session.answers(
            opened,
            "choose",
            keys,
            ask,
            CHOICE,
            question=Question(self.role, self._about, prompt),
            together=True,
        )
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
        if open_thought(prompt.text) is None:
            # One that the header opens is closed by the engine, as the keys of old answers say.
            prompt = answered(prompt, begins=text)

        async def ask(positions: list[int]) -> list[Rewards]:
            rewards = await engine.reward(
                prompt, text, step_ends=step_ends, dropout=dropout, end=end
            )
            return [rewards for _ in positions]

        keys = [opened.identity("reward").reward(prompt.text, text, step_ends, dropout, end=end)]
        question = Question(self.role, self._about, prompt)
        try:
            (rewards,) = await session.answers(
                opened, "reward", keys, ask, REWARDS, question=question, together=True
            )
        except UntrainedHeadError:
            if (row := CURRENT.get()) is None:
                raise
            # A trial is before the training of the head. Nothing is journaled.
            tokens = engine.prompt_tokens(replace(prompt, text=prompt.text + text))
            row.note(self.role, opened.binding.price, [(keys[0], Cost(1, tokens))], journaled=False)
            return (0.0,) * (1 if step_ends is None else len(step_ends))
        return rewards.values

    def _rewarder(self, dropout: Dropout | None) -> OpenedEngine:
        return self._session.engine_for(self.role, "reward", in_process=dropout is not None)


class Models:
    """The models of one row: ``models.policy``, ``models["policy@previous"]``."""

    __slots__ = ("_about", "_calls", "_row_id", "_session")

    def __init__(
        self,
        session: Session,
        row_id: str,
        calls: Iterator[int] | None = None,
        about: str | None = None,
    ) -> None:
        self._session = session
        self._row_id = row_id
        self._calls = itertools.count() if calls is None else calls
        self._about = row_id if about is None else about

    def __getitem__(self, role: str) -> Model:
        return Model(role, self._session, self._row_id, self._calls, self._about)

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
        return Models(session, self._row_id, self._calls, self._about)

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

    def about(self, row_id: str) -> "Models":
        """The same models, seeds and numbers of calls, for questions about ``row_id``: one of the
        responses or nodes of this row. Only a trace of that row tells the difference."""
        return Models(self._session, self._row_id, self._calls, row_id)
