"""A process reward model in memory, asked for the rewards of steps by many rows at once. Imported
only when one is."""

import asyncio
import gc
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoModelForTokenClassification, AutoTokenizer

from annotators.untrained import HeadlessError
from engines.bindings import Binding
from engines.chat.template import chat_text, prompt_ids
from engines.chat.thinking import answering
from engines.chat.tokenizer import Tokenizing, tokens_until
from engines.local.scheduler import nearest
from engines.protocol import EngineError, RowError
from engines.weights import model_folder, resolved_device, resolved_dtype, weights_revision
from schemas import Message

_GATHER_SECONDS = 0.002
"""Rows resumed together ask within a millisecond; so long more are waited for."""


@dataclass(frozen=True, slots=True)
class Solution:
    """The ids of a prompt and of a solution of it, and where the last token of each step is."""

    ids: tuple[int, ...]
    positions: tuple[int, ...]


@dataclass(eq=False, slots=True)
class _Asked:
    """A solution in the queue, and who waits for it."""

    solution: Solution
    answer: "asyncio.Future[list[float]]"


class StepHead:
    """A token classification model of one or two labels, with the tokenizer that it was trained
    under. Used by the coroutines of one event loop.

    Of two labels the second is the right step's. One label is the logit of a probability unless
    the configuration's ``step_reward`` says "value". ``revision`` is the digest of the folder's
    files. Only safetensors are read, and no code of the folder is run.
    """

    def __init__(self, binding: Binding, *, batch_tokens: int) -> None:
        """``batch_tokens``: tokens, padding included, of one forward pass. Raises `EngineError` if
        the folder holds no such model."""
        folder = model_folder(binding)
        self.revision = weights_revision(binding)
        self._device = resolved_device(binding)
        self._arguments = binding.template_arguments
        self._cells = batch_tokens
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False)
            model, missing = _model(folder, resolved_dtype(binding))
        except (OSError, ValueError, ImportError) as error:
            raise EngineError(
                f"{folder} cannot be loaded as a process reward model: {error}"
            ) from error
        if missing or model.config.num_labels not in (1, 2):
            raise HeadlessError(
                f"{folder} is no process reward model: it has no trained head of one or two labels "
                "for each token. Train one with trainers.PRM or trainers.ValueHead and name that "
                "stage as checkpoint:, or bind the role to a token classification model"
            )
        if not self._tokenizer.chat_template:
            raise EngineError(f"{folder}: its tokenizer has no chat template")
        if not self._tokenizer.is_fast:
            raise EngineError(
                f"{folder}: a slow tokenizer does not say where its tokens lie in a text; save it "
                "with tokenizer.json"
            )
        self.tokenizing = Tokenizing(self._tokenizer)
        self._value = getattr(model.config, "step_reward", "probability") == "value"
        self._padding: int = self._tokenizer.pad_token_id or 0
        self._model: Any = model.to(self._device).requires_grad_(False).train(False)
        text = model.config.get_text_config()
        self._limit: int | None = getattr(text, "max_position_embeddings", None)
        self._waiting: list[_Asked] = []
        self._running: asyncio.Task[None] | None = None

    def solution(self, messages: Sequence[Message], text: str, ends: Sequence[int]) -> Solution:
        """``text`` as the answer to ``messages``, its steps ending after ``ends`` characters.

        A step is read at the last token that begins before its end; one that has none ends where
        the one before it does. Raises `RowError` if the tokens are more than the model takes, or
        the template refuses the messages.
        """
        header = chat_text(self._tokenizer, messages, self._arguments)
        prompt = prompt_ids(self._tokenizer, answering(header, begins=text))
        ids, counts = tokens_until(self._tokenizer, text, ends)
        if self._limit is not None and len(prompt) + len(ids) > self._limit:
            raise RowError(
                f"{len(prompt) + len(ids)} tokens, the process reward model takes {self._limit}"
            )
        return Solution((*prompt, *ids), tuple(len(prompt) + count - 1 for count in counts))

    async def rewards(self, solution: Solution) -> list[float]:
        """The reward of each step. What is asked at the same time, by whomever, shares forward
        passes with what is nearest to it in length."""
        asked = _Asked(solution, asyncio.get_running_loop().create_future())
        self._waiting.append(asked)
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await asked.answer

    async def close(self) -> None:
        """Free the model's memory."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        self._model = None
        gc.collect()
        if self._device.startswith("cuda"):
            torch.cuda.empty_cache()

    async def _run(self) -> None:
        try:
            while self._waiting:
                known = 0
                while known < len(self._waiting) and not self._full():
                    known = len(self._waiting)
                    await asyncio.sleep(_GATHER_SECONDS)
                self._waiting = [one for one in self._waiting if not one.answer.done()]
                if self._waiting:
                    await self._serve()
        finally:
            self._running = None

    async def _serve(self) -> None:
        batch = nearest(self._waiting, length=lambda one: len(one.solution.ids), fits=self._fits)
        taken = set(map(id, batch))
        self._waiting = [one for one in self._waiting if id(one) not in taken]
        try:
            found = await asyncio.to_thread(self._forward, [one.solution for one in batch])
        except Exception as error:
            for one in batch:
                if not one.answer.done():
                    one.answer.set_exception(EngineError(f"the process reward model: {error}"))
            return
        for one, rewards in zip(batch, found, strict=True):
            if not one.answer.done():
                one.answer.set_result(rewards)

    def _full(self) -> bool:
        return sum(len(one.solution.ids) for one in self._waiting) >= self._cells

    def _fits(self, one: _Asked, others: Sequence[_Asked]) -> bool:
        longest = max(len(each.solution.ids) for each in (one, *others))
        return (len(others) + 1) * longest <= self._cells

    def _forward(self, solutions: Sequence[Solution]) -> list[list[float]]:
        """The rewards of the steps of each solution, in one batch."""
        ids = pad_sequence(
            [torch.tensor(one.ids) for one in solutions],
            batch_first=True,
            padding_value=self._padding,
        )
        lengths = torch.tensor([len(one.ids) for one in solutions])
        attention = (torch.arange(ids.shape[1]) < lengths[:, None]).long()
        with torch.inference_mode():
            logits = self._model(
                input_ids=ids.to(self._device),
                attention_mask=attention.to(self._device),
                use_cache=False,
            ).logits.float()
            if logits.shape[2] == 2:
                said = logits.softmax(dim=2)[:, :, 1]
            else:
                said = logits[:, :, 0] if self._value else logits[:, :, 0].sigmoid()
        told = said.cpu()
        return [told[row, list(one.positions)].tolist() for row, one in enumerate(solutions)]


def _model(folder: Path, dtype: str) -> tuple[Any, bool]:
    """The model, and whether weights of it are missing in the folder."""
    model, report = AutoModelForTokenClassification.from_pretrained(
        str(folder),
        dtype=dtype,
        use_safetensors=True,
        trust_remote_code=False,
        output_loading_info=True,
    )
    return model, bool(report["missing_keys"])
