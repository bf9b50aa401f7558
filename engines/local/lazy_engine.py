"""The Transformers engine with weights that are loaded at the first request."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from engines.bindings import Binding
from engines.local.options import Options
from engines.protocol import (
    Choice,
    Dropout,
    Engine,
    EngineError,
    Generation,
    Rendered,
    Rewards,
    Sampling,
    Scored,
)
from schemas import Message, Need

if TYPE_CHECKING:
    from engines.local.classifier import Classifier


class LazyEngine(Engine):
    """Loads its weights at the first request: a language model to generate, score and choose, a
    classification model to reward.

    If all answers of a run are in the journal, it reads only the digest of the weights and the chat
    template.
    """

    name = "transformers"
    generates = scores = chooses = rewards = local_weights = True
    requires = ("model",)
    options = Options

    def __init__(self, binding: Binding, load: Callable[[Binding], Engine] | None = None) -> None:
        from engines.weights import weights_revision

        self._binding = binding
        self._load = load or _transformers
        self._engine: Engine | None = None
        self._classifiers: dict[bool, Classifier] = {}
        self.revision = weights_revision(binding)

    def render(self, messages: Sequence[Message]) -> Rendered:
        """As in the loaded engine, but refuses a prompt that is too long only at its request."""
        if self._engine is None and self._tokenizer is not None:
            from engines.chat.template import chat_text, thought_form

            arguments = self._binding.template_arguments
            text = chat_text(self._tokenizer, messages, arguments)
            form = thought_form(self._tokenizer, arguments)
            return Rendered(tuple(messages), text, self._marked, form)
        return self._loaded().render(messages)

    def prompt_tokens(self, prompt: Rendered) -> int:
        if self._engine is None and self._tokenizer is not None:
            from engines.chat.template import prompt_ids

            return len(prompt_ids(self._tokenizer, prompt.text))
        return self._loaded().prompt_tokens(prompt)

    async def generate(self, prompt: Rendered, sampling: Sampling, seed: int) -> Generation:
        return await self._loaded().generate(prompt, sampling, seed)

    async def score(
        self, prompt: Rendered, continuations: Sequence[str], *, end: Sequence[bool]
    ) -> list[Scored]:
        return await self._loaded().score(prompt, continuations, end=end)

    async def choose(self, prompt: Rendered, options: Sequence[Sequence[str]]) -> Choice:
        return await self._loaded().choose(prompt, options)

    async def reward(
        self,
        prompt: Rendered,
        text: str,
        *,
        step_ends: Sequence[int] | None = None,
        dropout: Dropout | None = None,
        end: bool = True,
    ) -> Rewards:
        classifier = self._classifier(steps=step_ends is not None)
        return await classifier.reward(prompt.text, text, step_ends, dropout, end)

    @classmethod
    def gpus(cls, options: Mapping[str, Any]) -> int:
        return 1

    @classmethod
    def memory(cls, binding: Binding) -> Need | None:
        from engines.memory.needs import running_need
        from engines.weights import resolved_device

        options = Options.model_validate(dict(binding.options))
        try:
            return running_need(
                binding,
                batch_size=options.batch_size,
                cache_tokens=options.cache_tokens,
                pass_tokens=options.pass_tokens(resolved_device(binding)),
            )
        except EngineError:
            return None  # loading the model raises an error that explains it

    async def close(self) -> None:
        """Free the weights, if they were loaded."""
        for model in (self._engine, *self._classifiers.values()):
            if model is not None:
                await model.close()

    def _loaded(self) -> Engine:
        if self._engine is None:
            engine = self._load(self._binding)
            self._check_revision(engine.revision)
            self._engine = engine
        return self._engine

    def _classifier(self, *, steps: bool) -> "Classifier":
        from engines.local.reward_model import RewardModel
        from engines.local.step_reward_model import StepRewardModel
        from engines.weights import weights_revision

        if steps not in self._classifiers:
            # The weights are read a little later, in the same call.
            self._check_revision(weights_revision(self._binding))
            kind = StepRewardModel if steps else RewardModel
            batch_tokens = Options.model_validate(dict(self._binding.options)).score_tokens
            self._classifiers[steps] = kind(
                self._binding, self._tokenizer, batch_tokens=batch_tokens
            )
        return self._classifiers[steps]

    def _check_revision(self, revision: str) -> None:
        if revision != self.revision:
            raise EngineError(
                f"{self._binding.model} changed while this run was using it: run the same "
                "command again to use the model as it is now"
            )

    @cached_property
    def _tokenizer(self) -> Any:
        from engines.weights import chat_tokenizer

        try:
            return chat_tokenizer(self._binding)
        except EngineError:
            return None  # loading the model raises an error that explains it

    @cached_property
    def _marked(self) -> Callable[[Generation], str] | None:
        from engines.chat.thinking import marking

        return marking(self._tokenizer)


def _transformers(binding: Binding) -> Engine:
    from engines.local.engine import TransformersEngine

    return TransformersEngine(binding)
