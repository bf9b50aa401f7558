"""Content hashes: a row's id is what the row says, so the same row has the same id everywhere."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

Message = Mapping[str, str]
"""One turn of a chat: ``{"role": "user" | "assistant" | "system", "content": text}``."""


# json.dumps with any of these settings builds an encoder anew on every call.
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text."""
    return _ENCODER.encode(value)


def content_id(*parts: Any) -> str:
    """32 hexadecimal digits (128 bits) of BLAKE2b over the canonical JSON of ``parts``."""
    digest = hashlib.blake2b(canonical(parts).encode("utf-8", "surrogatepass"), digest_size=16)
    return digest.hexdigest()


def prompt_id(messages: Sequence[Message]) -> str:
    """The id of a prompt: its messages and nothing else, so one task from two sources is one."""
    return content_id([[message["role"], message["content"]] for message in messages])
