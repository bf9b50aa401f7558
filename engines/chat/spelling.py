"""Control tokens in messages to a server.

A server tokenises messages itself, and takes the spelling of a control token for the token. So
spellings of known control tokens get a zero-width character after their first character: every
tokenizer then reads them as text. The character is removed from answers.
"""

import re

from engines.chat.turns import with_texts
from schemas import Message

_JOINER = "\u2060"
_CONTROL = re.compile(
    r"(?:<(?=[|｜][^<>\s]{1,60}[|｜]>"  # <|im_end|>, <|eot_id|>, <｜User｜>
    r"|/?s>|(?:bos|eos|pad|unk|start_of_turn|end_of_turn|start_of_image|turn\||\|turn)>)"
    r"|\[(?=/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_RESULTS|TOOL_CALLS)\]))"
)
_JOINED_SPELLING = re.compile(rf"([<\[]){_JOINER}")


def spelled_apart(message: Message) -> Message:
    """``message`` with a zero-width character inside each spelling of a control token."""
    return with_texts(message, lambda text: _CONTROL.sub(rf"\g<0>{_JOINER}", text))


def spelled_together(text: str) -> str:
    """An answer without the zero-width characters of `spelled_apart`."""
    return _JOINED_SPELLING.sub(r"\1", text)
