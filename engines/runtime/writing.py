"""The texts that a role's model writes: after a prompt, or after a thought of limited length."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from engines.chat.thinking import answering, apart, open_thought
from engines.chat.thinking_budget import joined, of_thought, thinking_before, tokens_left
from engines.protocol import Generation, Rendered, Sampling
from engines.runtime.answers import GENERATION
from engines.runtime.session import Question, Session
from schemas import Message


@dataclass(frozen=True, slots=True)
class Writer:
    """The model of a role that writes for one row.

    Attributes:
        role: The role.
        session: The run.
        about: The row that its questions are about.
    """

    role: str
    session: Session
    about: str

    async def write(
        self, prompt: Rendered, sampling: Sampling, seeds: Sequence[int]
    ) -> list[Generation]:
        """The texts after ``prompt``, as the engine gives them."""
        session = self.session
        opened = session.engine_for(self.role, "generate")
        engine = opened.engine
        if sampling.pattern is not None and not (
            engine.constrains and open_thought(prompt.text) is None
        ):
            # If the text begins inside a thought, the pattern of the answer does not apply to it.
            sampling = replace(sampling, pattern=None)

        raws = await self.ask(prompt, sampling, seeds)
        for raw in raws:
            session.usage.wrote(sampling.max_tokens, cut=raw.finish == "length", tokens=raw.tokens)
        return raws

    async def ask(
        self, prompt: Rendered, sampling: Sampling, seeds: Sequence[int]
    ) -> list[Generation]:
        """The engine's texts or the journal's, whatever ``prompt`` begins."""
        opened = self.session.engine_for(self.role, "generate")

        async def generate(positions: list[int]) -> list[Generation]:
            return [await opened.engine.generate(prompt, sampling, seeds[i]) for i in positions]

        return await self.session.answers(
            opened,
            "generate",
            opened.identity("generate", sampling).generations(prompt.text, seeds),
            generate,
            GENERATION,
            question=Question(self.role, self.about, prompt),
            together=False,
        )

    async def think_and_answer(
        self,
        messages: Sequence[Message],
        prompt: Rendered,
        sampling: Sampling,
        seed: int,
        answer_seed: int,
    ) -> Generation:
        """A thought of at most ``max_thinking_tokens`` tokens, and the answer after it."""
        (raw,) = await self.write(prompt, of_thought(sampling, prompt), [seed])
        thought = apart(prompt, raw)
        left = tokens_left(thought, sampling)
        if not left:
            return thought
        begun = thinking_before(messages, thought.reasoning, thought.text)
        following = self.session.engine_for(self.role, "generate").engine.render(begun)
        rest = replace(sampling, max_tokens=left, max_thinking_tokens=None)
        (raw,) = await self.write(following, rest, [answer_seed])
        return joined(thought, apart(following, raw))


def answered(prompt: Rendered, *, begins: str = "") -> Rendered:
    """``prompt`` before an answer without a thought, or one that ``begins`` with its own."""
    last = prompt.messages[-1]
    if last["role"] == "assistant" and (last["content"] or "reasoning" in last):
        # A thought is already there, before what the answer begins with.
        return prompt
    return replace(prompt, text=answering(prompt.text, begins=begins, form=prompt.thought))
