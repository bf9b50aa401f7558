"""From messages to a model's input text and tokens; the token that ends an assistant's turn."""

import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, lru_cache, partial
from typing import TYPE_CHECKING, Any, cast

from jinja2 import TemplateError

from engines.chat.control_tokens import marked, template_ids, text_ids, text_spans
from engines.chat.thinking import after_thought, answering
from engines.chat.turns import REASONING, tools_of, turn_of, unread, with_texts
from engines.protocol import Marks, RowError
from schemas import Message, canonical, messages_of

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_PLACEHOLDER = "spoken"
_THOUGHT = "pondered"

_log = logging.getLogger(__name__)


def chat_text(
    tokenizer: "PreTrainedTokenizerBase",
    messages: Sequence[Message],
    arguments: Mapping[str, Any] | None = None,
) -> str:
    """The chat template's output for ``messages``, with the header of the assistant's turn.

    Control tokens in the messages are marked as text (`engines.chat.control_tokens`). If the
    template refuses or ignores a system turn, that turn is merged into the next user turn. A
    thought of an earlier turn is given to the template, which may leave it out.

    Args:
        tokenizer: the model's tokenizer, which has the chat template.
        messages: the conversation. If the last message is the assistant's, its content follows the
            header without an end, and the model continues it. Its thought comes first; if it has
            none, that thought is empty (`engines.chat.thinking.answering`).
        arguments: arguments of the template, such as ``enable_thinking``.

    Raises:
        RowError: the template refuses the messages, or leaves out a part of them.
    """
    turns = [with_texts(message, partial(marked, tokenizer)) for message in messages_of(messages)]
    tools = tools_of(turns)
    answer: Message = {"role": "assistant", "content": ""}
    if turns and turns[-1]["role"] == "assistant":
        if "tool_calls" in turns[-1]:
            raise RowError("the last message calls tools: only a text can be continued")
        answer = turns.pop()
    render = partial(rendered, tokenizer, arguments or {})
    system_texts = [turn["content"].strip() for turn in turns if turn["role"] == "system"]
    merged = without_system(turns)
    for form in [turns, merged] if system_texts else [turns]:
        try:
            text = render(form, tools)
        # A template is a user's program and may raise anything; the error concerns this row only.
        except Exception as error:
            refusal = error
            continue
        if form is merged:
            _warn_merged(str(tokenizer.name_or_path))
        if form is merged or all(system in text for system in system_texts):
            refuse_unread(tokenizer, text, form, tools, render)
            return _with_beginning(text, answer, thought_form(tokenizer, arguments))
    raise RowError(f"the chat template refuses these messages: {refusal}") from refusal


def _with_beginning(header: str, answer: Message, form: Marks | None) -> str:
    """A prompt's text, and the beginning of ``answer`` if there is one."""
    if "reasoning" in answer:
        return after_thought(header, answer["reasoning"], form) + answer["content"]
    if not answer["content"]:
        return header
    return answering(header, begins=answer["content"], form=form) + answer["content"]


def thought_form(
    tokenizer: "PreTrainedTokenizerBase", arguments: Mapping[str, Any] | None = None
) -> Marks | None:
    """What the chat template writes before and after the thought of an answer, after the generation
    header.

    None if it writes no thought there: the template does not know them, or ``arguments`` switch
    them off. None also if the header opens the thought itself (`thinking.open_thought`).
    """
    return _thought_form(tokenizer, canonical(dict(arguments or {})))


@lru_cache(maxsize=8)
def _thought_form(tokenizer: "PreTrainedTokenizerBase", arguments: str) -> Marks | None:
    question = {"role": "user", "content": "?"}
    thought = dict.fromkeys(REASONING, _THOUGHT)
    answered = {"role": "assistant", "content": _PLACEHOLDER, **thought}
    keywords = json.loads(arguments)
    # A template is a user's program and may raise anything.
    try:
        header = str(
            tokenizer.apply_chat_template(
                [question], tokenize=False, add_generation_prompt=True, **keywords
            )
        )
        full_text = str(
            tokenizer.apply_chat_template([question, answered], tokenize=False, **keywords)
        )
    except Exception:
        return None
    opens, thinks, rest = full_text.removeprefix(header).partition(_THOUGHT)
    closes, speaks, _ = rest.partition(_PLACEHOLDER)
    is_readable = full_text.startswith(header) and thinks and speaks and opens.strip()
    return Marks(opens, closes) if is_readable else None


def rendered(
    tokenizer: "PreTrainedTokenizerBase",
    arguments: Mapping[str, Any],
    messages: Sequence[Message],
    tools: list[Any] | None,
    *,
    answers: bool = True,
) -> str:
    """The chat template's output, followed by the header of an answer if ``answers``."""

    def applied(*, parsed: bool) -> str:
        turns = [turn_of(message, reasoning=REASONING, parsed=parsed) for message in messages]
        text: Any = tokenizer.apply_chat_template(
            turns, tools=tools, tokenize=False, add_generation_prompt=answers, **arguments
        )
        return str(text)

    try:
        return applied(parsed=True)
    except TypeError:
        # Some templates (DeepSeek-V3) join the arguments of a call to a text.
        return applied(parsed=False)


