"""A classification model in memory. It computes rewards of answers in batches."""

import asyncio
import gc
from abc import ABC, abstractmethod
from collections import defaultdict, deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoConfig

from engines.adapters import adapted, merge_first
from engines.bindings import Binding
from engines.chat.answer_tokens import AnswerTokenizer, AnswerTokens
from engines.local.cpu_threads import default_threads
from engines.protocol import Dropout, EngineError, Rewards
from engines.reward_heads import RewardHead
from engines.weights import model_folder, resolved_device, resolved_dtype

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_GATHER_SECONDS = 0.002
"""How long to wait for more requests. Rows that resume together send them within a millisecond."""
_WIDTH = 32
"""Rows are padded to a multiple of this, and all rows of a batch have one width. Then a reward does
not depend on its batch, to the last bit (on a CPU, in float32). With different widths, BLAS and
attention add up in other orders, and rewards differ by 1e-5."""
_BATCH_TOKENS = {True: 2048, False: 16384}
"""Tokens of one forward pass, by whether it runs on a CPU. On a CPU, the activations of 2048 tokens
fit its cache."""


@dataclass(eq=False, slots=True)
class Request:
    """A request for the rewards of one answer. Earlier ones have lower numbers."""

    number: int
    tokens: AnswerTokens
    dropout: Dropout | None
    rewards: "asyncio.Future[list[float]]"

    @property
    def width(self) -> int:
        """Tokens, padding included."""
        return -(-len(self.tokens.ids) // _WIDTH) * _WIDTH


class Classifier(ABC):
    """A Transformers classification model whose head gives rewards. Used by the coroutines of one
    event loop; a separate thread runs the model.

    The weights are loaded at the first request. Only safetensors are read, and no code of the
    folder is run.
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
        """Read the model's configuration.

        Args:
            binding: the model.
            tokenizer: its tokenizer.
            batch_tokens: the tokens of one forward pass, padding included. The default depends on
                the device.

        Raises:
            EngineError: the folder has no model.
        """
        self._binding = binding
        self._folder = model_folder(binding)
        if adapted(self._folder) is not None:
            kind = self.auto_class.__name__.removeprefix("AutoModelFor")
            raise merge_first(binding.model, f"a {self.head.kind} needs", kind=kind)
        self._device = resolved_device(binding)
        self._batch_tokens = batch_tokens or _BATCH_TOKENS[self._device.startswith("cpu")]
        try:
            self.config = AutoConfig.from_pretrained(str(self._folder), trust_remote_code=False)
        except (OSError, ValueError) as error:
            raise EngineError(f"{self._folder} is not a {self.head.kind}: {error}") from error
        text = self.config.get_text_config()
        self._hidden: int = text.hidden_size
        limit = getattr(text, "max_position_embeddings", None)
        self._answers = AnswerTokenizer(tokenizer, limit=limit)
        padding = getattr(self.config, "pad_token_id", None)
        self._padding: int = tokenizer.pad_token_id or 0 if padding is None else padding
        self._model: Any = None
        self._received = 0
        self._waiting: defaultdict[int, deque[Request]] = defaultdict(deque)  # By width.
        self._serving: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(
            1, "reward-model", torch.set_num_threads, (default_threads(),)
        )

    async def reward(
        self,
        prompt: str,
        text: str,
        step_ends: Sequence[int] | None = None,
        dropout: Dropout | None = None,
        end: bool = True,
    ) -> Rewards:
        """As `engines.protocol.Engine.reward`. Simultaneous requests of one width share forward
        passes."""
        tokens = self._answers.tokens(prompt, text, step_ends, end=end)
        rewards = asyncio.get_running_loop().create_future()
        request = Request(self._received, tokens, dropout, rewards)
        self._received += 1
        self._waiting[request.width].append(request)
        if self._serving is None:
            self._serving = asyncio.create_task(self._serve())
        return Rewards(tuple(await rewards), len(tokens.ids))

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
        """The rewards of each request. ``logits``: Float32, the model's output."""

    def forward(self, requests: Sequence[Request]) -> list[list[float]]:
        """The rewards of ``requests`` in one forward pass. All must have one width."""
        ids = pad_sequence(
            [torch.tensor(request.tokens.ids) for request in requests],
            batch_first=True,
            padding_value=self._padding,
        )
        ids = torch.nn.functional.pad(
            ids, (0, requests[0].width - ids.shape[1]), value=self._padding
        )
        lengths = torch.tensor([len(request.tokens.ids) for request in requests])
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
                received = -1
                while received < self._received:
                    received = self._received
                    await asyncio.sleep(_GATHER_SECONDS)
                if batch := self._next_batch():
                    await self._answer(batch)
        finally:
            self._serving = None

    def _next_batch(self) -> list[Request]:
        """The oldest request and others of its width, up to the size of a batch."""
        batch: list[Request] = []
        while self._waiting and not batch:
            width, alike = min(self._waiting.items(), key=lambda queue: queue[1][0].number)
            while alike and len(batch) < max(1, self._batch_tokens // width):
                request = alike.popleft()
                if not request.rewards.done():  # Else nobody waits for it any more.
                    batch.append(request)
            if not alike:
                del self._waiting[width]
        return batch

    async def _answer(self, batch: Sequence[Request]) -> None:
        loop = asyncio.get_running_loop()
        try:
            results = await loop.run_in_executor(self._thread, self._run, batch)
        except Exception as error:
            failed = EngineError(f"the {self.head.kind} {self._folder} failed: {error}")
            for request in batch:
                if not request.rewards.done():
                    request.rewards.set_exception(
                        error if isinstance(error, EngineError) else failed
                    )
            return
        for request, rewards in zip(batch, results, strict=True):
            if not request.rewards.done():
                request.rewards.set_result(rewards)

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
        # A sequence classification model is read at the last token before the padding.
        model.config.pad_token_id = self._padding
        return model.to(self._device).requires_grad_(False).train(False)
