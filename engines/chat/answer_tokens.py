"""The tokens of a prompt and an answer for a reward model, and where its rewards are read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engines.chat.template import prompt_ids, token_ids, turn_end
from engines.chat.thinking import answering
from engines.chat.tokenizer import tokens_until
from engines.protocol import EngineError, RowError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True)
class AnswerTokens:
    """Token ``ids`` of a prompt and an answer, and the ``positions`` where rewards are read."""

    ids: tuple[int, ...]
    positions: tuple[int, ...]


class AnswerTokenizer:
    """Tokenizes answers with the tokenizer that a reward model was trained with."""

    def __init__(self, tokenizer: "PreTrainedTokenizerBase", *, limit: int | None) -> None:
        """``limit``: the most tokens that the model takes; None if it has no limit."""
        self._tokenizer = tokenizer
        self._limit = limit
        self._end = turn_end(tokenizer, frozenset({tokenizer.eos_token_id} - {None}))

    def tokens(
        self, prompt: str, text: str, step_ends: Sequence[int] | None, *, end: bool = True
    ) -> AnswerTokens:
        """The tokens of ``text`` as the answer to ``prompt``.

        Args:
            prompt: the chat template's text, generation header included.
            text: the answer.
            step_ends: the end of each step, in characters. A step is read at the last token that
                begins before its end. A step without a token of its own is read where the step
                before it is. None: the answer is read at its last token.
            end: whether the end of the turn is added to an answer without ``step_ends``.

        Raises:
            RowError: there are more tokens than the model takes, or the text is not valid Unicode.
            EngineError: there are steps, and the tokenizer gives no character offsets.
        """
        prompt_tokens = prompt_ids(self._tokenizer, answering(prompt, begins=text))
        if step_ends is None:
            turn_end = [self._end] if end and self._end is not None else []
            ids = [*prompt_tokens, *token_ids(self._tokenizer, text), *turn_end]
            positions = [len(ids) - 1]
        else:
            answer, counts = self._until(text, step_ends)
            ids = prompt_tokens + answer
            positions = [len(prompt_tokens) + count - 1 for count in counts]
        if self._limit is not None and len(ids) > self._limit:
            raise RowError(f"{len(ids)} tokens, the reward model takes {self._limit}")
        return AnswerTokens(tuple(ids), tuple(positions))

    def _until(self, text: str, step_ends: Sequence[int]) -> tuple[list[int], list[int]]:
        if not self._tokenizer.is_fast:
            raise EngineError(
                f"{self._tokenizer.name_or_path}: a slow tokenizer gives no character offsets of "
                "its tokens; save it with tokenizer.json"
            )
        return tokens_until(self._tokenizer, text, step_ends)
