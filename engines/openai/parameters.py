"""Parts of a request that a served model refuses. They are left out of all later requests.

Reasoning models refuse ``temperature`` and ``max_tokens``, some servers refuse ``seed`` or
log-probs, some chat templates refuse the system turn. If a refusal names such a part, the request
is sent again without it. If that is answered, the part was the cause. The identity of a request
still includes the part.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from engines.chat.template import without_system
from engines.openai.failures import Failure
from schemas import Message

SYSTEM = "system"
"""The name of the system turn, which is merged into the user's."""
RENAMED = {"max_tokens": "max_completion_tokens"}
"""Parts that are sent under another name instead of left out."""
_OPTIONAL = (
    *("return_token_ids", "seed", "min_p", "repetition_penalty", "top_k"),
    *("top_logprobs", "logprobs", "top_p", "stop", "temperature"),
)
"""Parts that may be left out. If a refusal names several, the first one here is left out first."""
_REFUSING = frozenset({400, 403, 404, 422, 501})
_REFUSES = re.compile(
    r"support|permitted|allowed|unknown|unrecogni|unexpected|additional propert|extra "
    r"|deprecat|cannot both|cannot be used|cannot find|not enabled|only the default|instead",
    re.IGNORECASE,
)
"""Words of messages that refuse a field. Messages that refuse its value (too large, out of range)
do not have them."""
_NO_SYSTEM = re.compile(
    r"system['\" ]*(role|message|prompt|instruction|turn)|role.{0,40}\bsystem\b"
    r"|support 'system'|developer instruction|roles? must alternate|messages\W*0\W*role",
    re.IGNORECASE,
)
"""Messages of servers whose chat template has no system turn. Some have status 500."""


def named(failure: Failure, messages: Sequence[Message], body: Mapping[str, Any]) -> str | None:
    """The part of a request that ``failure`` names as its cause, if it can be left out or changed;
    else None. ``messages`` and ``body`` are those that were sent."""
    if failure.status not in _REFUSING | {500}:
        return None
    if _NO_SYSTEM.search(failure.message) and any(turn["role"] == "system" for turn in messages):
        return SYSTEM
    if failure.status == 500 or not _REFUSES.search(failure.message):
        return None
    for part in _OPTIONAL:
        if part in body and part in failure.parameters:
            return part
    for part, other in RENAMED.items():
        if part in body and re.search(rf"\b{other}\b", failure.message):
            return part
    for part in _OPTIONAL:
        if part in body and re.search(rf"\b{part}\b", failure.message):
            return part
    return None


def adapted(
    messages: Sequence[Message], body: Mapping[str, Any], without: Collection[str]
) -> tuple[list[Message], dict[str, Any]]:
    """The request with the parts ``without`` left out or renamed, or the system turn merged."""
    turns: list[Message] = [*without_system(messages)] if SYSTEM in without else [*messages]
    kept = {
        RENAMED.get(name, name) if name in without else name: value
        for name, value in body.items()
        if name not in without or name in RENAMED
    }
    if "logprobs" not in kept:
        kept.pop("top_logprobs", None)
    return turns, kept
