"""Replicas of an engine, as one engine.

Rows, seeds and the journal stay in this process. The replicas are asked the calls of this engine,
and answer them one by one. Any replica gives the same answer, so a call of a dead replica is given
to another one, and the dead one is replaced.
"""

from collections.abc import Sequence

from engines.cluster.replicas import Replicas
from engines.protocol import (
    Choice,
    Dropout,
    Engine,
    Generation,
    Rendered,
    Rewards,
    Sampling,
    Scored,
)
from schemas import Message


class Replicated(Engine):
    """Asks replicas of an engine.

    Args:
        engine: the engine in this process. It renders prompts and is asked nothing else, so it
            should load its weights at its first request only.
        replicas: the replicas of the same model.
    """

    name = "replicated"
    generates = scores = chooses = rewards = local_weights = True

    def __init__(self, engine: Engine, replicas: Replicas) -> None:
        self.name, self.revision = engine.name, engine.revision
        self.constrains, self.continues = engine.constrains, engine.continues
        self._engine = engine
        self._replicas = replicas

    @property
    def state(self) -> str:
        """How many replicas are ready, for people."""
        return self._replicas.state

    def render(self, messages: Sequence[Message]) -> Rendered:
        return self._engine.render(messages)

    def prompt_tokens(self, prompt: Rendered) -> int:
        return self._engine.prompt_tokens(prompt)

    async def generate(self, prompt: Rendered, sampling: Sampling, seed: int) -> Generation:
        answer: Generation = await self._replicas.ask("generate", prompt, sampling, seed)
        return answer

    async def score(
        self, prompt: Rendered, continuations: Sequence[str], *, end: Sequence[bool]
    ) -> list[Scored]:
        answer: list[Scored] = await self._replicas.ask("score", prompt, continuations, end=end)
        return answer

    async def choose(self, prompt: Rendered, options: Sequence[Sequence[str]]) -> Choice:
        answer: Choice = await self._replicas.ask("choose", prompt, options)
        return answer

    async def reward(
        self,
        prompt: Rendered,
        text: str,
        *,
        step_ends: Sequence[int] | None = None,
        dropout: Dropout | None = None,
        end: bool = True,
    ) -> Rewards:
        answer: Rewards = await self._replicas.ask(
            "reward", prompt, text, step_ends=step_ends, dropout=dropout, end=end
        )
        return answer

    async def close(self) -> None:
        """End the replicas."""
        await self._replicas.close()
        await self._engine.close()
