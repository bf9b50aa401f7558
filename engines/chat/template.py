"""From messages to the text and tokens that a model reads, and the token that ends its turn."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from jinja2 import TemplateError

from engines.chat.control_tokens import marked, template_ids, text_ids, text_spans
from engines.chat.thinking import answering
from engines.protocol import RowError
from schemas import Message

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_SPOKEN = "spoken"

_log = logging.getLogger(__name__)


def chat_text(
    tokenizer: "PreTrainedTokenizerBase",
    messages: Sequence[Message],
    arguments: Mapping[str, Any] | None = None,
) -> str:
    """The chat template over ``messages``, with the header that starts the assistant's turn.

    Where the last message is the assistant's, its content follows that header, unended: the model
    goes on from there; a thought that the header opens is ended before it. ``arguments`` are the
    template's (``enable_thinking``). Control tokens in the messages are marked as text
    (`engines.chat.control_tokens`). A template that refuses a system turn, or passes it over, gets
    it merged into the user's that follows. Raises `RowError` if the template refuses the messages.
    """
    turns = [
        {part: marked(tokenizer, said) for part, said in message.items()} for message in messages
    ]
    begun = ""
    if turns and turns[-1]["role"] == "assistant":
        begun = turns.pop()["content"]
    said = [turn["content"].strip() for turn in turns if turn["role"] == "system"]
    merged = without_system(turns)
    for form in [turns, merged] if said else [turns]:
        try:
            text = str(
                tokenizer.apply_chat_template(
                    form, tokenize=False, add_generation_prompt=True, **(arguments or {})
                )
            )
        # A template is somebody's program: whatever it raises is about these messages.
        except Exception as error:
            refusal = error
            continue
        if form is merged:
            _tell_merged(str(tokenizer.name_or_path))
        if form is merged or all(one in text for one in said):
            return answering(text, begins=begun) + begun if begun else text
    raise RowError(f"the chat template refuses these messages: {refusal}") from refusal


def without_system(messages: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """The messages with each system turn put before the words of the user turn that follows it, a
    blank line between; one that no user turn follows becomes a user turn."""
    turns: list[dict[str, str]] = []
    waiting: list[str] = []
    for message in messages:
        if message["role"] == "system":
            waiting.append(message["content"])
            continue
        if waiting and message["role"] == "user":
            turns.append(_user(*waiting, message["content"]))
        elif waiting:
            turns += [_user(*waiting), dict(message)]
        else:
            turns.append(dict(message))
        waiting = []
    return [*turns, _user(*waiting)] if waiting else turns


def _user(*said: str) -> dict[str, str]:
    return {"role": "user", "content": "\n\n".join(said)}


@cache
def _tell_merged(model: str) -> None:
    """Once a model, not once a prompt."""
    _log.warning(
        "the chat template of %s has no system turn: its words are put before the user's", model
    )


def prompt_ids(tokenizer: "PreTrainedTokenizerBase", text: str) -> list[int]:
    """The tokens of what `chat_text` gave: marks of the template are control tokens.

    Raises `RowError` if the text is no Unicode text (it holds half of a surrogate pair).
    """
    with _tokenizer_errors():
        return template_ids(tokenizer, text)


def token_ids(tokenizer: "PreTrainedTokenizerBase", text: str) -> list[int]:
    """The tokens of ``text``, which somebody or a model wrote: none is a control token.

    Raises `RowError` if the text is no Unicode text (it holds half of a surrogate pair).
    """
    with _tokenizer_errors():
        return text_ids(tokenizer, text)


def token_spans(
    tokenizer: "PreTrainedTokenizerBase", text: str
) -> tuple[list[int], Sequence[tuple[int, int]]]:
    """`token_ids`, and the characters [start, end) that each token is made of."""
    with _tokenizer_errors():
        return text_spans(tokenizer, text)


@contextmanager
def _tokenizer_errors() -> Iterator[None]:
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


def require_room(prompt: Sequence[int], positions: int) -> None:
    """Raises `RowError` where a model of so many ``positions`` cannot answer a prompt of these
    tokens."""
    if not prompt:
        raise RowError("the prompt has no tokens")
    if len(prompt) + 1 > positions:
        raise RowError(
            f"the prompt has {len(prompt)} tokens and the model takes {positions}, the answer "
            "included"
        )
