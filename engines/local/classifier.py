"""A classification model in memory, which many rows ask at once for the rewards of answers."""

import asyncio
import gc
from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoConfig

from engines.bindings import Binding
from engines.chat.answer_tokens import AnswerTokenizer, AnswerTokens
from engines.local.cpu_threads import every
from engines.protocol import Dropout, EngineError, Rewards
from engines.reward_heads import RewardHead
from engines.weights import model_folder, resolved_device, resolved_dtype

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_GATHER_SECONDS = 0.002
"""Rows resumed together ask within a millisecond; more of them are waited for this long."""
_WIDTH = 32
"""Rows are padded to a multiple of this, and one batch has rows of one width: then a reward is the
same to the last bit whatever shares its batch (on a CPU, in float32). With rows of many widths BLAS
and attention add up in other orders, and rewards differ by 1e-5."""
_BATCH_TOKENS = {True: 2048, False: 16384}
"""Tokens of one forward pass on a CPU, whose cache then holds the activations, and on a GPU."""


@dataclass(eq=False, slots=True)
class Request:
    """An answer that waits for its rewards."""

    tokens: AnswerTokens
    dropout: Dropout | None
    rewards: "asyncio.Future[list[float]]"

    @property
    def width(self) -> int:
        """Tokens, padding included."""
        return -(-len(self.tokens.ids) // _WIDTH) * _WIDTH


class Classifier(ABC):
    """A Transformers classification model whose head gives rewards. Used by the coroutines of one
    event loop; a thread of its own runs the model.

    The weights are loaded when rewards are first asked for. Only safetensors are read, and no code
    of the folder is run.
    """

    auto_class: ClassVar[Any]
    """The ``AutoModelFor...Classification`` that loads the weights."""
    head: ClassVar[RewardHead]

    def __init__(
        self,
        binding: Binding,
        tokenizer: "PreTrainedTokenizerBase",
        *,
        batch_tokens: int | None = None,
    ) -> None:
        """``batch_tokens``: tokens, padding included, of one forward pass; by default what suits
        the device. Raises `EngineError` if the folder holds no model."""
        self._binding = binding
        self._folder = model_folder(binding)
        self._device = resolved_device(binding)
        self._batch_tokens = batch_tokens or _BATCH_TOKENS[self._device.startswith("cpu")]
        try:
            self.config = AutoConfig.from_pretrained(str(self._folder), trust_remote_code=False)
        except (OSError, ValueError) as error:
            raise EngineError(f"{self._folder} is no {self.head.kind}: {error}") from error
        text = self.config.get_text_config()
        self._hidden: int = text.hidden_size
        limit = getattr(text, "max_position_embeddings", None)
        self._answers = AnswerTokenizer(tokenizer, limit=limit)
        padding = getattr(self.config, "pad_token_id", None)
        self._padding: int = tokenizer.pad_token_id or 0 if padding is None else padding
        self._model: Any = None
        self._waiting: list[Request] = []
        self._serving: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, "reward-model", torch.set_num_threads, (every(),))

    async def reward(
        self,
        prompt: str,
        text: str,
        step_ends: Sequence[int] | None = None,
        dropout: Dropout | None = None,
    ) -> Rewards:
        """As `engines.protocol.Engine.reward`. What is asked at the same time, by any row, shares
        forward passes with what is as long."""
        tokens = self._answers.tokens(prompt, text, step_ends)
        request = Request(tokens, dropout, asyncio.get_running_loop().create_future())
        self._waiting.append(request)
        if self._serving is None:
            self._serving = asyncio.create_task(self._serve())
        return Rewards(tuple(await request.rewards), len(tokens.ids))

    async def close(self) -> None:
        """Free the model's memory. A call in flight is cancelled."""
        if self._serving is not None:
            self._serving.cancel()
            await asyncio.gather(self._serving, return_exceptions=True)
        await asyncio.to_thread(self._thread.shutdown)
        self._model = None
        gc.collect()
        if self._device.startswith("cuda"):
            torch.cuda.empty_cache()

    @abstractmethod
    def read(self, logits: torch.Tensor, requests: Sequence[Request]) -> list[list[float]]:
        """The rewards of each request. ``logits``: Float32, as the model gives them."""

    def forward(self, requests: Sequence[Request]) -> list[list[float]]:
        """The rewards of ``requests``, which have one width, in one forward pass."""
        ids = pad_sequence(
            [torch.tensor(one.tokens.ids) for one in requests],
            batch_first=True,
            padding_value=self._padding,
        )
        ids = torch.nn.functional.pad(
            ids, (0, requests[0].width - ids.shape[1]), value=self._padding
        )
        lengths = torch.tensor([len(one.tokens.ids) for one in requests])
        attention = (torch.arange(ids.shape[1]) < lengths[:, None]).long()
        with torch.inference_mode():
            logits = self._model(
                input_ids=ids.to(self._device),
                attention_mask=attention.to(self._device),
                use_cache=False,
            ).logits.float()
            return self.read(logits, requests)

    async def _serve(self) -> None:
        try:
            while self._waiting:
                asked = 0
                while asked < len(self._waiting):
                    asked = len(self._waiting)
                    await asyncio.sleep(_GATHER_SECONDS)
                if batch := self._next_batch():
                    await self._answer(batch)
        finally:
            self._serving = None

    def _next_batch(self) -> list[Request]:
        """The oldest request, and as many of its width as there is room for."""
        waiting = [one for one in self._waiting if not one.rewards.done()]
        alike = [one for one in waiting if one.width == waiting[0].width]
        batch = alike[: max(1, self._batch_tokens // alike[0].width)] if alike else []
        taken = set(map(id, batch))
        self._waiting = [one for one in waiting if id(one) not in taken]
        return batch

    async def _answer(self, batch: Sequence[Request]) -> None:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(self._thread, self._run, batch)
        except Exception as error:
            failed = EngineError(f"the {self.head.kind} {self._folder} failed: {error}")
            for one in batch:
                if not one.rewards.done():
                    one.rewards.set_exception(error if isinstance(error, EngineError) else failed)
            return
        for one, rewards in zip(batch, found, strict=True):
            if not one.rewards.done():
                one.rewards.set_result(rewards)

    def _run(self, batch: Sequence[Request]) -> list[list[float]]:
        if self._model is None:
            self._model = self._loaded()
        return self.forward(batch)

    def _loaded(self) -> Any:
        try:
            model, report = self.auto_class.from_pretrained(
                str(self._folder),
                dtype=resolved_dtype(self._binding),
                use_safetensors=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
        except (OSError, ValueError, ImportError) as error:
            raise EngineError(
                f"{self._folder} cannot be loaded as a {self.head.kind}: {error}"
            ) from error
        self.head.check(model.config, self._folder, trained=not report["missing_keys"])
        # A sequence classification model is read at the last token that is no padding.
        model.config.pad_token_id = self._padding
        return model.to(self._device).requires_grad_(False).train(False)
