"""From messages to the text and tokens that a model reads, and the token that ends its turn."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from jinja2 import TemplateError

from engines.control import marked, template_ids, text_ids, text_spans
from engines.protocol import RowError
from schemas import Message

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_SPOKEN = "spoken"


def chat_text(tokenizer: "PreTrainedTokenizerBase", messages: Sequence[Message]) -> str:
    """The chat template over ``messages``, with the header that starts the assistant's turn.

    Where the last message is the assistant's, its content follows that header, unended: the model
    goes on from there. Control tokens in the messages are marked as text (`engines.control`).
    Raises `RowError` if the template refuses the messages.
    """
    turns = [
        {part: marked(tokenizer, said) for part, said in message.items()} for message in messages
    ]
    begun = ""
    if turns and turns[-1]["role"] == "assistant":
        begun = turns.pop()["content"]
    try:
        text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    # A template is somebody's program: whatever it raises is about these messages.
    except Exception as error:
        raise RowError(f"the chat template refuses these messages: {error}") from error
    return str(text) + begun


def prompt_ids(tokenizer: "PreTrainedTokenizerBase", text: str) -> list[int]:
    """The tokens of what `chat_text` gave: marks of the template are control tokens.

    Raises `RowError` if the text is no Unicode text (it holds half of a surrogate pair).
    """
    with _told():
        return template_ids(tokenizer, text)


def token_ids(tokenizer: "PreTrainedTokenizerBase", text: str) -> list[int]:
    """The tokens of ``text``, which somebody or a model wrote: none is a control token.

    Raises `RowError` if the text is no Unicode text (it holds half of a surrogate pair).
    """
    with _told():
        return text_ids(tokenizer, text)


def token_spans(
    tokenizer: "PreTrainedTokenizerBase", text: str
) -> tuple[list[int], Sequence[tuple[int, int]]]:
    """`token_ids`, and the characters [start, end) that each token is made of."""
    with _told():
        return text_spans(tokenizer, text)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (TypeError, UnicodeEncodeError) as error:
        raise RowError(f"this text cannot be tokenised: {error}") from error


def turn_end(tokenizer: "PreTrainedTokenizerBase", ends: frozenset[int]) -> int | None:
    """The token that the chat template puts after an assistant's words: the first one there that
    is in ``ends`` (what stops generation) or is a special token; else the tokenizer's own end."""
    turns = [{"role": "user", "content": "?"}, {"role": "assistant", "content": _SPOKEN}]
    try:
        text = str(tokenizer.apply_chat_template(turns, tokenize=False))
    except (TemplateError, IndexError, TypeError):
        return _own_end(tokenizer)
    after = prompt_ids(tokenizer, text.rpartition(_SPOKEN)[2])
    special = set(tokenizer.all_special_ids)
    found = [token for token in after if token in ends] or [t for t in after if t in special]
    return found[0] if found else _own_end(tokenizer)


def _own_end(tokenizer: "PreTrainedTokenizerBase") -> int | None:
    end: int | None = tokenizer.eos_token_id
    return end
