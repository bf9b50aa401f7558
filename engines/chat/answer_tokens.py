"""A prompt and an answer as a reward model reads them, and the tokens at which it is read."""

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
    """``ids`` of a prompt and an answer; ``positions`` in it at which rewards are read."""

    ids: tuple[int, ...]
    positions: tuple[int, ...]


class AnswerTokenizer:
    """Tokenizes answers with the tokenizer that a reward model was trained with."""

    def __init__(self, tokenizer: "PreTrainedTokenizerBase", *, limit: int | None) -> None:
        """``limit``: the most tokens that the model takes; None where it has none."""
        self._tokenizer = tokenizer
        self._limit = limit
        self._end = turn_end(tokenizer, frozenset({tokenizer.eos_token_id} - {None}))

    def tokens(self, prompt: str, text: str, step_ends: Sequence[int] | None) -> AnswerTokens:
        """The tokens of ``text`` as the answer to ``prompt``.

        Args:
            prompt: the chat template's text, generation header included.
            text: the answer.
            step_ends: after how many characters each step ends. A step is read at the last token
                that begins before its end; one that has none, where the one before it is. None:
                the turn's end is added, and the answer is read there.

        Raises:
            RowError: the tokens are more than the model takes, or the text is no Unicode text.
            EngineError: there are steps, and the tokenizer does not tell where its tokens lie.
        """
        begun = prompt_ids(self._tokenizer, answering(prompt, begins=text))
        if step_ends is None:
            end = [] if self._end is None else [self._end]
            ids = [*begun, *token_ids(self._tokenizer, text), *end]
            positions = [len(ids) - 1]
        else:
            answer, counts = self._until(text, step_ends)
            ids = begun + answer
            positions = [len(begun) + count - 1 for count in counts]
        if self._limit is not None and len(ids) > self._limit:
            raise RowError(f"{len(ids)} tokens, the reward model takes {self._limit}")
        return AnswerTokens(tuple(ids), tuple(positions))

    def _until(self, text: str, step_ends: Sequence[int]) -> tuple[list[int], list[int]]:
        if not self._tokenizer.is_fast:
            raise EngineError(
                f"{self._tokenizer.name_or_path}: a slow tokenizer does not say where its tokens "
                "lie in a text; save it with tokenizer.json"
            )
        return tokens_until(self._tokenizer, text, step_ends)
