"""Temporary failures: those of a network, a remote disk or a busy server."""

import errno
import socket
from urllib.error import HTTPError

_BUSY = frozenset({408, 425, 429})
"""HTTP statuses below 500 that ask for a retry."""

_PASSING = frozenset(
    {
        *(errno.EAGAIN, errno.EBUSY, errno.EINTR, errno.EIO, errno.ESTALE, errno.ETIMEDOUT),
        *(errno.ECONNABORTED, errno.ECONNREFUSED, errno.ECONNRESET, errno.EPIPE),
        *(errno.ENETDOWN, errno.ENETUNREACH, errno.EHOSTDOWN, errno.EHOSTUNREACH),
    }
)
"""Errors of a network, or of a disk or object store behind it. A missing file, a full disk or a
missing permission need a person."""


def may_pass(error: BaseException) -> bool:
    """Whether ``error`` may be temporary: a failed or timed-out connection, or an answer that asks
    for a retry. The cause of ``error`` does not count.

    Knows the errors of openai and huggingface_hub (both use httpx2), urllib and fsspec (whose
    errors are OSErrors).
    """
    import httpx2
    import openai
    from huggingface_hub.errors import OfflineModeIsEnabled

    http_status = status(error)
    if http_status is not None:
        return http_status in _BUSY or http_status >= 500
    if isinstance(error, OfflineModeIsEnabled):
        return False
    if isinstance(error, OSError):
        away = (ConnectionError, TimeoutError, socket.gaierror)
        return error.errno in _PASSING or isinstance(error, away)
    return isinstance(
        error,
        (
            openai.APIConnectionError,
            httpx2.TimeoutException,
            httpx2.NetworkError,
            httpx2.RemoteProtocolError,
            httpx2.ProxyError,
        ),
    )


def status(error: BaseException) -> int | None:
    """The HTTP status of the answer in ``error``; None if there was no answer."""
    if isinstance(error, HTTPError):
        return error.code
    code = getattr(getattr(error, "response", None), "status_code", None)
    return code if isinstance(code, int) else None
