"""Control tokens in what a server is sent.

A server tokenises by itself, and reads what is spelled as a control token as one. So what
is spelled as those of known models gets a character without width after its first: then it is text
to every tokenizer. An answer that repeats it has it taken out again.
"""

import re

from schemas import Message

_JOINER = "\u2060"
_CONTROL = re.compile(
    r"(?:<(?=[|｜][^<>\s]{1,60}[|｜]>"  # <|im_end|>, <|eot_id|>, <｜User｜>
    r"|/?s>|(?:bos|eos|pad|unk|start_of_turn|end_of_turn|start_of_image|turn\||\|turn)>)"
    r"|\[(?=/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_RESULTS|TOOL_CALLS)\]))"
)
_APART = re.compile(rf"([<\[]){_JOINER}")


def spelled_apart(message: Message) -> Message:
    """``message`` as it is sent: none of it is spelled as a control token."""
    return {part: _CONTROL.sub(rf"\g<0>{_JOINER}", said) for part, said in message.items()}


def spelled_together(text: str) -> str:
    """An answer as the model meant it."""
    return _APART.sub(r"\1", text)
