"""The Transformers engine: a Hugging Face model in this process, on CPU or GPU."""

import asyncio
import gc
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch

from engines.bindings import Binding
from engines.chat.template import chat_text, prompt_ids, require_room, thought_form, token_ids
from engines.chat.thinking import marking
from engines.choices import Spelling, choice, option_logprobs, tokenised
from engines.local.causal_lm import LanguageModel
from engines.local.continuous_batching import Decoder, RunningSequence, check_decoding
from engines.local.options import Options
from engines.local.prefix_scoring import LogProbs, PrefixScorer, ScoreRequest
from engines.local.scheduler import Worker
from engines.memory.free_memory import free_memory
from engines.memory.model_size import model_size
from engines.memory.needs import cache_bytes
from engines.protocol import (
    Choice,
    Engine,
    EngineError,
    Generation,
    Rendered,
    RowError,
    Sampling,
    Scored,
)
from engines.weights import weights_revision
from schemas import Message

_KEPT_PROMPTS = 8192
"""Prompts whose tokens are remembered. More than a run has in flight (`Context.window`)."""


class TransformersEngine(Engine):
    """Loads the weights on construction. A worker thread runs them until `close`."""

    name = "transformers"
    generates = scores = chooses = local_weights = True
    requires = ("model",)
    options = Options
    turn_end: int | None
    """The token that ends a turn. ``end=True`` scores it."""

    def __init__(self, binding: Binding) -> None:
        """Raises `EngineError` if the folder or the weights cannot be used."""
        settings = Options.model_validate(dict(binding.options))
        self.revision = weights_revision(binding)
        self._worker = Worker(lambda: _loaded(binding, settings))
        model = self._worker.model
        self._gpu = model.device.type == "cuda"
        self._open = True
        self._positions = model.positions
        self._embedded = model.embedded
        self.turn_end = model.turn_end
        self._tokenizer = model.tokenizer
        self._arguments = binding.template_arguments
        self._marked = marking(model.tokenizer)
        self._thought = thought_form(model.tokenizer, binding.template_arguments)
        self._lock = threading.Lock()
        self._prompts: OrderedDict[str, tuple[int, ...]] = OrderedDict()

    def render(self, messages: Sequence[Message]) -> Rendered:
        """The prompt's text. Its tokens are kept for later calls. If the last message is the
        assistant's, the model continues it. Raises `RowError` if there is no room for one more
        token."""
        with self._lock:
            text = chat_text(self._tokenizer, messages, self._arguments)
        rendered = Rendered(tuple(messages), text, self._marked, self._thought)
        self._prompt(rendered)
        return rendered

    def prompt_tokens(self, prompt: Rendered) -> int:
        return len(self._prompt(prompt))

    async def generate(self, prompt: Rendered, sampling: Sampling, seed: int) -> Generation:
        ids = self._prompt(prompt)
        if sampling.max_tokens < 1:
            raise RowError(f"max_tokens is {sampling.max_tokens}: ask for at least one token")
        limit = min(sampling.max_tokens, self._positions - len(ids))
        text: Generation = await self._ask(
            lambda done, cancelled: RunningSequence(ids, sampling, limit, seed, done, cancelled),
            self._worker.write,
        )
        return text

    async def score(
        self, prompt: Rendered, continuations: Sequence[str], *, end: Sequence[bool]
    ) -> list[Scored]:
        if len(end) != len(continuations):
            raise ValueError(f"{len(continuations)} continuations but {len(end)} values of 'end'")
        ids = self._prompt(prompt)
        targets = [
            self._continuation(text, stop) for text, stop in zip(continuations, end, strict=True)
        ]
        for number, tokens in enumerate(targets):
            if len(ids) + len(tokens) > self._positions:
                raise RowError(
                    f"continuation {number} has {len(tokens)} tokens after a prompt of {len(ids)}; "
                    f"the model takes {self._positions} together"
                )
        answer = await self._logprobs(ids, targets)
        if not all(-float("inf") < value <= 0 for values in answer for value in values):
            raise RowError("the model gives a token of this continuation no (or a nan) probability")
        return [
            Scored(tokens, tuple(values)) for tokens, values in zip(targets, answer, strict=True)
        ]

    async def choose(self, prompt: Rendered, options: Sequence[Sequence[str]]) -> Choice:
        ids = self._prompt(prompt)
        spelled = tokenised(options, self._tokens)
        flat = [spelling for own in spelled for spelling in own]
        if len(ids) + max(map(len, flat)) > self._positions:
            raise RowError(
                f"the prompt has {len(ids)} tokens and the model takes {self._positions}, the "
                "longest option included"
            )
        answer = await self._logprobs(ids, flat)
        totals = option_logprobs(spelled, dict(zip(flat, map(sum, answer), strict=True)))
        chosen = choice(totals)
        # Options with one spelling have the log-probs, to the last bit, of earlier versions.
        normalised = torch.tensor(totals, dtype=torch.float64).log_softmax(0).tolist()
        return replace(chosen, logprobs=tuple(normalised))

    async def close(self) -> None:
        """Free the model's memory. Waiting calls fail with `EngineError`."""
        if not self._open:
            return
        self._open = False
        await asyncio.to_thread(self._worker.close)
        gc.collect()  # The cache and its layers refer to each other.
        if self._gpu:
            torch.cuda.empty_cache()

    def _prompt(self, rendered: Rendered) -> tuple[int, ...]:
        ids = self._prompts.get(rendered.text)
        if ids is None:
            with self._lock:
                ids = self._known(prompt_ids(self._tokenizer, rendered.text))
            self._prompts[rendered.text] = ids
            if len(self._prompts) > _KEPT_PROMPTS:
                self._prompts.popitem(last=False)
        require_room(ids, self._positions)
        return ids

    def _continuation(self, text: str, end: bool) -> tuple[int, ...]:
        ids = self._tokens(text)
        if not end:
            return ids
        if self.turn_end is None:
            raise EngineError(
                "neither the chat template nor the tokenizer defines the token that ends a turn: "
                "set eos_token in tokenizer_config.json"
            )
        return (*ids, self.turn_end)

    def _tokens(self, text: str) -> tuple[int, ...]:
        with self._lock:
            return self._known(token_ids(self._tokenizer, text))

    def _known(self, ids: Sequence[int]) -> tuple[int, ...]:
        """``ids``, if the model has an embedding of each. Raises `RowError` if not."""
        if (last := max(ids, default=0)) >= self._embedded:
            raise RowError(
                f"the text has the token {self._tokenizer.convert_ids_to_tokens(last)!r} "
                f"(id {last}), and the model has only {self._embedded} embeddings: tokens were "
                "added to the tokenizer without model.resize_token_embeddings"
            )
        return tuple(ids)

    async def _logprobs(self, ids: tuple[int, ...], targets: Sequence[Spelling]) -> LogProbs:
        answer: LogProbs = await self._ask(
            lambda done, cancelled: ScoreRequest(ids, tuple(targets), done, cancelled),
            self._worker.score,
        )
        return answer

    async def _ask(
        self,
        request: Callable[[Callable[[Any], None], Callable[[], bool]], Any],
        submit: Callable[[Any], None],
    ) -> Any:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()

        def settle(result: Any) -> None:
            if future.done():
                return
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)

        def done(result: Any) -> None:
            # Nobody waits on a closed loop.
            if not loop.is_closed():
                loop.call_soon_threadsafe(settle, result)

        submit(request(done, future.cancelled))
        return await future


def _loaded(binding: Binding, settings: Options) -> tuple[Decoder, PrefixScorer]:
    model = LanguageModel(binding)
    prefill = settings.pass_tokens(model.device.type)
    cache = settings.cache_tokens or _cache_tokens(binding, model)
    # The check uses its own decoder with few rows. A used decoder keeps its cache: 0.5 GB, even
    # for a model that only scores.
    check_decoding(model, Decoder(model, rows=4, budget=cache, prefill=prefill))
    decoder = Decoder(model, rows=settings.batch_size, budget=cache, prefill=prefill)
    return decoder, PrefixScorer(model, cells=prefill)


def _cache_tokens(binding: Binding, model: LanguageModel) -> int:
    """The positions of key-value cache: those of one sequence at least."""
    size, device = model_size(binding), str(model.device)
    room = cache_bytes(size, free_memory(device), device, None)
    return max(room // max(size.position_bytes, 1), model.positions)
