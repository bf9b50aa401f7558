"""The token ids a policy is trained on: exactly those its engine reads and writes.

A template is applied once, to the prompt with its generation header; the answer's ids follow and
then the token that ends the turn. To render the whole conversation and look for where the prompt
stops loses the answer's first tokens, or trains on a header that is never generated, as soon as a
template treats the last turn differently (trl#6433).
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate, takewhile
from typing import Any

from engines.chat.template import chat_text, prompt_ids, token_ids, token_spans
from engines.chat.thinking import answering
from engines.chat.tokenizer import tokens_until
from engines.protocol import RowError
from schemas import Message

UNLEARNED = -100
"""The label that torch's cross entropy leaves out."""


class Reader:
    """Turns messages into ids with ``tokenizer``; ``end`` is the id that ends a turn, ``arguments``
    are those of its chat template."""

    def __init__(
        self, tokenizer: Any, end: int, arguments: Mapping[str, Any] | None = None
    ) -> None:
        self._tokenizer = tokenizer
        self._end = end
        self._arguments = arguments

    def prompt(self, messages: Sequence[Message], answer: str = "") -> list[int]:
        """The ids of ``messages`` and of the header that starts the assistant's turn. A thought
        that the header opens is ended, unless ``answer``, which follows, begins with one."""
        header = chat_text(self._tokenizer, messages, self._arguments)
        return prompt_ids(self._tokenizer, answering(header, begins=answer))

    def answer(self, text: str, *, ended: bool = True) -> list[int]:
        """The ids of ``text`` and, where it is ``ended``, of the end of the turn."""
        ids = token_ids(self._tokenizer, text)
        return [*ids, self._end] if ended else ids

    def shared(self, one: str, other: str, characters: int) -> int:
        """How many tokens both texts begin with that end within their first ``characters``.

        A token that reaches beyond those is a part of what differs, and so are all tokens after
        the first that the two do not have in common, even of characters that they have.
        """
        if not characters:
            return 0
        ids, offsets = token_spans(self._tokenizer, one)
        others = token_ids(self._tokenizer, other)
        both = zip(ids, others, offsets, strict=False)
        within = takewhile(lambda two: two[0] == two[1] and two[2][1] <= characters, both)
        return sum(1 for _ in within)

    def steps(self, prompt: Sequence[int], texts: Sequence[str]) -> tuple[list[int], list[int]]:
        """The ids of ``prompt`` and of the answer that ``texts`` joined are, unended, and where in
        them the last token of each step is. A step without a token ends where the one before it
        does, at the prompt's last token if it is the first."""
        ends = list(accumulate(map(len, texts)))
        ids, counts = tokens_until(self._tokenizer, "".join(texts), ends)
        return [*prompt, *ids], [len(prompt) + count - 1 for count in counts]

    def numbered(self, text: str, ends: Sequence[int]) -> tuple[list[int], list[int]]:
        """The ids of `answer`, and of each the number of the step that it is of, from 0: steps end
        after ``ends`` characters. The end of the turn is of the last step, and a token that lies
        across an end of the step before it."""
        ids, counts = tokens_until(self._tokenizer, text, ends)
        return [*ids, self._end], [
            *(bisect_right(counts, place) for place in range(len(ids))),
            len(ends) - 1,
        ]

    def labels(self, text: str, spans: Sequence[Sequence[int]] | None) -> list[int]:
        """What is learned of `answer`: its ids, and −100 for tokens outside of ``spans``.

        A token with a character in one of the [start, end) spans is learned; the end of the turn
        is if the last token is. None stands for the whole text. Raises `RowError` if no token is
        learned.
        """
        if spans is None:
            return self.answer(text)
        ids, offsets = token_spans(self._tokenizer, text)
        learned = [any(a < end and start < b for start, end in spans) for a, b in offsets]
        if not any(learned):
            raise RowError("loss_spans hold no token of the last message")
        return [
            number if wanted else UNLEARNED
            for number, wanted in zip([*ids, self._end], [*learned, learned[-1]], strict=True)
        ]


def one_answer(messages: Sequence[Message], side: str) -> str:
    """The text of one side of a pair: one message, the assistant's, or else `RowError`."""
    if len(messages) != 1 or messages[0]["role"] != "assistant":
        raise RowError(f"{side} is not one message of the assistant")
    return messages[0]["content"]
