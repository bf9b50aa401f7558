"""What a chat template writes for an answer that calls tools."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from engines.chat.control_tokens import marked
from engines.chat.template import refuse_unread, rendered, without_system
from engines.chat.turns import tools_of, with_texts
from engines.protocol import RowError
from schemas import Message, messages_of

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def calling_text(
    tokenizer: "PreTrainedTokenizerBase",
    messages: Sequence[Message],
    arguments: Mapping[str, Any] | None = None,
    *,
    after: str,
) -> str:
    """The chat template's output for the last of ``messages``, which calls tools. It has the marks
    of the calls and of the end of the turn. A thought in a field of its own is left out.

    Args:
        tokenizer: the model's tokenizer, which has the chat template.
        messages: the conversation.
        arguments: arguments of the template, such as ``enable_thinking``.
        after: the text of the prompt with its header (`engines.chat.template.chat_text`).

    Raises:
        RowError: the template refuses the messages, leaves out a part of them such as the calls,
            or writes another text than ``after`` before the answer.
    """
    turns = [with_texts(message, partial(marked, tokenizer)) for message in messages_of(messages)]
    turns[-1] = cast(Message, {k: v for k, v in turns[-1].items() if k != "reasoning"})
    tools = tools_of(turns)
    render = partial(rendered, tokenizer, arguments or {}, answers=False)
    refusal: Exception | None = None
    for form in (turns, without_system(turns)):
        try:
            text = render(form, tools)
        # A template is a user's program and may raise anything; the error concerns this row only.
        except Exception as error:
            refusal = error
            continue
        if text.startswith(after):
            refuse_unread(tokenizer, text, form, tools, render)
            return text.removeprefix(after)
    if refusal is not None:
        raise RowError(f"the chat template refuses these messages: {refusal}") from refusal
    raise RowError(
        "the chat template writes the prompt in another way before a call than before a text"
    )