def refuse_unread(
    tokenizer: "PreTrainedTokenizerBase",
    text: str,
    turns: Sequence[Message],
    tools: list[Any] | None,
    render: Callable[[Sequence[Message], list[Any] | None], str],
) -> None:
    """Raises `RowError` if ``text``, which ``render`` gave, lacks a part of the conversation."""
    missing = next(unread(text, turns, tools, render), None)
    if missing is None:
        thought = next((at for at, turn in enumerate(turns) if "reasoning" in turn), None)
        if thought is not None and not _reads_reasoning(tokenizer):
            missing = f"'reasoning' of message {thought}"
    if missing is not None:
        raise RowError(
            f"the chat template leaves out {missing}: bind a model whose template has it, or "
            "remove it from the messages"
        )


def _reads_reasoning(tokenizer: "PreTrainedTokenizerBase") -> bool:
    """Whether the template names the field of a thought. It may still leave out earlier ones."""
    return any(re.search(rf"\b{name}\b", str(tokenizer.chat_template)) for name in REASONING)


def without_system(messages: Sequence[Message]) -> list[Message]:
    """The messages with each system turn merged into the next user turn, before its text and a
    blank line. If the next turn is not a user's, the system turn becomes a user turn."""
    turns: list[Message] = []
    waiting: list[str] = []
    for message in messages:
        if message["role"] == "system":
            waiting.append(message["content"])
            continue
        if waiting and message["role"] == "user":
            merged = "\n\n".join([*waiting, message["content"]])
            turns.append(cast(Message, {**message, "content": merged}))
        elif waiting:
            turns += [_user(*waiting), message]
        else:
            turns.append(message)
        waiting = []
    return [*turns, _user(*waiting)] if waiting else turns


def _user(*texts: str) -> Message:
    return {"role": "user", "content": "\n\n".join(texts)}


@cache
def _warn_merged(model: str) -> None:
    """Warns once per model."""
    _log.warning(
        "the chat template of %s has no system turn: its text is put before the user's", model
    )


def prompt_ids(tokenizer: "PreTrainedTokenizerBase", text: str) -> list[int]:
    """The token ids of `chat_text`'s output. The template's marks are control tokens.

    Raises:
        RowError: the text is not valid Unicode (it has half of a surrogate pair).
    """
    with _tokenizer_errors():
        return template_ids(tokenizer, text)


def token_ids(tokenizer: "PreTrainedTokenizerBase", text: str) -> list[int]:
    """The token ids of a user's or a model's ``text``. None is a control token.

    Raises:
        RowError: the text is not valid Unicode (it has half of a surrogate pair).
    """
    with _tokenizer_errors():
        return text_ids(tokenizer, text)


def token_spans(
    tokenizer: "PreTrainedTokenizerBase", text: str
) -> tuple[list[int], Sequence[tuple[int, int]]]:
    """`token_ids`, and each token's characters as [start, end)."""
    with _tokenizer_errors():
        return text_spans(tokenizer, text)


@contextmanager
def _tokenizer_errors() -> Iterator[None]:
    try:
        yield
    except (TypeError, UnicodeEncodeError) as error:
        raise RowError(f"this text cannot be tokenised: {error}") from error


def turn_end(tokenizer: "PreTrainedTokenizerBase", ends: frozenset[int]) -> int | None:
    """The token that ends an assistant's turn.

    It is the first token that the chat template puts after the assistant's text and that is in
    ``ends`` (the tokens that stop generation), or else is special. Without one, it is the
    tokenizer's end token.
    """
    turns = [{"role": "user", "content": "?"}, {"role": "assistant", "content": _PLACEHOLDER}]
    try:
        text = str(tokenizer.apply_chat_template(turns, tokenize=False))
    except (TemplateError, IndexError, TypeError):
        return _eos_token(tokenizer)
    after = prompt_ids(tokenizer, text.rpartition(_PLACEHOLDER)[2])
    special = set(tokenizer.all_special_ids)
    candidates = [token for token in after if token in ends] or [t for t in after if t in special]
    return candidates[0] if candidates else _eos_token(tokenizer)


def _eos_token(tokenizer: "PreTrainedTokenizerBase") -> int | None:
    end: int | None = tokenizer.eos_token_id
    return end


def require_room(prompt: Sequence[int], positions: int) -> None:
    """Raises `RowError` if a model of ``positions`` tokens has no room for this prompt's answer."""
    if not prompt:
        raise RowError("the prompt has no tokens")
    if len(prompt) + 1 > positions:
        raise RowError(
            f"the prompt has {len(prompt)} tokens and the model takes {positions}, the answer "
            "included"
        )
