"""The token ids for training: exactly those that the engine reads and writes.

The chat template is applied once, to the prompt with its generation header. The ids of the answer
follow, then the token that ends the turn. Rendering the whole conversation and searching for the
end of the prompt would lose the first tokens of the answer, or train on a header that is never
generated, if a template treats the last turn differently (trl#6433).
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate, takewhile
from typing import Any

from engines.chat.calls import calling_text
from engines.chat.template import chat_text, prompt_ids, thought_form, token_ids, token_spans
from engines.chat.thinking import answering
from engines.chat.tokenizer import tokens_until
from engines.protocol import RowError
from schemas import Message

UNLEARNED = -100
"""The label that torch's cross entropy ignores."""


class Reader:
    """Turns messages into token ids. ``end`` is the id that ends a turn; ``arguments`` are those of
    the chat template."""

    def __init__(
        self, tokenizer: Any, end: int, arguments: Mapping[str, Any] | None = None
    ) -> None:
        self._tokenizer = tokenizer
        self._end = end
        self._arguments = arguments

    def prompt(self, messages: Sequence[Message], answer: str = "") -> list[int]:
        """The ids of ``messages`` and of the header of the assistant's turn. Where the model would
        think, an empty thought follows, unless ``answer`` begins with its own."""
        return prompt_ids(self._tokenizer, self._prompt_text(messages, answer))

    def _prompt_text(self, messages: Sequence[Message], answer: str) -> str:
        header = chat_text(self._tokenizer, messages, self._arguments)
        form = thought_form(self._tokenizer, self._arguments)
        return answering(header, begins=answer, form=form)

    def message(
        self, prompt: Sequence[Message], message: Message, answer: str, *, ended: bool = True
    ) -> list[int]:
        """The ids of ``message``, an answer to ``prompt``, after those of `prompt` with the same
        ``answer``. Calls of tools are written as the chat template writes them.

        Raises:
            RowError: the template cannot write the calls, or does not end the turn after them.
        """
        if not message.get("tool_calls"):
            return self.answer(message["content"], ended=ended)
        header = chat_text(self._tokenizer, prompt, self._arguments)
        text = calling_text(self._tokenizer, [*prompt, message], self._arguments, after=header)
        # Some templates write an empty thought before a call. `prompt` has it already.
        empty = self._prompt_text(prompt, answer).removeprefix(header)
        ids = prompt_ids(self._tokenizer, text.removeprefix(empty))
        if self._end not in ids:
            raise RowError("the chat template does not end the turn after a call of a tool")
        end = ids.index(self._end)
        return ids[: end + 1] if ended else ids[:end]

    def answer(self, text: str, *, ended: bool = True) -> list[int]:
        """The ids of ``text`` and, if ``ended``, of the end of the turn."""
        ids = token_ids(self._tokenizer, text)
        return [*ids, self._end] if ended else ids

    def ends(self, text: str) -> list[int]:
        """The end of each token of ``text``, in characters."""
        return [end for _, end in token_spans(self._tokenizer, text)[1]]

    def shared(self, one: str, other: str, characters: int) -> int:
        """The number of tokens that both texts begin with and that end within the first
        ``characters``.

        A token that reaches beyond these characters does not count. Counting stops at the first
        token that differs, even if the characters after it are the same.
        """
        if not characters:
            return 0
        ids, offsets = token_spans(self._tokenizer, one)
        others = token_ids(self._tokenizer, other)
        both = zip(ids, others, offsets, strict=False)
        within = takewhile(lambda two: two[0] == two[1] and two[2][1] <= characters, both)
        return sum(1 for _ in within)

    def steps(self, prompt: Sequence[int], texts: Sequence[str]) -> tuple[list[int], list[int]]:
        """Token ids and the ends of steps.

        Returns:
            The ids of ``prompt`` and of the joined ``texts``, without an end of the turn; and
                for each step the position of its last token. A step without a token ends where
                the step before it ends; the first step then ends at the last token of the
                prompt.
        """
        ends = list(accumulate(map(len, texts)))
        ids, counts = tokens_until(self._tokenizer, "".join(texts), ends)
        return [*prompt, *ids], [len(prompt) + count - 1 for count in counts]

    def numbered(
        self, text: str, ends: Sequence[int], *, ended: bool = True
    ) -> tuple[list[int], list[int]]:
        """The ids of `answer`, and for each id the number of its step, from 0.

        ``ends`` are the offsets in characters at which steps end. The end of the turn belongs to
        the last step. A token across an end belongs to the step before that end.
        """
        ids, counts = tokens_until(self._tokenizer, text, ends)
        steps = [bisect_right(counts, place) for place in range(len(ids))]
        return ([*ids, self._end], [*steps, len(ends) - 1]) if ended else (ids, steps)

    def labels(
        self, text: str, spans: Sequence[Sequence[int]] | None, *, ended: bool = True
    ) -> list[int]:
        """The labels for `answer`: its ids, and −100 for tokens outside of ``spans``.

        A token with a character in one of the [start, end) spans is learned; the end of the turn is
        learned if the last token is. None means the whole text.

        Raises:
            RowError: no token is learned.
        """
        if spans is None:
            return self.answer(text, ended=ended)
        ids, offsets = token_spans(self._tokenizer, text)
        learned = [any(a < end and start < b for start, end in spans) for a, b in offsets]
        if not any(learned):
            raise RowError("loss_spans hold no token of the message")
        if ended:
            ids, learned = [*ids, self._end], [*learned, learned[-1]]
        return [
            number if is_learned else UNLEARNED
            for number, is_learned in zip(ids, learned, strict=True)
        ]


def one_message(messages: Sequence[Message], side: str) -> Message:
    """The message of one side of a pair.

    Raises:
        RowError: the side is not exactly one message of the assistant.
    """
    if len(messages) > 1:
        raise RowError(
            f"{side} is not one message of the assistant but a transcript of {len(messages)}: "
            "trainers.DPO, RewardModel, SFT and PolicyGradient learn these"
        )
    if not messages or messages[0]["role"] != "assistant":
        raise RowError(f"{side} is not one message of the assistant")
    return messages[0]


def one_answer(messages: Sequence[Message], side: str) -> str:
    """The text of one side of a pair.

    Raises:
        RowError: the side is not exactly one message of the assistant, or calls tools.
    """
    message = one_message(messages, side)
    if message.get("tool_calls"):
        raise RowError(f"{side} calls tools: only trainers.SFT and trainers.DPO learn calls")
    return message["content"]
