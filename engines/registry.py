"""Which engine a binding asks for. Engines are imported when one is opened: they are heavy."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from engines.bindings import Binding
from engines.protocol import Engine, EngineError, Generation, Rendered, Sampling, Scored
from schemas import Message


def open_engine(binding: Binding) -> Engine:
    """The binding's engine. Its weights may be loaded only when they are first asked.

    Raises `EngineError` if there is no such model, or no such server.
    """
    if binding.engine == "openai":
        from engines.openai.engine import OpenAIEngine

        return OpenAIEngine(binding)
    if binding.engine == "vllm":
        from engines.vllm import VLLMEngine

        return VLLMEngine(binding)
    return Sleeping(binding)


class Sleeping(Engine):
    """A Transformers engine that loads its weights when it is first asked something.

    A run whose every answer is in the journal needs their digest and the chat template only.
    """

    name = "transformers"
    generates = scores = chooses = True

    def __init__(self, binding: Binding, load: Callable[[Binding], Engine] | None = None) -> None:
        from engines.weights import weights_revision

        self._binding = binding
        self._load = load or _transformers
        self._engine: Engine | None = None
        self.revision = weights_revision(binding)

    def render(self, messages: Sequence[Message]) -> Rendered:
        """As the awake engine renders; what is too long is found out when it is asked."""
        if self._engine is None and self._tokenizer is not None:
            from engines.chat.template import chat_text

            text = chat_text(self._tokenizer, messages, self._binding.template_arguments)
            return Rendered(tuple(messages), text, self._marked)
        return self._awake().render(messages)

    async def generate(self, prompt: Rendered, sampling: Sampling, seed: int) -> Generation:
        return await self._awake().generate(prompt, sampling, seed)

    async def score(
        self, prompt: Rendered, continuations: Sequence[str], *, end: Sequence[bool]
    ) -> list[Scored]:
        return await self._awake().score(prompt, continuations, end=end)

    async def choose(self, prompt: Rendered, options: Sequence[str]) -> list[float]:
        return await self._awake().choose(prompt, options)

    async def close(self) -> None:
        """Free the weights, if they were loaded."""
        if self._engine is not None:
            await self._engine.close()

    def _awake(self) -> Engine:
        if self._engine is None:
            engine = self._load(self._binding)
            if engine.revision != self.revision:
                raise EngineError(
                    f"{self._binding.model} changed while this run was using it: give the same "
                    "command again to use the model as it is now"
                )
            self._engine = engine
        return self._engine

    @cached_property
    def _tokenizer(self) -> Any:
        from transformers import AutoTokenizer

        from engines.weights import model_folder

        folder = str(model_folder(self._binding))
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        except (OSError, ValueError):
            return None  # loading the whole model says what is wrong with it
        return tokenizer if tokenizer.chat_template else None

    @cached_property
    def _marked(self) -> Callable[[Generation], str] | None:
        from engines.chat.thinking import marking

        return marking(self._tokenizer)


def _transformers(binding: Binding) -> Engine:
    from engines.local.engine import TransformersEngine

    return TransformersEngine(binding)
