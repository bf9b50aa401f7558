"""What a server says when it does not answer: HTTP's status, or an error in the body of a 200."""

import json
import re
from collections.abc import Mapping
from typing import Any

UNREADABLE = 200
"""The status of a failure that claims to be an answer."""
SILENT = 0
"""The status of a failure without any answer."""

_OVERLOAD = frozenset({408, 425, 429, 502, 503, 504, 529})

_WORDS = (
    ("insufficient_quota", 402),
    ("insufficient_credit", 402),
    ("billing", 402),
    ("rate_limit", 429),
    ("too_many", 429),
    ("exhausted", 429),
    ("throttl", 429),
    ("overload", 503),
    ("unavailable", 503),
    ("timeout", 504),
    ("api_key", 401),
    ("authentic", 401),
    ("permission", 403),
    ("forbidden", 403),
    ("not_found", 404),
    ("context_length", 400),
    ("content", 400),
    ("invalid", 400),
    ("badrequest", 400),
    ("bad_request", 400),
    ("unsupported", 400),
)
"""Parts of error codes and types, and the status that each stands for; the first one counts."""
_TAG = re.compile(r"<(script|style)\b.*?</\1>|<[^>]+>", re.DOTALL | re.IGNORECASE)
_AGAIN_IN = re.compile(r"(?:try again|retry) (?:in|after) ((?:\d+(?:\.\d+)?(?:ms|[dhms]))+)", re.I)


class Failure(Exception):
    """One request that was not answered.

    Attributes:
        status: HTTP's, or what the error in the body stands for; `SILENT`, `UNREADABLE`.
        said: the server's words.
        headers: those of the answer, names in small letters; with what the body says of when to
            come again.
        parameters: names of request fields that the server itself gives as the cause.
        overload: whether fewer requests at a time might have been answered.
    """

    def __init__(
        self,
        status: int,
        said: str,
        *,
        headers: Mapping[str, str] | None = None,
        parameters: tuple[str, ...] = (),
        overdue: bool = False,
    ) -> None:
        super().__init__(said)
        self.status = status
        self.said = said
        self.headers = headers or {}
        self.parameters = parameters
        self.overload = overdue or status in _OVERLOAD


def refused(status: int, text: str, headers: Mapping[str, str]) -> Failure:
    """The failure that an answer with an error status, or an error in its body, tells of.

    Args:
        status: HTTP's; 200 where the body alone says that it failed.
    """
    try:
        error = _error(json.loads(text))
    except (ValueError, RecursionError):
        error = None
    found = {name.lower(): value for name, value in headers.items()}
    if error is None:
        said = " ".join(_TAG.sub(" ", text).split())
        return Failure(status, said, headers=found)
    said = str(error.get("message") or error.get("msg") or json.dumps(error, ensure_ascii=False))
    stands_for = _status(error)
    if status == UNREADABLE or stands_for == 402:
        status = stands_for
    metadata = error.get("metadata")
    if isinstance(metadata, dict) and isinstance(metadata.get("headers"), dict):
        found |= {str(name).lower(): str(value) for name, value in metadata["headers"].items()}
    if again := _AGAIN_IN.search(said):
        found.setdefault("retry-after", again.group(1))
    return Failure(status, said, headers=found, parameters=_parameters(error))


def _error(body: Any) -> dict[str, Any] | None:
    """The error object of a body, in whichever of the known shapes; None without one."""
    if isinstance(body, list):
        body = body[0] if body else None
    if not isinstance(body, dict):
        return None
    for name in ("error", "errors", "detail"):
        inner = body.get(name)
        if isinstance(inner, list):
            inner = {**body, **inner[0]} if inner and isinstance(inner[0], dict) else inner
        if isinstance(inner, dict):
            return inner
        if inner:
            return {**body, "message": str(inner)}
    choices = body.get("choices")
    if isinstance(choices, list) and choices:
        first = choices[0]
        return _error({"error": first.get("error")}) if isinstance(first, dict) else None
    return body if isinstance(body.get("message"), str) else None


def _status(error: Mapping[str, Any]) -> int:
    """What the error's code, status or type stand for; 500 if nothing known."""
    for name in ("code", "status", "status_code", "type", "error_type"):
        given = str(error.get(name) or "").strip()
        if re.fullmatch(r"[1-5]\d\d", given):
            return int(given)
        word = re.sub(r"[\s-]+", "_", given.lower())
        for part, status in _WORDS:
            if part in word:
                return status
    return 500


def _parameters(error: Mapping[str, Any]) -> tuple[str, ...]:
    """What the error gives as its cause: OpenAI's ``param``, or the end of FastAPI's ``loc``."""
    place = error.get("loc")
    given = [error.get("param"), place[-1] if isinstance(place, list) and place else None]
    return tuple(one for one in given if isinstance(one, str) and one)
