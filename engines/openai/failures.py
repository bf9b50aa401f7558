"""Failed requests: by HTTP status, or by an error in the body of a 200."""

import json
import re
from collections.abc import Mapping
from typing import Any

UNREADABLE = 200
"""The status of a failure with HTTP status 200."""
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
"""Parts of error codes and types, and the status of each. The first match counts."""
_TAG = re.compile(r"<(script|style)\b.*?</\1>|<[^>]+>", re.DOTALL | re.IGNORECASE)
_AGAIN_IN = re.compile(r"(?:try again|retry) (?:in|after) ((?:\d+(?:\.\d+)?(?:ms|[dhms]))+)", re.I)


class Failure(Exception):
    """One failed request.

    Attributes:
        status: the HTTP status, or that of the error in the body; or `SILENT`, `UNREADABLE`.
        message: the server's message.
        headers: the answer's headers, names in lower case. Includes the waiting time that the body
            names.
        parameters: names of request fields that the server gives as the cause.
        overload: whether it is a sign of overload.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        headers: Mapping[str, str] | None = None,
        parameters: tuple[str, ...] = (),
        overdue: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers or {}
        self.parameters = parameters
        self.overload = overdue or status in _OVERLOAD


def refused(status: int, text: str, headers: Mapping[str, str]) -> Failure:
    """The failure in an answer with an error status, or with an error in its body.

    Args:
        status: the HTTP status; 200 if only the body has an error.
        text: the body.
        headers: the headers.
    """
    try:
        error = _error(json.loads(text))
    except (ValueError, RecursionError):
        error = None
    lower_headers = {name.lower(): value for name, value in headers.items()}
    if error is None:
        message = " ".join(_TAG.sub(" ", text).split())
        return Failure(status, message, headers=lower_headers)
    message = str(error.get("message") or error.get("msg") or json.dumps(error, ensure_ascii=False))
    error_status = _status(error)
    if status == UNREADABLE or error_status == 402:
        status = error_status
    metadata = error.get("metadata")
    if isinstance(metadata, dict) and isinstance(metadata.get("headers"), dict):
        lower_headers |= {
            str(name).lower(): str(value) for name, value in metadata["headers"].items()
        }
    if again := _AGAIN_IN.search(message):
        lower_headers.setdefault("retry-after", again.group(1))
    return Failure(status, message, headers=lower_headers, parameters=_parameters(error))


def _error(body: Any) -> dict[str, Any] | None:
    """The error object of a body, in any known shape; None if there is none."""
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
    """The status of the error's code, status or type; 500 if none is known."""
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
    """The request fields that the error names: OpenAI's ``param``, or the end of FastAPI's
    ``loc``."""
    place = error.get("loc")
    given = [error.get("param"), place[-1] if isinstance(place, list) and place else None]
    return tuple(name for name in given if isinstance(name, str) and name)
