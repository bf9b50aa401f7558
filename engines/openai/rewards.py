"""Rewards of a classification model that vLLM serves (``POST /pooling``)."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from engines.bindings import Binding
from engines.chat.answer_tokens import AnswerTokenizer
from engines.chat.spelling import spelled_apart, spelled_together
from engines.chat.template import chat_text
from engines.chat.turns import turn_of, with_texts
from engines.openai.client import THOUGHT, Server
from engines.protocol import EngineError, Rewards, RowError
from engines.reward_heads import step_rewards
from schemas import Message

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class ServedRewards:
    """Requests rewards from one server.

    If the binding names the weights too, prompt and answer are sent as tokens, the same as in other
    engines. Otherwise they are sent as messages, and the server applies its chat template. Rewards
    of steps are then not possible.
    """

    def __init__(self, server: Server, binding: Binding) -> None:
        self._server = server
        self._binding = binding

    async def reward(
        self,
        messages: Sequence[Message],
        text: str,
        step_ends: Sequence[int] | None,
        *,
        end: bool = True,
    ) -> Rewards:
        """As `engines.protocol.Engine.reward`."""
        if self._binding.model is not None:
            return await self._of_tokens(messages, text, step_ends, end=end)
        if step_ends is not None:
            raise EngineError(
                f"{self._server}: rewards of steps need the model's tokenizer. Name its weights "
                "in the binding ('model': a folder or a Hub id)"
            )
        if not end:
            raise RowError(
                f"{self._server} ends the turn of every answer, so one that was cut off has no "
                "reward. Name the model's weights in the binding ('model': a folder or a Hub id)"
            )
        if any("tools" in message for message in messages):
            raise EngineError(
                f"{self._server}: rewards of prompts with tools need the model's tokenizer. Name "
                "its weights in the binding ('model': a folder or a Hub id)"
            )
        turns: list[Message] = [message.copy() for message in messages]
        answer = spelled_apart({"role": "assistant", "content": text})
        if turns and turns[-1]["role"] == "assistant":
            turns[-1]["content"] += answer["content"]
        else:
            turns.append(answer)
        sent = [turn_of(turn, reasoning=THOUGHT, parsed=False) for turn in turns]
        rows, tokens = await self._logits({"messages": sent})
        return Rewards((self._outcome(rows),), tokens)

    async def _of_tokens(
        self,
        messages: Sequence[Message],
        text: str,
        step_ends: Sequence[int] | None,
        *,
        end: bool,
    ) -> Rewards:
        turns = [with_texts(turn, spelled_together) for turn in messages]
        prompt = chat_text(self._tokenizer, turns, self._binding.template_arguments)
        answer = self._answers.tokens(prompt, text, step_ends, end=end)
        rows, _ = await self._logits({"input": list(answer.ids)})
        count = len(answer.ids)
        if step_ends is None:
            return Rewards((self._outcome(rows),), count)
        if len(rows) != count:
            raise EngineError(
                f"{self._server} gives {len(rows)} rewards of {count} tokens: serve a token "
                "classification model, with --pooler-config.task token_classify"
            )
        import torch

        values = step_rewards(torch.tensor(rows), self._config)
        return Rewards(tuple(values[list(answer.positions)].tolist()), count)

    async def _logits(self, fields: Mapping[str, Any]) -> tuple[list[list[float]], int]:
        """The head's output, one row or one row per token; and the number of tokens read."""
        reply = await self._server.pool({**fields, "use_activation": False})
        return reply.data[0].rows, reply.read

    def _outcome(self, rows: Sequence[Sequence[float]]) -> float:
        if len(rows) != 1 or len(rows[0]) != 1:
            raise EngineError(
                f"{self._server} gives {len(rows)} x {len(rows[0])} numbers where one reward of "
                "the answer is expected: serve a sequence classification model of one label"
            )
        return rows[0][0]

    @cached_property
    def _tokenizer(self) -> "PreTrainedTokenizerBase":
        from engines.weights import chat_tokenizer

        return chat_tokenizer(self._binding)

    @cached_property
    def _config(self) -> Any:
        from transformers import AutoConfig

        from engines.weights import model_folder

        folder = str(model_folder(self._binding))
        return AutoConfig.from_pretrained(folder, trust_remote_code=False)

    @cached_property
    def _answers(self) -> AnswerTokenizer:
        # The server itself refuses an answer that is too long.
        return AnswerTokenizer(self._tokenizer, limit=None)
