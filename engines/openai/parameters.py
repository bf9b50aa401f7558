"""What a served model will not take: found out from its refusals, left out of every later request.

A model refuses what others take: reasoning models ``temperature`` and ``max_tokens``, some servers
``seed`` or log-probs, some chat templates the system turn. A refusal that names such a part is
tried again without it; if that is answered, the part was the cause. A request's identity is what
was asked for, not what was left out.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from engines.chat.template import without_system
from engines.openai.failures import Failure
from schemas import Message

SYSTEM = "system"
"""Stands for the system turn, which is merged into the user's."""
RENAMED = {"max_tokens": "max_completion_tokens"}
"""What is sent under another name instead of being left out."""
_OPTIONAL = (
    *("return_token_ids", "seed", "min_p", "repetition_penalty", "top_k"),
    *("top_logprobs", "logprobs", "top_p", "stop", "temperature"),
)
"""What may be left out; where a refusal names several, the first of these goes first."""
_REFUSING = frozenset({400, 403, 404, 422, 501})
_REFUSES = re.compile(
    r"support|permitted|allowed|unknown|unrecogni|unexpected|additional propert|extra "
    r"|deprecat|cannot both|cannot be used|cannot find|not enabled|only the default|instead",
    re.IGNORECASE,
)
"""What refusals of a field say, and those of its value (too large, out of range) do not."""
_NO_SYSTEM = re.compile(
    r"system['\" ]*(role|message|prompt|instruction|turn)|role.{0,40}\bsystem\b"
    r"|support 'system'|developer instruction|roles? must alternate|messages\W*0\W*role",
    re.IGNORECASE,
)
"""What servers say where a chat template has no system turn, some of them with a 500."""


def named(failure: Failure, messages: Sequence[Message], body: Mapping[str, Any]) -> str | None:
    """The part of a request that ``failure`` names as its cause and that can be left out, or put
    otherwise; None if it names none. ``messages`` and ``body`` are as they were sent."""
    if failure.status not in _REFUSING | {500}:
        return None
    if _NO_SYSTEM.search(failure.said) and any(one["role"] == "system" for one in messages):
        return SYSTEM
    if failure.status == 500 or not _REFUSES.search(failure.said):
        return None
    for part in _OPTIONAL:
        if part in body and part in failure.parameters:
            return part
    for part, other in RENAMED.items():
        if part in body and re.search(rf"\b{other}\b", failure.said):
            return part
    for part in _OPTIONAL:
        if part in body and re.search(rf"\b{part}\b", failure.said):
            return part
    return None


def adapted(
    messages: Sequence[Message], body: Mapping[str, Any], without: Collection[str]
) -> tuple[list[Message], dict[str, Any]]:
    """The request with the parts ``without`` left out, renamed or, the system turn, merged."""
    turns: list[Message] = [*without_system(messages)] if SYSTEM in without else [*messages]
    kept = {
        RENAMED.get(name, name) if name in without else name: value
        for name, value in body.items()
        if name not in without or name in RENAMED
    }
    if "logprobs" not in kept:
        kept.pop("top_logprobs", None)
    return turns, kept
